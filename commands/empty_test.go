package commands

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"tokenctl/db/dbtest"
)

// onDatabase is a command line for each command that looks into a database. A new command
// goes here, or into the list of those without one.
var onDatabase = map[string]string{
	"list": "list", "show": "show drf:1", "verify": "verify drf:1", "scan": "scan %", "scan bundle": "scan bundle %/new", "doctor": "doctor", "audit": "audit", "stats": "stats", "grants": "grants --for all", "report": "report --html %/report.html",
	"incident": "incident drf:1", "mint": "mint alice --create", "rotate": "rotate drf:1", "expire": "expire --kind knox --ttl 3d", "blacklist": "blacklist --user alice", "unblacklist": "unblacklist jwt:x",
	"purge": "purge --yes", "user create": "user create alice", "user list": "user list", "user show": "user show alice", "user password": "user password alice --no-password",
	"user activate": "user activate alice", "user deactivate": "user deactivate alice", "user delete": "user delete alice", "user mfa list": "user mfa list", "user mfa reset": "user mfa reset alice --yes", "serve": "serve --listen 127.0.0.1:0",
}

var withoutDatabase = []string{"init", "denylist list", "denylist check", "denylist remove", "journal list", "journal show", "journal verify", "journal rotate", "config import", "config show", "context list", "context show", "context add", "context remove",
	"completion", "help", "version"}

// TestNoneOfDjangosTables: every command calls a database without Django's tables so, with one
// message.
func TestNoneOfDjangosTables(t *testing.T) {
	t.Parallel()
	t.Run("list", func(t *testing.T) {
		walkTree(t, testRoot(), func(t *testing.T, c *cobra.Command) {
			path := strings.TrimPrefix(c.CommandPath(), "tokenctl ")
			if _, there := onDatabase[path]; c.Runnable() && !c.HasSubCommands() && there == slices.Contains(withoutDatabase, path) {
				t.Error("neither in onDatabase nor in withoutDatabase, or in both")
			}
		})
	})
	dbtest.Engines(t, func(t *testing.T, engine, url string) {
		if path, ok := strings.CutPrefix(url, "sqlite:///"); ok {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		dbtest.Query(url, "create table blog_entry (id integer primary key, title text)")
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "notes"), []byte("Authorization: Token 8d0b0ee07ea4a2c7ae7eda64d6e4b3b0b1a1f2d3\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		none := func(line, want string) {
			t.Helper()
			var out, errs strings.Builder
			a := &App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Now: time.Now, Random: rand.Reader,
				Getenv: func(name string) string { return map[string]string{"DATABASE_URL": url}[name] }}
			status := a.Run(t.Context(), strings.Fields(strings.ReplaceAll(line, "%", dir)))
			if line == "doctor" || strings.HasPrefix(line, "doctor ") {
				if status != exitNo || !strings.Contains(out.String(), "layout\tproblem\t"+want) {
					t.Errorf("%s: status %d:\n%s%s", line, status, &out, &errs)
				}
			} else if status != exitFailed || !strings.Contains(errs.String(), "tokenctl: "+want+"\n") || !strings.Contains(errs.String(), "; the database is "+dbtest.Name(url)+", from DATABASE_URL") {
				t.Errorf("%s: status %d:\n%s%s", line, status, &out, &errs)
			}
		}
		for _, line := range onDatabase {
			none(line, "the database has none of Django's tables")
		}
		if engine == "sqlite" {
			return
		}
		for _, line := range onDatabase {
			none(line+" --schema nosuch", "there is no schema nosuch")
		}
		dbtest.Query(url, "create schema crm")
		none("list --schema crm", "the schema crm has none of Django's tables")
		dbtest.Query(url, "create table crm.auth_user (id integer primary key)")
		none("list --kind drf", "no schema of search_path has Django's tables")
		none("doctor", "no schema of search_path has Django's tables\tDjango's tables are in crm: give --schema crm")
		none("doctor --schema nosuch", "there is no schema nosuch\tDjango's tables are in crm: correct the name of the schema to crm")
	})
}
