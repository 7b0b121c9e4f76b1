package commands_test

import (
	"strings"
	"sync"
	"testing"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/django"
)

// TestJWTFixtures: every token of the fixtures gets the right verdict with their
// key, and none without.
func TestJWTFixtures(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, _ string) {
		url, secrets := dbtest.Fixture(t, engine)
		c := cli{t: t, url: url, env: map[string]string{"TOKENCTL_SECRET_KEY": secrets.SecretKey}}
		bare := cli{t: t, url: url}
		want := map[string]string{"carol-inactive": "disabled", "bob-blacklisted": "blacklisted", "alice-expired": "expired"}
		for name, p := range secrets.JWT {
			verdict := "active"
			if w := want[name]; w != "" {
				verdict = w
			}
			for _, secret := range []string{p.Refresh, p.Access} {
				if secret == "" {
					continue
				}
				if got := c.verdict(secret); got != verdict {
					t.Errorf("%s is %s, want %s", name, got, verdict)
				}
				if out, errs, status := bare.run(secret, "verify", "-"); status != 1 || out != "" || !strings.Contains(errs, "no key") {
					t.Errorf("%s without a key: status %d, %s%s", name, status, out, errs)
				}
			}
		}
		if n := strings.Count(c.must("", "list", "--kind", "jwt"), "jwt:"); n != len(secrets.JWT) {
			t.Errorf("list shows %d of %d tokens", n, len(secrets.JWT))
		}
		for filter, want := range map[string]int{
			"--user alice": 3, "--user carol": 1, "--status active": 3, "--status expired": 1, "--status blacklisted,disabled": 2,
			"--type refresh": 6, "--type access": 0, "--expires-before 2026-06-01": 1, "--expires-after 2030-01-01": 5, "--created-before 2020-01-01": 0,
			"--sort created --limit 2": 2, "--sort -status": 6, "--sort type": 6, "--sort user": 6, "--sort expires": 6, "--sort kind": 6, "--sort user_id": 6, "--sort -id": 6,
		} {
			if n := strings.Count(c.must("", append([]string{"list", "--kind", "jwt"}, strings.Fields(filter)...)...), "jwt:"); n != want {
				t.Errorf("list %s shows %d tokens, want %d", filter, n, want)
			}
		}
		// This application writes user ids as numbers: so does mint.
		minted := c.pair("", "mint", "--kind", "jwt", "bob")
		token, err := django.DecodeUnverified(tokenctl.JWTSettings{}, minted.Refresh)
		if err != nil || string(token.Claims.Get("user_id")) != "2" {
			t.Errorf("user_id is %s, %v", token.Claims.Get("user_id"), err)
		}
	})
}

// TestJWTRotationsAtOnce: of several operators who rotate one token, one wins.
func TestJWTRotationsAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, _ string) {
		url, secrets := dbtest.Fixture(t, engine)
		c := cli{t: t, url: url, env: map[string]string{"TOKENCTL_SECRET_KEY": secrets.SecretKey}}
		var wait sync.WaitGroup
		statuses := make([]int, 6)
		for i := range statuses {
			wait.Go(func() { _, _, statuses[i] = c.run("", "rotate", "jwt:"+secrets.JWT["alice-live"].JTI) })
		}
		wait.Wait()
		won := 0
		for _, status := range statuses {
			if status == 0 {
				won++
			} else if status != 5 {
				t.Errorf("a rotation ended with status %d", status)
			}
		}
		if n := strings.TrimSpace(dbtest.Query(url, "select count(*) from token_blacklist_outstandingtoken")); won != 1 || n != "7" {
			t.Errorf("%d rotations succeeded and %s rows are there", won, n)
		}
	})
}
