package main

import (
	"encoding/json"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// hostile is a user name that would retitle the terminal, clear it, forge a line,
// shift a column and turn the text around.
const hostile = "eve\x1b]0;owned\x07\x1b[2J\ndrf:1@00000000\troot\u202etxt.\u2066\x7f\u009b31m"

// rename gives user 1 the hostile name, which Django's validators would refuse.
func (w *world) rename() {
	w.t.Helper()
	db, err := dbtest.Open(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("update auth_user set username = $1 where id = 1", hostile); err != nil {
		w.t.Fatal(err)
	}
}

// What a person reads shows hostile characters; what scripts read is exact.
func TestHostileNames(t *testing.T) {
	engines(t, func(w *world) {
		w.ok("mint", "eve", "--create", "-q")
		w.rename()
		w.ok("blacklist", "drf:1", "-q")
		mint := w.run(w.command("mint", hostile))
		w.want(mint, 0)
		id := strings.TrimSpace(w.ok("list", "-o", "id"))
		readable := map[string]result{
			"minted":             mint,
			"table":              w.run(w.command("list", "-o", "table")),
			"show table":         w.run(w.command("show", "drf:1", "-o", "table")),
			"verify table":       w.run(w.command("verify", "drf:1", "-o", "table")),
			"preview":            w.run(w.command("rotate", "--user", hostile)),
			"second mint":        w.run(w.command("mint", hostile)),
			"second mint, json":  w.run(w.command("mint", hostile, "-o", "json")),
			"no such user":       w.run(w.command("list", "--user", "x"+hostile)),
			"no such user, json": w.run(w.command("list", "--user", "x"+hostile, "-o", "json")),
			"no such command":    w.run(w.command(hostile)),
			"no such flag":       w.run(w.command("list", "--"+hostile)),
			"no such kind":       w.run(w.command("list", "--kind", hostile)),
			"an argument":        w.run(w.command("list", hostile)),
			"a file":             w.run(w.command("verify", "--token-file", hostile)),
			"an unusable date":   w.run(w.command("list", "--older-than", hostile)),
			"an unusable number": w.run(w.command("list", "--limit", hostile)),
			"an unusable format": w.run(w.command("list", "-o", hostile)),
			"-v":                 w.run(w.command("list", "-v", "--config", hostile)),
			"dry run":            w.run(w.command("rotate", "drf:1", "--dry-run", "-o", "table")),
			"rotated":            w.run(w.command("rotate", "drf:1")),
			"blacklisted":        w.run(w.command("blacklist", "drf:1")),
		}
		for name, r := range readable {
			text := r.stdout + r.stderr
			if strings.ContainsAny(text, "\x1b\x07\t\u202e\u2066\x7f\u009b") || strings.Contains(text, "\ndrf:1@00000000") {
				w.t.Errorf("%s: %q", name, text)
			}
			if !strings.Contains(text, "eve") {
				w.t.Errorf("%s does not show the name: %q", name, text)
			}
		}
		w.ok("mint", hostile, "-q")
		for _, format := range []string{"json", "ndjson"} {
			text := w.ok("list", "-o", format)
			var rows []map[string]any
			if format == "ndjson" {
				text = "[" + text + "]"
			}
			if err := json.Unmarshal([]byte(text), &rows); err != nil || len(rows) != 1 || rows[0]["user"] != hostile {
				w.t.Errorf("%s: %v: %q", format, err, text)
			}
		}
		if got, want := w.ok("list", "-o", "tsv", "--columns", "user", "--no-headers"), strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(hostile)+"\n"; got != want {
			w.t.Errorf("tsv: %q, want %q", got, want)
		}
		if got, want := w.ok("list", "--field", "user"), strings.ReplaceAll(hostile, "\n", `\n`)+"\n"; got != want {
			w.t.Errorf("--field: %q, want %q", got, want)
		}
		if got := strings.Count(w.ok("list"), "\n"); got != 1 {
			w.t.Errorf("one row is %d lines", got)
		}
		if now := strings.TrimSpace(w.ok("list", "-o", "id")); now == id || strings.Contains(now, "eve") {
			w.t.Errorf("ids: %q", now)
		}
	})
}

// A name that a spreadsheet would run is defused, unless asked otherwise.
func TestHostileCSV(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.ok("mint", "@cmd", "+1", "--create", "-q")
	for _, test := range []struct{ flag, want string }{{"--csv-raw=false", "user\n'@cmd\n'+1\n"}, {"--csv-raw", "user\n@cmd\n+1\n"}} {
		if got := w.ok("list", "-o", "csv", "--columns", "user", test.flag); got != test.want {
			t.Errorf("%s: %q, want %q", test.flag, got, test.want)
		}
	}
}
