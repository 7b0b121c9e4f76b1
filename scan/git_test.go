package scan

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"tokenctl"
)

// gitRepository is a repository of a test's own.
type gitRepository struct {
	t   *testing.T
	dir string
	n   int // commits so far: each is a day younger than the one before
}

func newRepository(t *testing.T) *gitRepository {
	r := &gitRepository{t: t, dir: tree(t, nil)}
	r.git("init", "-q", "-b", "main")
	return r
}

func (r *gitRepository) git(args ...string) string {
	r.t.Helper()
	c := exec.Command("git", args...)
	c.Dir = r.dir
	when := time.Date(2026, 1, 1+r.n, 12, 0, 0, 0, time.UTC).Format(time.RFC3339)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org",
		"GIT_AUTHOR_DATE=" + when, "GIT_COMMITTER_DATE=" + when}
	out, err := c.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes a file, removes it where text is empty, and commits.
func (r *gitRepository) commit(name, text, message string) (id string) {
	r.t.Helper()
	r.n++
	if text == "" {
		r.git("rm", "-q", name)
	} else {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
		r.git("add", name)
	}
	r.git("commit", "-q", "--allow-empty", "-m", message)
	return r.git("rev-parse", "HEAD")
}

// scan scans a repository, and describes what was found.
func (r *gitRepository) scan(dir string, o GitOptions) (list []string) {
	r.t.Helper()
	o.Getenv = os.Getenv
	s, found, unread := testScanner(r.t)
	if err := s.Git(r.t.Context(), dir, o); err != nil {
		r.t.Fatal(err)
	}
	if err := s.Finish(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	if len(*unread) > 0 {
		r.t.Errorf("unread: %q", *unread)
	}
	for _, f := range *found {
		list = append(list, fmt.Sprintf("%s:%d %s %s", f.Path, f.Line, f.Match.Kind, f.Commit))
	}
	slices.Sort(list)
	return list
}

func TestGit(t *testing.T) {
	r := newRepository(t)
	drf, knox, session, jwt := secrets["drf"], secrets["knox"], secrets["session"], secrets["jwt"]
	r.commit("a.txt", "nothing\n", "first")
	added := r.commit("a.txt", "nothing\nkey "+drf+"\n", "add it")
	r.commit("a.txt", "one more\nnothing\nkey "+drf+"\n", "move it")
	twice := r.commit("a.txt", "one more\nnothing\nkey "+drf+"\nand "+drf+"\n", "write it twice")
	r.commit("a.txt", "nothing\n", "take it out")
	told := r.commit("b.txt", "b\n", "say "+knox+"\n\nin a message: "+drf)
	r.git("tag", "-a", "v1.0", "-m", "release\n\n"+session, "HEAD~1")
	tagged := r.git("rev-parse", "HEAD~1")
	r.git("tag", "light", "HEAD~2")
	// A merge that brings in what neither side has.
	r.git("checkout", "-q", "-b", "side", "HEAD~3")
	side := r.commit("side.txt", "x "+session+"\n", "on the side")
	r.git("checkout", "-q", "main")
	r.n++
	r.git("merge", "-q", "--no-commit", "--no-ff", "side")
	if err := os.WriteFile("merged.txt", []byte(jwt+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.git("add", "merged.txt")
	r.git("commit", "-q", "-m", "merge")
	merged := r.git("rev-parse", "HEAD")
	zip := r.commit("z.zip", zipped(t, "in/side", drf, 8), "pack it")
	r.commit("z.zip", "", "remove the archive")
	copied := r.commit("copy of ü.txt", "x "+session+"\n", "copy a file")
	want := []string{
		"a.txt:2 drf " + added,
		"a.txt:4 drf " + twice,
		"commit message:1 knox " + told, "commit message:3 drf " + told,
		"copy of ü.txt:1 session " + copied,
		"merged.txt:1 jwt " + merged,
		"message of tag v1.0:3 session " + tagged,
		"side.txt:1 session " + side,
		"z.zip!in/side:1 drf " + zip,
	}
	check(t, "all", r.scan(r.dir, GitOptions{}), want...)
	r.git("clone", "-q", "--bare", r.dir, "bare.git")
	check(t, "bare", r.scan("bare.git", GitOptions{}), want...)
	r.git("worktree", "add", "-q", "tree", "side")
	check(t, "worktree", r.scan("tree", GitOptions{}), want...)

	check(t, "a branch", r.scan(r.dir, GitOptions{Branch: "side"}), "a.txt:2 drf "+added, "side.txt:1 session "+side)
	check(t, "since", r.scan(r.dir, GitOptions{Since: time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)}), "copy of ü.txt:1 session "+copied, "merged.txt:1 jwt "+commitOf(t, r, copied, -2), "message of tag v1.0:3 session "+tagged, "side.txt:1 session "+commitOf(t, r, copied, -2), "z.zip!in/side:1 drf "+zip)

	// Neither the user's settings nor replaced objects have a say.
	t.Setenv("GIT_DIR", "/nonexistent")
	r2 := &gitRepository{t: t, dir: r.dir}
	check(t, "GIT_DIR", r2.scan(r.dir, GitOptions{Branch: "side"}), "a.txt:2 drf "+added, "side.txt:1 session "+side)

	for dir, o := range map[string]GitOptions{"absent": {}, t.TempDir(): {}, r.dir: {Branch: "absent"}} {
		o.Getenv = os.Getenv
		s, _, _ := testScanner(t)
		if err := s.Git(t.Context(), dir, o); tokenctl.CodeOf(err) != tokenctl.CodeNotFound {
			t.Errorf("%s, %q: %v", dir, o.Branch, err)
		}
	}
}

// TestGitOfOthers: a repository that belongs to somebody else is read, and its settings run
// nothing.
func TestGitOfOthers(t *testing.T) {
	r := newRepository(t)
	id := r.commit("a", secrets["drf"], "x")
	for _, setting := range []string{"core.fsmonitor", "core.pager", "core.sshCommand", "diff.external", "core.editor", "alias.log", "core.hooksPath"} {
		r.git("config", setting, "touch "+r.dir+"/ran")
	}
	r.git("config", "log.showSignature", "true")
	if os.Geteuid() == 0 {
		if out, err := exec.Command("chown", "-R", "65534", r.dir).CombinedOutput(); err != nil {
			t.Fatalf("%s", out)
		}
	}
	check(t, "found", r.scan(r.dir, GitOptions{}), "a:1 drf "+id)
	if _, err := os.Stat("ran"); err == nil {
		t.Error("a setting of the repository ran something")
	}
}

func commitOf(t *testing.T, r *gitRepository, id string, before int) string {
	return r.git("rev-parse", fmt.Sprintf("%s~%d", id, -before))
}
