package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"tokenctl/db/dbtest"
)

// people creates users with the names u00001 and so on.
func (w *world) people(n int) {
	w.t.Helper()
	number := "substr('0000' || i, -5)"
	if w.engine == "postgres" {
		number = "lpad(i::text, 5, '0')"
	}
	dbtest.Query(w.url, `with recursive n(i) as (select 1 union all select i + 1 from n where i < `+strconv.Itoa(n)+`)
		insert into auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
		select '!', false, 'u' || `+number+`, '', '', '', false, true, '2026-01-01 00:00:00' from n`)
}

// live are the tokens of the database as lines of owner and token, in the order
// of the names.
func (w *world) live() string {
	return dbtest.Query(w.url, `select u.username || '	' || t.key from authtoken_token t join auth_user u on u.id = t.user_id order by u.username`)
}

func (w *world) read(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// One user more than a batch holds, picked and named: everybody has the token
// that was written.
func TestMintBatches(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		const n = 5001
		w.people(n)
		w.ok("mint", "--all-users", "--yes", "-q", "--out", "picked")
		if got := w.read("picked"); got != w.live() || strings.Count(got, "\n") != n {
			w.t.Errorf("%d lines were written, or not the rows' tokens", strings.Count(got, "\n"))
		}
		w.want(w.run(w.shell("cut -f 1 picked | tokenctl mint --users-from - --out named")), 5, "these users already have a drf token: u00001, u00002", ", and 4981 more, 5001 in all")
		if _, err := os.Lstat(filepath.Join(w.dir, "named")); err == nil {
			w.t.Error("a file of no tokens was left")
		}
		// All but two have one; the second of them is beyond the first batch.
		dbtest.Query(w.url, "delete from authtoken_token where user_id in (select id from auth_user where username in ('u00007', 'u05001'))")
		w.want(w.run(w.shell("cut -f 1 picked | tokenctl mint --users-from - --out named --keep-going 2>told")), 6)
		told := w.read("told")
		if !strings.Contains(told, "2 of 5001 were done") || !strings.Contains(told, "u00006, u00008") || !strings.Contains(told, "and 4979 more, 4999 in all") {
			w.t.Errorf("told %.200s", told)
		}
		if got := w.read("named"); !strings.HasPrefix(got, "u00007\t") || !strings.Contains(got, "\nu05001\t") || strings.Count(got, "\n") != 2 {
			w.t.Errorf("written %.200s", got)
		}
		// Many do not go to stdout, and from nobody is anything taken.
		dbtest.Query(w.url, "delete from authtoken_token")
		w.want(w.run(w.command("mint", "--all-users", "--yes")), 2, "5001 secrets do not go to stdout", "hint: name a file with --out")
		// Every kind, in the order of the keys, and nobody twice.
		for _, kind := range []string{"knox", "jwt", "session"} {
			cmd := w.command("mint", "--all-users", "--yes", "-q", "--kind", kind, "-o", "csv", "--out", kind)
			cmd.Env = append(slices.Clone(w.env), "TOKENCTL_SECRET_KEY=a-secret-key-for-scripts-0123456789-abcdefghij")
			w.want(w.run(cmd), 0)
			lines := strings.Split(strings.TrimSpace(w.read(kind)), "\n")[1:]
			for i, line := range lines {
				if want := fmt.Sprintf(",u%05d,%d,active,", i+1, i+1); !strings.Contains(line, want) {
					w.t.Fatalf("line %d of %s lacks %s: %s", i+1, kind, want, line)
				}
			}
			table := map[string]string{"knox": "knox_authtoken", "jwt": "token_blacklist_outstandingtoken", "session": "django_session"}[kind]
			if got := strings.TrimSpace(dbtest.Query(w.url, "select count(*) from "+table)); len(lines) != n || got != strconv.Itoa(n) {
				w.t.Errorf("%d %s tokens written, %s rows", len(lines), kind, got)
			}
		}
	})
}

// Several operators mint for everybody at once: every user gets one token, and
// it is the one that was handed over.
func TestConcurrentMint(t *testing.T) {
	engines(t, func(w *world) {
		w.people(300)
		results := make([]result, 8)
		var all sync.WaitGroup
		for i := range results {
			all.Go(func() { results[i] = w.run(w.command("mint", "--all-users", "--yes", "--keep-going")) })
		}
		all.Wait()
		var handed []string
		for _, r := range results {
			switch r.status {
			case 0, 6:
				handed = append(handed, strings.SplitAfter(r.stdout, "\n")...)
			case 5:
				if r.stdout != "" {
					w.t.Errorf("a refused one was handed %.80s", r.stdout)
				}
			default:
				w.t.Errorf("status %d: %s", r.status, r.stderr)
			}
		}
		slices.Sort(handed)
		if got := strings.Join(handed, ""); got != w.live() || strings.Count(got, "\n") != 300 {
			w.t.Errorf("%d tokens were handed over, or others than there are", strings.Count(got, "\n"))
		}
	})
}

// What a full disk cut off has no rows, though some was written before.
func TestMintManyOnFullDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "postgres") // SQLite's own file would be cut off as well
	w.people(6000)
	r := w.run(w.shell(`ulimit -f 64; tokenctl mint --all-users --yes -q --out tokens`))
	w.want(r, 1, "tokenctl: cannot write the result: file too large", "hint: nothing was changed")
	if got := w.live(); got != "" {
		t.Errorf("rows were left: %.80s", got)
	}
	if _, err := os.Lstat(filepath.Join(w.dir, "tokens")); err == nil {
		t.Error("the file was left behind")
	}
}

// An interrupt in the middle takes everything back.
func TestMintInterrupted(t *testing.T) {
	engines(t, func(w *world) {
		w.people(30000)
		cmd := w.command("mint", "--all-users", "--yes", "-q", "--kind", "jwt", "--out", "pairs")
		cmd.Env = append(slices.Clone(w.env), "TOKENCTL_SECRET_KEY=a-secret-key-for-scripts-0123456789-abcdefghij")
		r := w.start(cmd)
		file := filepath.Join(w.dir, "pairs")
		within(t, testLimit, "the first of the pairs", func() bool {
			info, err := os.Stat(file)
			return err == nil && info.Size() > 0
		})
		if err := r.Process.Signal(os.Interrupt); err != nil {
			w.t.Fatal(err)
		}
		w.want(r.ends(testLimit), 130, "tokenctl: interrupted", "hint: nothing was changed")
		w.gone()
		if got := strings.TrimSpace(dbtest.Query(w.url, "select count(*) from token_blacklist_outstandingtoken")); got != "0" {
			w.t.Errorf("%s rows were left", got)
		}
		if _, err := os.Lstat(file); err == nil {
			w.t.Error("the file was left behind")
		}
	})
}
