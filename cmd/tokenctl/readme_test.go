package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestREADME runs the console blocks of the README in order, in one folder, and
// compares what they print, keys, fingerprints and times aside.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
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
	blocks := regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Fatal("the README has no console blocks")
	}
	for _, block := range blocks {
		for _, step := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			line, want, _ := strings.Cut(step, "\n")
			cmd := exec.Command("sh", "-c", line)
			cmd.Dir, cmd.Env = dir, env
			out, _ := cmd.CombinedOutput() // the tour shows failures too
			if got := masked(string(out)); got != masked(strings.TrimSuffix(want, "\n")+"\n") {
				t.Errorf("$ %s\nprints\n%s\nand the README says\n%s", line, out, want)
			}
		}
	}
}

func masked(s string) string {
	for _, m := range masks {
		s = m.pattern.ReplaceAllString(s, m.with)
	}
	// The columns of a table are as wide as their longest value.
	return regexp.MustCompile(` {2,}`).ReplaceAllString(strings.TrimSpace(s), "  ")
}
