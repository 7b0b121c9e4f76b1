package main

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tokenctl/db/dbtest"

	"go.yaml.in/yaml/v4"
)

// recipes are n of the blocks of docs/recipes.md, from one on. All of them together are 14.
func recipes(w *world, n, from int) (blocks []string) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "recipes.md"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```(?:sh|yaml)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) != 15 {
		w.t.Fatalf("%d blocks", len(blocks))
	}
	return blocks[from : from+n]
}

// TestRecipes runs the recipes of docs/recipes.md about scan: the hook and the job let a clean commit pass,
// and refuse one with a secret.
func TestRecipes(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		blocks := recipes(w, 7, 0)
		bundle, hook, job, contain, answer := blocks[0], blocks[1], blocks[2], blocks[3], blocks[4:]
		key := strings.TrimSpace(w.ok("mint", "alice", "--create", "-q"))

		// Where the database is.
		if r := w.run(w.shell(bundle)); r.status != 0 {
			w.t.Fatalf("%s%s", r.stdout, r.stderr)
		}
		repo := filepath.Join(w.dir, "repo")
		git := "git -c user.name=a -c user.email=a@example.org -C repo "
		setUp := "git init -q -b main repo && cp tokens.bundle repo/.git/ && mkdir -p repo/.git/hooks"
		if r := w.run(w.shell(setUp)); r.status != 0 {
			w.t.Fatal(r.stderr)
		}
		if err := os.WriteFile(filepath.Join(repo, ".git/hooks/pre-commit"), []byte(hook), 0o700); err != nil {
			w.t.Fatal(err)
		}
		away := *w // a developer's machine
		away.env = append(append([]string{}, w.env...), "DATABASE_URL=")
		commit := func(name, text string) result {
			if err := os.WriteFile(filepath.Join(repo, name), []byte(text), 0o600); err != nil {
				w.t.Fatal(err)
			}
			return away.run(away.shell(git + "add '" + name + "' && " + git + "commit -q -m change"))
		}
		if r := commit("a.txt", "nothing\n"); r.status != 0 {
			w.t.Fatalf("a clean commit: %d\n%s%s", r.status, r.stdout, r.stderr)
		}
		r := commit("sub dir.txt", "key: "+key+"\n")
		if r.status == 0 || !strings.Contains(r.stdout+r.stderr, "sub dir.txt") || strings.Contains(r.stdout+r.stderr, key) {
			w.t.Errorf("a commit with a secret: %d\n%s%s", r.status, r.stdout, r.stderr)
		}

		// The job, before and after the secret was committed all the same, and removed.
		var workflow struct {
			Jobs map[string]struct{ Steps []struct{ Run string } }
		}
		if err := yaml.Unmarshal([]byte(job), &workflow); err != nil {
			w.t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(w.dir, "tokens.bundle"))
		if err != nil {
			w.t.Fatal(err)
		}
		run := func() (status int) {
			for _, step := range workflow.Jobs["scan"].Steps {
				if step.Run == "" {
					continue
				}
				cmd := exec.Command("bash", "-eo", "pipefail", "-c", step.Run)
				cmd.Dir = repo
				cmd.Env = append(append([]string{}, away.env...), "RUNNER_TEMP="+w.dir, "TOKENCTL_BUNDLE="+base64.StdEncoding.EncodeToString(text))
				if r := away.run(cmd); r.status != 0 {
					return r.status
				}
			}
			return 0
		}
		if got := run(); got != 0 {
			w.t.Errorf("the job over a clean repository ends with %d", got)
		}
		past := git + "commit -q --no-verify -m past && " + git + "rm -q 'sub dir.txt' && " + git + "commit -q -m gone"
		if r := w.run(w.shell(git + "add . && " + past)); r.status != 0 {
			w.t.Fatal(r.stderr)
		}
		if got := run(); got != 4 {
			w.t.Errorf("the job over a secret in the past ends with %d", got)
		}
		if report, err := os.ReadFile(filepath.Join(w.dir, "secrets.sarif")); err != nil || !strings.Contains(string(report), "sub%20dir.txt") {
			w.t.Errorf("%s, %v", report, err)
		}
		r = w.run(w.shell("cd repo && " + contain))
		if r.status != 0 || w.sql("select count(*) from authtoken_token") != "0" {
			w.t.Errorf("contain: %d\n%s%s", r.status, r.stdout, r.stderr)
		}
		answerLeak(w, answer)
	})
}

// answerLeak runs the recipe of a leak: a look, the containment, and the time after.
func answerLeak(w *world, blocks []string) {
	key := strings.TrimSpace(w.ok("mint", "alice", "-q"))
	w.ok("mint", "alice", "--kind", "knox", "-q")
	w.ok("user", "password", "alice", "--generate-password", "--out", "password", "-q")
	if err := os.WriteFile(filepath.Join(w.dir, "leaked.txt"), []byte("curl -H 'Authorization: Token "+key+"' https://shop.example/\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	for i, want := range []int{4, 0, 4} {
		r := w.run(w.shell(blocks[i]))
		if r.status != want || strings.Contains(r.stdout+r.stderr, key) {
			w.t.Errorf("%s ends with %d, want %d\n%s%s", blocks[i], r.status, want, r.stdout, r.stderr)
		}
		switch {
		case i == 0 && w.sql("select count(*) from knox_authtoken") != "1":
			w.t.Error("the look changed something")
		case i == 1 && w.sql("select (select count(*) from knox_authtoken) + (select count(*) from authtoken_token)") != "0":
			w.t.Error("something is left")
		case i == 2 && (strings.Count(r.stdout, "what=") != 1 || !strings.Contains(r.stdout, "what=other_credential id=drf:1@")):
			w.t.Errorf("the account opens with\n%s", r.stdout)
		}
	}
	if report, err := os.ReadFile(filepath.Join(w.dir, "incident.md")); err != nil || !strings.Contains(string(report), "- reset password alice") || strings.Contains(string(report), key) {
		w.t.Errorf("%s, %v", report, err)
	}
}
