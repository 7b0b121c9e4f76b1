package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tokenctl/db/dbtest"
)

// More than two batches of credentials, and not a whole number of them.
const manyTokens = 12_001

// untouched checks that all tokens have the keys that they began with, but those
// of one user.
func (w *world) untouched(but string) {
	w.t.Helper()
	if got := w.sql("select user_id from authtoken_token where key <> 'no key ' || user_id"); got != but {
		w.t.Errorf("the tokens of these users have other keys: %s; want %s", strings.ReplaceAll(got, "\n", " "), but)
	}
}

// midway changes the token of a user in the middle of them in a transaction that
// lasts until commit.
func (w *world) midway() (user string, commit func()) {
	w.t.Helper()
	user = strconv.Itoa(1000 + manyTokens/2)
	return user, w.open("commit", "update authtoken_token set key = 'x' || substr(key, 1, 39) where user_id = "+user)
}

// A set that is no longer what was shown when it is changed is left alone as a
// whole; with --keep-going only what has changed is.
func TestManyChangedMeanwhile(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		w.many(strconv.Itoa(manyTokens - 1))
		out := filepath.Join(w.dir, "out")
		for _, test := range []struct {
			args   []string
			status int
			says   []string
		}{
			{[]string{"rotate"}, 5, []string{" of user7000 was changed meanwhile"}},
			{[]string{"rotate", "--keep-going"}, 6, []string{"tokenctl: 12000 of 12001 were done; not done: drf:7000@", " of user7000 was changed meanwhile"}},
		} {
			user, commit := w.midway()
			p := w.start(w.command(append(test.args, "--kind", "drf", "--yes", "-q", "--out", out)...))
			within(w.t, testLimit, "the file for the new secrets", func() bool { _, err := os.Lstat(out); return err == nil })
			commit()
			w.want(p.ends(testLimit), test.status, test.says...)
			text, err := os.ReadFile(out)
			if test.status == 5 {
				w.untouched(user)
				if err == nil {
					w.t.Error("the file was left behind")
				}
				w.sql("update authtoken_token set key = 'no key ' || user_id")
				continue
			}
			if err != nil || strings.Count(string(text), "\n") != manyTokens-1 || strings.Contains(string(text), "user"+user+"\t") {
				w.t.Errorf("%d lines, %v", strings.Count(string(text), "\n"), err)
			}
			line, _, _ := strings.Cut(string(text), "\n")
			name, key, _ := strings.Cut(line, "\t")
			if got := w.sql("select u.username from auth_user u join authtoken_token t on t.user_id = u.id where t.key = '" + key + "'"); got != name {
				w.t.Errorf("the first key in the file is that of %q, not of %q", got, name)
			}
			if got := w.sql("select count(*) from authtoken_token where length(key) = 40"); got != "12000" {
				w.t.Errorf("%s tokens were replaced", got)
			}
		}
		if w.engine == "sqlite" {
			return // nothing tells when blacklist has read the set
		}
		blacklist := func(status int, says string, flags ...string) {
			_, commit := w.midway()
			p := w.start(w.command(append([]string{"blacklist", "--kind", "drf", "--yes"}, flags...)...))
			dbtest.AwaitLock(w.t, w.url, 1)
			commit()
			w.want(p.ends(testLimit), status, says)
		}
		blacklist(5, "was changed meanwhile")
		w.rows(strconv.Itoa(manyTokens), strconv.Itoa(manyTokens))
		// Nobody was shown a key that is another one now.
		blacklist(0, "", "-q")
		w.rows(strconv.Itoa(manyTokens), "0")
	})
}

// What cannot be written down is not done, however far it had come.
func TestManyDeliveryFails(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		w.many(strconv.Itoa(manyTokens - 1))
		cmd := w.command("rotate", "--kind", "drf", "--yes", "-q")
		cmd.Stdout = device(w.t, "/dev/full")
		w.want(w.run(cmd), 1, "no space left on device", "nothing was changed")
		cmd = w.command("rotate", "--kind", "drf", "--yes", "-q")
		cmd.Stdout = closedPipe(w.t)
		w.want(w.run(cmd), 1, "broken pipe", "nothing was changed")
		if w.engine == "postgres" { // the limit is on SQLite's file too
			w.want(w.run(w.shell("ulimit -f 200; tokenctl rotate --kind drf --yes -q --out out")), 1, "file too large", "nothing was changed")
			if _, err := os.Lstat(filepath.Join(w.dir, "out")); err == nil {
				w.t.Error("the file was left behind")
			}
		}
		w.untouched("")
	})
}

// A signal in the middle of it leaves everything as it was.
func TestManyInterrupted(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		w.many("100000")
		out := filepath.Join(w.dir, "out")
		p := w.start(w.command("rotate", "--kind", "drf", "--yes", "-q", "--out", out))
		within(w.t, testLimit, "secrets in the file", func() bool { info, err := os.Stat(out); return err == nil && info.Size() > 0 })
		p.Process.Signal(syscall.SIGINT)
		r := p.ends(testLimit)
		if r.status != 130 || r.stderr != "tokenctl: interrupted\nhint: nothing was changed\n" {
			w.t.Errorf("status %d: %s", r.status, r.stderr)
		}
		w.gone()
		w.untouched("")
		if _, err := os.Lstat(out); err == nil {
			w.t.Error("the file was left behind")
		}
	})
}
