package django

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"testing"
	"time"

	"tokenctl"
)

// Keys that are used again, and by many at a time, say what keys used once do.
func TestSessionKeys(t *testing.T) {
	t.Parallel()
	keys := SecretKeys{tokenctl.NewSecret("new"), tokenctl.NewSecret(""), tokenctl.NewSecret("old")}
	ready := NewSessionKeys(keys)
	if !ready.Any() || NewSessionKeys(nil).Any() {
		t.Error("whether there are keys")
	}
	type verdict struct{ session, auth KeyMatch }
	var data, hashes []string
	var want []verdict
	for i, key := range []tokenctl.Secret{keys[0], keys[2], tokenctl.NewSecret("another's")} {
		session, err := EncodeSession(LoginSession("1", "", "hash"), key, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		modern := KeyMatch{OK: i < 2, Index: i % 2 * 2}
		old := modern
		old.SHA1 = old.OK
		data = append(data, session, session)
		hashes = append(hashes, hex.EncodeToString(saltedHMAC(sha256.New, authHashSalt, key, "password")), hex.EncodeToString(saltedHMAC(sha1.New, authHashSalt, key, "password")))
		want = append(want, verdict{modern, modern}, verdict{modern, old})
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 300 {
				i %= len(data)
				if got := (verdict{ready.Verify(data[i]), ready.MatchAuthHash(hashes[i], "password")}); got != want[i] {
					t.Errorf("%d: %+v, want %+v", i, got, want[i])
				}
				if m := ready.MatchAuthHash(hashes[i], "another password"); m.OK {
					t.Errorf("%d: another password: %+v", i, m)
				}
			}
		})
	}
	group.Wait()
	if m := ready.MatchAuthHash("", "password"); m.OK {
		t.Errorf("no auth hash: %+v", m)
	}
}

func BenchmarkSessionKeys(b *testing.B) {
	keys := NewSessionKeys(SecretKeys{tokenctl.NewSecret("key")})
	hash := SessionAuthHash(tokenctl.NewSecret("key"), "password")
	data, err := EncodeSession(LoginSession("123456", "", hash), tokenctl.NewSecret("key"), time.Now())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !keys.Verify(data).OK || !keys.MatchAuthHash(hash, "password").OK {
			b.Fatal("not verified")
		}
	}
}

func TestSessionExpiry(t *testing.T) {
	t.Parallel()
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
		s := tokenctl.SessionSettings{CookieAge: tokenctl.Seconds{Duration: time.Hour}, ExpireAtBrowserClose: !e.Set}
		if got := e.ExpireDate(modified, s); !got.Equal(want.expires) || e.AtBrowserClose(s) != want.closing {
			t.Errorf("%s: %v, at browser close %v", value, got, e.AtBrowserClose(s))
		}
	}
	for _, huge := range []string{`1e300`, `-1e300`} {
		if got := readSessionExpiry([]byte(huge)).ExpireDate(modified, tokenctl.SessionSettings{}); got.Equal(modified) {
			t.Errorf("%s: %v", huge, got)
		}
	}
}

func TestSessionKey(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		"": false, "1234567": false, "12345678": true, "esjmu4ngrkusok3wdqr4tddvputwnx9g": true,
		"1234567890123456789012345678901234567890": true, "12345678901234567890123456789012345678901": false,
	} {
		if ValidSessionKey(key) != want {
			t.Errorf("%q: %v", key, !want)
		}
	}
}
