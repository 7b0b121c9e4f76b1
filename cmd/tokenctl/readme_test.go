package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestREADME runs the console blocks of the README and of two documents.
func TestREADME(t *testing.T) {
	for _, name := range []string{"README.md", "docs/usage.md", "docs/server.md"} {
		t.Run(name, func(t *testing.T) { runBlocks(t, name) })
	}
}

// application is what the README finds in shop.sqlite3 and leaked.txt: an application's
// database, and a token of it that leaked.
const application = `
	export DATABASE_URL=sqlite:///shop.sqlite3
	tokenctl init -q && rm tokenctl.toml secret_key
	tokenctl user create alice --no-password -q && tokenctl user create deploy --superuser --no-password -q
	tokenctl mint alice deploy -q
	tokenctl mint deploy --kind knox -q >leaked.txt`

// runBlocks runs the console blocks of a document in order, in one folder, and
// compares what they print, keys, fingerprints and times aside.
func runBlocks(t *testing.T, name string) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, dir := t.TempDir(), t.TempDir()
	// Under the name tokenctl the test binary is tokenctl: see TestMain.
	if err := os.Symlink(self, filepath.Join(bin, "tokenctl")); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + bin + ":/usr/bin:/bin", "HOME=" + dir}
	run := func(line string) string {
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir, cmd.Env = dir, env
		out, _ := cmd.CombinedOutput() // the documents show failures too
		return string(out)
	}
	run(application)
	blocks := regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Fatalf("%s has no console blocks", name)
	}
	for _, block := range blocks {
		for _, step := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			line, want, _ := strings.Cut(step, "\n")
			if variable, ok := strings.CutPrefix(line, "export "); ok {
				env = append(env, variable)
				continue
			}
			if out := run(line); masked(out) != masked(strings.TrimSuffix(want, "\n")+"\n") {
				t.Errorf("$ %s\nprints\n%s\nand %s says\n%s", line, out, name, want)
			}
		}
	}
}

func masked(s string) string {
	s = regexp.MustCompile(`knox:[0-9a-f]{16}`).ReplaceAllString(s, "knox:DIGEST")
	for _, m := range masks {
		s = m.pattern.ReplaceAllString(s, m.with)
	}
	// The columns of a table are as wide as their longest value.
	return regexp.MustCompile(` {2,}`).ReplaceAllString(strings.TrimSpace(s), "  ")
}
