package django

import (
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
)

func TestSessionSettings(t *testing.T) {
	var s struct{ Session SessionSettings }
	err := toml.Unmarshal([]byte(`[session]
engine = "cached_db"
serializer = "django.contrib.sessions.serializers.PickleSerializer"
cookie_name = "sid"
cookie_age = "30d"
expire_at_browser_close = true
save_every_request = true`), &s)
	if err != nil {
		t.Fatal(err)
	}
	got := s.Session
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	if got.EngineModule() != "django.contrib.sessions.backends.cached_db" || !got.InDatabase() || !got.Pickles() ||
		got.Cookie() != "sid" || got.Age() != 30*24*time.Hour || !got.ExpireAtBrowserClose || !got.SaveEveryRequest {
		t.Errorf("%+v", got)
	}
	if err := toml.Unmarshal([]byte("[session]\ncookie_age = 3_600"), &s); err != nil || s.Session.Age() != time.Hour {
		t.Errorf("a number of seconds is %v, %v", s.Session.Age(), err)
	}
	var unset SessionSettings
	if unset.EngineModule() != "django.contrib.sessions.backends.db" || !unset.InDatabase() || unset.Pickles() ||
		unset.Cookie() != "sessionid" || unset.Age() != 1209600*time.Second || unset.Validate() != nil {
		t.Errorf("the defaults: %+v", unset)
	}
	for _, bad := range []SessionSettings{
		{CookieAge: Seconds{-1}}, {CookieAge: Seconds{1}}, {CookieName: "a b"}, {CookieName: "a=b"}, {CookieName: "ä"}, {Engine: "a b"}, {Serializer: "a\n"},
	} {
		if err := bad.Validate(); CodeOf(err) != CodeConfigInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestSessionDeletingLogsOut(t *testing.T) {
	const module = "django.contrib.sessions.backends."
	for engine, want := range map[string]struct{ rows, ends bool }{
		"": {true, true}, "db": {true, true}, module + "db": {true, true}, module + "cached_db": {true, false},
		"cache": {false, false}, module + "signed_cookies": {false, false}, "file": {false, false}, "shop.sessions": {false, false},
	} {
		s := SessionSettings{Engine: engine}
		ends, reason := s.DeletingLogsOut()
		if s.InDatabase() != want.rows || ends != want.ends || (reason == "") != want.ends {
			t.Errorf("%q: in database %v, ends %v: %s", engine, s.InDatabase(), ends, reason)
		}
	}
}

func TestSessionExpiry(t *testing.T) {
	modified := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	date := time.Date(2030, 1, 2, 3, 4, 5, 678901000, time.UTC)
	for value, want := range map[string]struct {
		expires time.Time
		closing bool
	}{
		``:                                   {modified.Add(time.Hour), true}, // as the settings have it
		`null`:                               {modified.Add(time.Hour), true},
		`300`:                                {modified.Add(300 * time.Second), false},
		`-1`:                                 {modified.Add(-time.Second), false},
		`0.5`:                                {modified.Add(500 * time.Millisecond), false},
		`0`:                                  {modified.Add(time.Hour), true},
		`"2030-01-02T03:04:05.678901+00:00"`: {date, false},
		`"2030-01-02T05:04:05.678901+02:00"`: {date, false},
		`"2030-01-02T03:04:05.678901"`:       {date, false},
		`"whenever"`:                         {modified.Add(time.Hour), true},
	} {
		e := readSessionExpiry([]byte(value))
		s := SessionSettings{CookieAge: Seconds{time.Hour}, ExpireAtBrowserClose: !e.Set}
		if got := e.ExpireDate(modified, s); !got.Equal(want.expires) || e.AtBrowserClose(s) != want.closing {
			t.Errorf("%s: %v, at browser close %v", value, got, e.AtBrowserClose(s))
		}
	}
	for _, huge := range []string{`1e300`, `-1e300`} {
		if got := readSessionExpiry([]byte(huge)).ExpireDate(modified, SessionSettings{}); got.Equal(modified) {
			t.Errorf("%s: %v", huge, got)
		}
	}
}

func TestSessionKey(t *testing.T) {
	for key, want := range map[string]bool{
		"": false, "1234567": false, "12345678": true, "esjmu4ngrkusok3wdqr4tddvputwnx9g": true,
		"1234567890123456789012345678901234567890": true, "12345678901234567890123456789012345678901": false,
	} {
		if ValidSessionKey(key) != want {
			t.Errorf("%q: %v", key, !want)
		}
	}
}
