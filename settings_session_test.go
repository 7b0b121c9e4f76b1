package tokenctl

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
