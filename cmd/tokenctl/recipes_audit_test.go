package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// TestRecipesOfAudits runs the recipes of docs/recipes.md about audit.
func TestRecipesOfAudits(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		blocks := recipes(w, 7, 7)
		run := func(text string, status int) string {
			w.t.Helper()
			r := w.run(w.shell(text))
			if r.status != status {
				w.t.Fatalf("%s: status %d\n%s%s", text, r.status, r.stdout, r.stderr)
			}
			return r.stdout
		}
		read := func(name string) string {
			w.t.Helper()
			text, err := os.ReadFile(filepath.Join(w.dir, name))
			if err != nil {
				w.t.Fatal(err)
			}
			return string(text)
		}
		w.ok("user", "create", "root", "--superuser", "-q")
		w.ok("mint", "root", "alice", "bob", "--create", "-q")
		w.ok("mint", "bob", "--kind", "knox", "--ttl", "6d", "-q")
		w.ok("mint", "bob", "--kind", "knox", "--ttl", "8d", "-q")

		if out := run(blocks[0], 0); !strings.HasPrefix(out, "root	drf	drf:1@") || strings.Count(out, "\n") != 1 {
			w.t.Errorf("superusers: %s", out)
		}
		w.sql("update auth_user set date_joined = '2020-01-01 00:00:00' where username = 'alice'")
		run(blocks[1], 0)
		if out := read("unused.csv"); !strings.HasPrefix(out, "rule,severity,kind,id,user,user_id,message,fix\ndormant-owner,medium,drf,drf:2@") || strings.Count(out, "\n") != 2 {
			w.t.Errorf("unused: %s", out)
		}
		if out := run(blocks[2], 0); !strings.Contains(out, "	bob	knox	knox:") || strings.Count(out, "\n") != 1 {
			w.t.Errorf("this week: %s", out)
		}
		if out := run(blocks[3], 0); out != "" {
			w.t.Errorf("new at once: %s", out)
		}
		if out := read("today.tsv"); !strings.Contains(out, "privileged-token	high	drf	drf:1@") || !strings.Contains(out, "dormant-owner	medium	drf	drf:2@") {
			w.t.Errorf("today: %s", out)
		}

		// The script, with a mail of the test's own.
		if err := os.WriteFile(filepath.Join(w.dir, "mail"), []byte("#!/bin/sh\n(echo \"$@\"; cat) >>mails\n"), 0o700); err != nil {
			w.t.Fatal(err)
		}
		week := "export STATE=$PWD PATH=$PWD:$PATH\n" + blocks[4]
		run(week, 0)
		if _, err := os.Stat(filepath.Join(w.dir, "mails")); !os.IsNotExist(err) {
			w.t.Errorf("a mail about nothing: %v", err)
		}
		w.ok("user", "deactivate", "bob", "-q")
		run(week, 0)
		mails := read("mails")
		if strings.Count(mails, "inactive-owner") != 3 || !strings.HasPrefix(mails, "-s new findings of tokenctl audit security@example.org\n") || strings.Contains(mails, "privileged-token") {
			w.t.Errorf("mails: %s", mails)
		}
		run(week, 0)
		if again := read("mails"); again != mails {
			w.t.Errorf("the next week: %s", again)
		}

		run(blocks[5], 0)
		if out := read("credentials.csv"); strings.Count(out, "\n") != 6 || !strings.HasPrefix(out, "id,kind,") {
			w.t.Errorf("credentials: %s", out)
		}
		if out := read("findings.csv"); !strings.HasPrefix(out, "rule,severity,") || !strings.Contains(out, "\nprivileged-token,high,") {
			w.t.Errorf("findings: %s", out)
		}
		run("sha256sum -c --quiet evidence.sha256", 0)

		w.ok("user", "activate", "bob", "-q")
		run(blocks[6], 0)
		if page := read("quarter.html"); !strings.Contains(page, "No longer found") || !strings.Contains(page, "<p>inactive-owner</p>") {
			w.t.Errorf("the page: %s", page)
		}
	})
}

// TestRecipeOfAuditor runs the recipe of the auditor's role: it finds what everybody finds, and cannot
// read a key.
func TestRecipeOfAuditor(t *testing.T) {
	t.Parallel()
	role := dbtest.NewRole(t, "")
	w := newWorld(t, "postgres")
	url := w.url
	w.ok("mint", "alice", "--create", "-q")
	recipe := strings.Split(recipes(w, 1, 14)[0], "\n")[1:] // the role is there
	w.env = append(w.env, "PGURL="+url)
	text := strings.ReplaceAll(strings.ReplaceAll(strings.Join(recipe, "\n"), "psql ", "psql \"$PGURL\" "), "--role auditor", "--role "+role)
	if r := w.run(w.shell(text)); r.status != 0 {
		t.Fatalf("%s%s", r.stdout, r.stderr)
	}
	t.Cleanup(func() { dbtest.Exec(t, url, "drop owned by "+role) })
	want := w.ok("list", "-o", "json")
	w.env = append(w.env, "DATABASE_URL="+dbtest.As(url, role, ""))
	if got := w.ok("list", "-o", "json"); got != want {
		t.Errorf("the auditor sees\n%s\nand the owner\n%s", got, want)
	}
	if page := w.ok("report", "--html", "-"); !strings.Contains(page, "drf, active") || !strings.Contains(page, "<bdi>alice</bdi>") {
		t.Errorf("the auditor's page: %s", page)
	}
	if r := w.run(w.command("show", "drf:1", "--reveal", "--field", "token")); r.status != 0 || r.stdout != "\n" {
		t.Errorf("show --reveal: %d %s%s", r.status, r.stdout, r.stderr)
	}
	if r := w.run(w.command("rotate", "drf:1")); r.status == 0 {
		t.Errorf("the auditor can rotate: %s", r.stdout)
	}
}
