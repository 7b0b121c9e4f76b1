package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// TestCanary runs every command in every format, verbosely and into every kind
// of error, over a database whose secrets are known. They appear where they were
// asked for and nowhere else.
func TestCanary(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		const password = "canary-password-7Q"
		w.ok("mint", "alice", "bob", "carol", "--create", "-q")
		w.sql("update auth_user set password = 'pbkdf2_sha256$1$canarysalt$canaryhash' where id = 1")
		w.sql("update auth_user set is_active = false where id = 2")
		secrets := strings.Fields(w.sql("select key from authtoken_token"))
		const secretKey = "canary-secret-key-of-more-than-thirty-two-bytes"
		w.env = append(w.env, "TOKENCTL_SECRET_KEY="+secretKey)
		for _, kind := range []string{"knox", "jwt", "session"} {
			for line := range strings.Lines(w.ok("mint", "alice", "--kind", kind, "-q")) {
				secrets = append(secrets, strings.TrimSpace(line[strings.LastIndex(line, " ")+1:]))
			}
		}
		key, all := secrets[0], strings.Join(secrets, "\n")+"\n"
		secrets = append(secrets, "canarysalt", "canaryhash", password, secretKey)
		if len(secrets) != 11 {
			w.t.Fatal(secrets)
		}
		stdin := filepath.Join(w.dir, "stdin")
		if err := os.WriteFile(stdin, []byte(all), 0o600); err != nil {
			w.t.Fatal(err)
		}
		var known strings.Builder
		for i, secret := range secrets {
			fmt.Fprintf(&known, "known%d,%s\n", i, secret)
		}
		if err := os.WriteFile(filepath.Join(w.dir, "known"), []byte(known.String()), 0o600); err != nil {
			w.t.Fatal(err)
		}
		// A name that holds a secret, and what scan cannot read.
		leaks := filepath.Join(w.dir, "leaks")
		if err := os.Mkdir(leaks, 0o700); err != nil {
			w.t.Fatal(err)
		}
		for _, name := range []string{key, "x-" + secrets[3] + ".txt", "broken-" + key + ".gz"} {
			if err := os.WriteFile(filepath.Join(leaks, name), []byte("\x1f\x8b\x08 "+all), 0o600); err != nil {
				w.t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(leaks, "y-"+key), []byte(all), 0o600); err != nil {
			w.t.Fatal(err)
		}
		var commands []*exec.Cmd
		add := func(env string, args ...string) {
			cmd := w.command(args...)
			if env != "" {
				cmd.Env = append(w.env, env)
			}
			commands = append(commands, cmd)
		}
		for i, args := range [][]string{{"list"}, {"list", "--sort", "user"}, {"show", "drf:1"}, {"show", "-"}, {"verify", "-"}, {"verify", "drf:1", "drf:2"},
			{"list", "--sort", "-expires"}, {"rotate", "--user", "alice", "--dry-run"}, {"expire", "--kind", "knox,session", "--ttl", "1d", "--dry-run"}, {"expire", "--kind", "knox,session", "--ttl", "1d", "--yes"}, {"expire", "-", "--ttl", "1d"}, {"rotate", "--user", "alice"}, {"mint", "dan", "--create", "--dry-run"}, {"mint", "alice"}, {"mint", "alice", "--secret-stdin"}, {"mint", "--secrets-from", "stdin"}, {"mint", "--secrets-from", "known"}, {"mint", "--secrets-from", "known", "--kind", "knox", "--create"}, {"mint", "--import-drf", "--all-users", "--dry-run"},
			{"blacklist", "-", "--dry-run"}, {"user", "list"}, {"user", "show", "alice"}, {"version"},
			{"incident", "drf:1", "--dry-run"}, {"incident", "--user", "alice", "--all", "--dry-run"},
			{"config", "show"}, {"purge", "--dry-run"}, {"purge", "--yes"}, {"scan", "-"}, {"scan", "stdin", "leaks"}, {"scan", "stdin", "--blacklist", "--dry-run"},
			{"audit", "--deep", "--check-passwords", "stdin"}, {"audit", "--fix", "clear-refresh", "--dry-run"}, {"audit", "--fix", "privileged-token", "--dry-run"}} {
			for j, format := range []string{"", "table", "json", "ndjson", "csv", "tsv", "yaml", "id"} {
				if !dbtest.Takes(w.engine, i+j) {
					continue
				}
				more := []string{"-v", "--color", "always"}
				if format != "" {
					more = append(more, "-o", format)
				}
				add("", append(args, more...)...)
			}
		}
		// Contexts whose URLs have passwords, and texts that are no contexts.
		var homes []string
		contexts := func(name, text string) string {
			homes = append(homes, filepath.Join(w.dir, name))
			path := filepath.Join(w.dir, name, "tokenctl", "contexts.toml")
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				w.t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				w.t.Fatal(err)
			}
			return "XDG_CONFIG_HOME=" + filepath.Join(w.dir, name)
		}
		for i, text := range []string{"[shop]\ndatabase = 'postgresql://app:" + password + "@127.0.0.1:1/app'\nprotected = true\n", "[shop]\ndatabase = 'postgresql://app:" + password + "@[::1/app'\n",
			"[shop]\ndatabase = '" + password + "\n", "[shop]\ndatabase = 'sqlite:///x'\n" + key + " = '" + password + "'\n", "[" + key + "]\ndatabase = 5\n", "[shop]\nconfig = '" + password + "'\n"} {
			home := contexts(fmt.Sprintf("home%d", i), text)
			for _, format := range []string{"json", "table", "tsv"} {
				add(home, "context", "list", "-v", "-o", format)
				add(home, "context", "show", "shop", "-v", "-o", format)
				add(home, "list", "--context", "shop", "-v", "-o", format)
				add(home, "mint", "alice", "-v", "-o", format)
				add(home, "context", "add", "other", "-d", "postgresql://app:"+password+"@127.0.0.1/app", "-o", format)
			}
			add(home, "context", "remove", "shop", "-v")
		}
		for _, secret := range secrets[:7] {
			add("TOKENCTL_CONTEXT="+secret, "list", "-v")
		}
		add("", "scan", "stdin", "leaks", "-o", "sarif")
		add("", "audit", "--deep", "-o", "sarif")
		add("", "report", "--html", "-", "--deep", "--check-passwords", "stdin", "-v")
		add("", "report", "--html", "canary.html", "--deep", "-v", "-o", "json")
		add("", "scan", "bundle", "canary.bundle", "-v", "-o", "json")
		add("", "scan", "stdin", "leaks", "--bundle", "canary.bundle", "-v", "-o", "json")
		for _, format := range []string{"json", "table"} {
			add("", "doctor", "-v", "-o", format)
			for _, args := range [][]string{{"show", "drf:9"}, {"show", "drf:1@00000000"}, {"show", "knox:00"}, {"list", "--field", "key"}, {"list", "--sort", "key"},
				{"verify", key}, {"verify", "drf:" + key}, {"list", "--user", key}, {"list", "-o" + key}, {"list", "--limit", key}, {"mint", key, "--create"}, {key},
				{"rotate", "--" + key}, {"user", "create", key}, {"user", "show", key}, {"list", "-d", "postgresql://app:" + key + "@localhost/app"},
				{"list", "-d", "postgresql://app:" + password + "@localhost/app"}, {"rotate", "-", "drf:1"}, {"mint", "--users-from", "-"}, {"mint", "--users-from", stdin},
				{"list", "--config", stdin}, {"init"}} {
				add("", append(args, "-v", "-o", format)...)
			}
			for _, url := range []string{"postgresql://app:" + password + "@127.0.0.1:1/app", "postgresql://app:" + password + "@nowhere.invalid/app", "postgresql://app:" + password + "@[::1/app",
				"postgresql://app:" + password + "%zz@localhost/app", "mysql://app:" + password + "@localhost/app", "sqlite:///" + stdin, "sqlite:///nowhere", password} {
				add("DATABASE_URL="+url, "list", "-v", "-o", format)
				add("DATABASE_URL="+url, "mint", "eve", "--create", "-v", "-o", format)
			}
		}
		// Each kind's secret as an argument of every command, in every form: refused, or
		// looked up as a name.
		forms := []string{"%s", "%s/x", "x-%s", "drf:%s", "jwt:%s", "session:%s", "knox:%s", "drf:1@%s", "https://example.com/?key=%s", "Authorization: Token %s", "-%s", "--%s", "--user=%s", "--token-file=%s", "--sort=%s", "--kind=%s", "--schema=%s", "--context=%s", "-o%s"}
		verbs := [][]string{{}, {"init"}, {"doctor"}, {"user"}, {"user", "create"}, {"user", "list"}, {"user", "show"}, {"user", "password"}, {"user", "activate"}, {"user", "deactivate"},
			{"user", "delete", "--yes"}, {"user", "delete", "--ignore-missing", "--yes"}, {"mint"}, {"mint", "--create"}, {"mint", "--user-id"}, {"list"}, {"list", "--user"}, {"list", "--user-id"},
			{"show"}, {"show", "--token-file"}, {"verify"}, {"rotate"}, {"rotate", "--token-file"}, {"expire", "--ttl", "1d"}, {"expire", "--never", "--user"}, {"blacklist"}, {"blacklist", "--yes", "--user"}, {"incident"}, {"incident", "--token-file"}, {"incident", "--user"}, {"unblacklist"}, {"denylist"}, {"denylist", "list"}, {"denylist", "check"}, {"denylist", "check", "--token-file"}, {"denylist", "remove"}, {"purge", "--yes"}, {"purge", "--yes", "--user"},
			{"config"}, {"config", "import"}, {"config", "show"}, {"context"}, {"context", "list"}, {"context", "show"}, {"context", "add", "-d", "sqlite:///x.db"}, {"context", "remove"}, {"scan"}, {"scan", "--git"}, {"scan", "--exclude"}, {"scan", "--git", ".", "--git-branch"}, {"scan", "bundle"}, {"audit"}, {"audit", "--rule"}, {"audit", "--fix"}, {"audit", "--baseline"}, {"report"}, {"report", "--html"}, {"report", "--html", "x.html", "--baseline"}, {"serve"}, {"completion"}, {"version"}, {"help"}}
		planted := []string{secrets[0], secrets[3], secrets[4], secrets[6]}
		for i, verb := range verbs {
			for j, secret := range planted {
				if !dbtest.Takes(w.engine, j) {
					continue
				}
				add("", append(slices.Clone(verb), secret)...)
				// All forms of all kinds, spread over the verbs.
				for n := range 3 {
					form := forms[(3*i+5*j+n)%len(forms)]
					add("", append(slices.Clone(verb), strings.ReplaceAll(form, "%s", secret))...)
				}
			}
		}
		if w.engine == "postgres" {
			// The server quotes the row in what it says about it.
			dbtest.Exec(w.t, w.url, `create function fail() returns trigger language plpgsql as $$ begin
				raise exception 'bad row %', old using detail = old::text, hint = old.key; end $$;
				create trigger fail before update or delete on authtoken_token for each row execute function fail()`)
			add("", "rotate", "drf:1", "-v")
			add("", "blacklist", "drf:1", "-v", "-o", "json")
			add("", "blacklist", "-", "-v")
		}
		// Each kind's secret as what leaked.
		var lines []string
		for n, secret := range planted {
			name := filepath.Join(w.dir, fmt.Sprintf("leaked%d", n))
			if err := os.WriteFile(name, []byte("Authorization: Token "+secret), 0o600); err != nil {
				w.t.Fatal(err)
			}
			lines = append(lines, name)
			for _, format := range []string{"table", "json", "yaml", "tsv"} {
				add("", "incident", "--token-file", name, "--dry-run", "-v", "-o", format)
			}
			add("", "incident", "--token-file", name, "--yes", "-v")
		}
		// Pasted lines that fail.
		var torn strings.Builder
		for _, secret := range planted {
			for _, form := range []string{"x%sx", "drf:%s", "jwt:x%s", "Authorization: Token %sx", "\u00e4 %s", "curl -b theme=%s", "%s0", "KEY=0%s"} {
				torn.WriteString(strings.ReplaceAll(form, "%s", secret) + "\n")
			}
		}
		for n, line := range strings.Split(strings.TrimSpace(torn.String()), "\n") {
			name := fmt.Sprintf("torn%d", n)
			if err := os.WriteFile(filepath.Join(w.dir, name), []byte(line), 0o600); err != nil {
				w.t.Fatal(err)
			}
			lines = append(lines, filepath.Join(w.dir, name))
			for i, verb := range []string{"show", "verify", "rotate", "blacklist", "unblacklist", "incident"} {
				if !dbtest.Takes(w.engine, n/2+i) {
					continue
				}
				add("", verb, "--token-file", name, "-v", "-o", []string{"json", "table"}[n%2])
			}
		}
		// Where it was promised, before a command ends the token.
		if got := w.ok("show", "drf:1", "--reveal", "--field", "token"); got != w.sql("select key from authtoken_token where user_id = 1")+"\n" {
			w.t.Errorf("--reveal shows %q", got)
		}
		for _, cmd := range commands {
			input, err := os.Open(stdin)
			if err != nil {
				w.t.Fatal(err)
			}
			cmd.Stdin = input
			r := w.run(cmd)
			input.Close()
			for _, secret := range secrets {
				if strings.Contains(r.stdout, secret) || strings.Contains(r.stderr, secret) {
					w.t.Errorf("%q tells a secret:\n%s%s", cmd.Args[1:], r.stdout, r.stderr)
				}
			}
			if strings.Contains(r.stderr, "panic") || strings.Contains(r.stderr, "goroutine") {
				w.t.Errorf("%q: %s", cmd.Args[1:], r.stderr)
			}
		}
		if err := os.RemoveAll(leaks); err != nil {
			w.t.Fatal(err)
		}
		// Nor in a file, apart from the database and those made above.
		for _, name := range slices.Concat(lines, homes, []string{stdin, filepath.Join(w.dir, "known")}) {
			if err := os.RemoveAll(name); err != nil {
				w.t.Fatal(err)
			}
		}
		err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			for _, secret := range secrets {
				if strings.Contains(string(text), secret) {
					w.t.Errorf("%s holds a secret", path)
				}
			}
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	})
}
