package django

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"testing"
	"time"
)

// Keys that are used again, and by many at a time, say what keys used once do.
func TestSessionKeys(t *testing.T) {
	keys := SecretKeys{NewSecret("new"), NewSecret(""), NewSecret("old")}
	ready := NewSessionKeys(keys)
	if !ready.Given() || NewSessionKeys(nil).Given() {
		t.Error("whether there are keys")
	}
	type verdict struct{ session, auth KeyMatch }
	var data, hashes []string
	var want []verdict
	for i, key := range []Secret{keys[0], keys[2], NewSecret("another's")} {
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
	keys := NewSessionKeys(SecretKeys{NewSecret("key")})
	hash := SessionAuthHash(NewSecret("key"), "password")
	data, err := EncodeSession(LoginSession("123456", "", hash), NewSecret("key"), time.Now())
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
