// Package packages holds what makes the packages of tokenctl: build, and what build
// reads. It has no Go code but the test of them.
package packages

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"tokenctl/django/djangotest"
)

// TestPackages makes the packages for this machine from two clones of the last commit,
// and installs the deb into a folder. What is not committed is not in them.
func TestPackages(t *testing.T) {
	if os.Getenv("TOKENCTL_TEST_ALL") != "1" || runtime.GOOS != "linux" {
		djangotest.Missing(t, "packages: they are made on Linux, and take minutes")
	}
	t.Parallel()
	folder := build(t, t.TempDir())
	files := names(t, folder)
	base := strings.TrimSuffix(files[len(files)-1], ".tar.gz")
	if want := []string{"SHA256SUMS", base + ".cdx.json", base + ".deb", base + ".rpm", base + ".tar.gz"}; !slices.Equal(files, want) {
		t.Fatalf("packages: %q, want %q", files, want)
	}
	t.Run("reproducible", func(t *testing.T) {
		again := build(t, filepath.Join(t.TempDir(), "another", "place"))
		for _, name := range files {
			if !bytes.Equal(read(t, filepath.Join(folder, name)), read(t, filepath.Join(again, name))) {
				t.Errorf("two builds of %s differ", name)
			}
		}
	})
	t.Run("checksums", func(t *testing.T) {
		command(t, folder, "sha256sum", "--check", "--strict", "SHA256SUMS")
	})
	t.Run("lintian", func(t *testing.T) {
		command(t, folder, "lintian", "--allow-root", "--fail-on", "error", base+".deb")
	})
	t.Run("deb", func(t *testing.T) { installed(t, folder, base) })
	t.Run("sbom", func(t *testing.T) { listed(t, folder, base) })
}

// build clones the last commit into a folder and returns the folder of its packages.
func build(t *testing.T, folder string) string {
	t.Helper()
	command(t, "..", "git", "clone", "--quiet", "--no-hardlinks", ".", filepath.Join(folder, "clone"))
	packages := filepath.Join(folder, "packages")
	command(t, filepath.Join(folder, "clone"), "packages/build", packages, "linux/"+runtime.GOARCH)
	return packages
}

// installed installs the deb, runs tokenctl from it and removes it.
func installed(t *testing.T, folder, base string) {
	root := t.TempDir()
	for _, name := range []string{"info", "updates", "triggers"} {
		if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	// The folder has no other packages.
	command(t, folder, "dpkg", "--root="+root, "--force-depends", "--force-not-root", "--install", base+".deb")
	for _, name := range []string{"usr/share/bash-completion/completions/tokenctl", "usr/share/zsh/vendor-completions/_tokenctl",
		"usr/share/fish/vendor_completions.d/tokenctl.fish", "usr/share/man/man1/tokenctl-mint.1.gz", "usr/share/man/man5/tokenctl.toml.5.gz",
		"usr/share/doc/tokenctl/copyright", "usr/share/doc/tokenctl/changelog.Debian.gz", "usr/share/doc/tokenctl/examples/tokenctl-audit.timer"} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	work := t.TempDir()
	program := filepath.Join(root, "usr/bin/tokenctl")
	version := strings.TrimSuffix(strings.TrimPrefix(base, "tokenctl_"), "_linux_"+runtime.GOARCH)
	if got := command(t, work, program, "version", "--field", "version"); got != "v"+version+"\n" {
		t.Errorf("version %q, want v%s", got, version)
	}
	key := command(t, work, program, "mint", "alice", "--init", "-q")
	if got := command(t, work, "sqlite3", "db.sqlite3", "select key from authtoken_token"); got != key || len(key) != 41 {
		t.Errorf("the database has %q, and mint printed %q", got, key)
	}
	command(t, folder, "dpkg", "--root="+root, "--force-not-root", "--purge", "tokenctl")
	left := command(t, root, "find", ".", "-name", "*tokenctl*")
	if left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// listed checks that the SBOM has every module of the binary.
func listed(t *testing.T, folder, base string) {
	command(t, folder, "tar", "-xzf", base+".tar.gz", "-C", folder, base+"/tokenctl")
	info, err := buildinfo.ReadFile(filepath.Join(folder, base, "tokenctl"))
	if err != nil {
		t.Fatal(err)
	}
	var bom struct {
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(read(t, filepath.Join(folder, base+".cdx.json")), &bom); err != nil {
		t.Fatal(err)
	}
	for _, module := range info.Deps {
		if !slices.ContainsFunc(bom.Components, func(c struct{ Name, Version string }) bool {
			return c.Name == module.Path && c.Version == module.Version
		}) {
			t.Errorf("%s %s is not listed", module.Path, module.Version)
		}
	}
	if len(info.Deps) < 10 {
		t.Errorf("the binary has only %d modules", len(info.Deps))
	}
}

func names(t *testing.T, folder string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		list = append(list, entry.Name())
	}
	return list
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// command runs a program in a folder, which must succeed, and returns its output.
func command(t *testing.T, folder, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = folder
	c.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "DATABASE_URL=") }), "LC_ALL=C.UTF-8")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}
