package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"tokenctl/db/dbtest"
)

const rotating = "[simplejwt]\nrotate_refresh_tokens = true\nblacklist_after_rotation = true\n[peers]\nsimplejwt = %q\n"

// TestRefreshRace: of many who refresh with one token at the same time, one gets a
// new pair, and the others are told what they would be told a moment later. That is
// better than simplejwt, with which several get one.
func TestRefreshRace(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	for _, release := range []string{"5.2.2", "5.5.1"} {
		for _, recorded := range []bool{true, false} {
			t.Run(fmt.Sprint(release, " recorded ", recorded), func(t *testing.T) {
				engines(t, func(t *testing.T, engine string) {
					b := newBench(t, engine, fmt.Sprintf(rotating, release), nil)
					token := b.token("refresh")
					if recorded {
						token = b.obtained("/api/token/", "refresh")
					}
					before := b.rows("select count(*) from token_blacklist_outstandingtoken")
					refreshed, refused := b.race(12, func() *httptest.ResponseRecorder { return b.refresh(token) })
					if len(refreshed) != 1 {
						t.Fatalf("%d got a new token", len(refreshed))
					}
					for _, answer := range refused {
						if answer != `401 {"detail":"Token is blacklisted","code":"token_not_valid"}` {
							t.Errorf("a loser got %s", answer)
						}
					}
					if n := b.rows("select count(*) from token_blacklist_blacklistedtoken b join token_blacklist_outstandingtoken o on o.id = b.token_id where o.jti = '" + b.jti(token) + "'"); n != "1" {
						t.Errorf("%s rows blacklist the token", n)
					}
					more := 0
					if !recorded {
						more++
					}
					if release >= "5.5" {
						more++
					}
					if after := b.rows("select count(*) from token_blacklist_outstandingtoken"); after != fmt.Sprint(count(t, before)+more) {
						t.Errorf("%s tokens are recorded after %s", after, before)
					}
				})
			})
		}
	}
}

// TestBlacklistRace: blacklisting twice at the same time is done once.
func TestBlacklistRace(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, engine string) {
		b := newBench(t, engine, "", nil)
		token := b.token("refresh")
		done, refused := b.race(12, func() *httptest.ResponseRecorder {
			return b.json("/api/token/blacklist/", `{"refresh":"`+token+`"}`)
		})
		for _, answer := range refused {
			if answer != `401 {"detail":"Token is blacklisted","code":"token_not_valid"}` {
				t.Errorf("somebody got %s", answer)
			}
		}
		if len(done) == 0 {
			t.Error("nobody blacklisted it")
		}
		if n := b.rows("select count(*) from token_blacklist_outstandingtoken where jti = '" + b.jti(token) + "'"); n != "1" {
			t.Errorf("%s rows record the token", n)
		}
	})
}

// TestLogins: everybody who logs in at the same time gets a pair, and each is
// recorded.
func TestLogins(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, engine string) {
		b := newBench(t, engine, "", nil)
		before := count(t, b.rows("select count(*) from token_blacklist_outstandingtoken"))
		done, refused := b.race(6, func() *httptest.ResponseRecorder { return b.json("/api/token/", b.login()) })
		if len(refused) > 0 || len(done) != 6 {
			t.Fatalf("%d logged in; refused: %v", len(done), refused)
		}
		if after := count(t, b.rows("select count(*) from token_blacklist_outstandingtoken")); after != before+6 {
			t.Errorf("%d tokens are recorded after %d", after, before)
		}
	})
}

// gate lets nobody write to simplejwt's tables on PostgreSQL until release is
// called and n transactions stand there, so that each has read what the others have
// not changed yet. On SQLite they stand in line from the beginning.
func (b *bench) gate(n int) (release func()) {
	b.t.Helper()
	if !strings.HasPrefix(b.url, "postgres") {
		return func() {}
	}
	outside, err := dbtest.Open(b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	tx, err := outside.Begin()
	if err == nil {
		_, err = tx.Exec("lock table token_blacklist_outstandingtoken, token_blacklist_blacklistedtoken in exclusive mode")
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return func() {
		defer outside.Close()
		dbtest.AwaitLock(b.t, b.url, n)
		if err := tx.Rollback(); err != nil {
			b.t.Fatal(err)
		}
	}
}

// race sends n requests at once, and tells what was answered with 200 and what
// otherwise.
func (b *bench) race(n int, send func() *httptest.ResponseRecorder) (done, refused []string) {
	var mu sync.Mutex
	var all sync.WaitGroup
	release := b.gate(n)
	for range n {
		all.Go(func() {
			w := send()
			mu.Lock()
			defer mu.Unlock()
			if w.Code == http.StatusOK {
				done = append(done, said(w))
			} else {
				refused = append(refused, said(w))
			}
		})
	}
	release()
	all.Wait()
	return done, refused
}
