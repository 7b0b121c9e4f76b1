package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Nothing in the environment is needed but the database.
func TestPoorEnvironment(t *testing.T) {
	engines(t, func(w *world) {
		w.ok("mint", "alice", "--create", "-q")
		want := w.ok("list")
		check := func(name string, cmd *exec.Cmd) {
			w.t.Helper()
			if r := w.run(cmd); r.status != 0 || r.stdout != want || r.stderr != "" {
				w.t.Errorf("%s: status %d, %q, %q", name, r.status, r.stdout, r.stderr)
			}
		}
		for _, extra := range []string{"", "HOME=/nowhere", "HOME=", "PATH=", "LANG=xx_YY.none", "LC_ALL=tr_TR.UTF-8", "TERM=", "COLUMNS=999999999999999999999", "COLUMNS=-1", "TZ=Nowhere/Land", "PGTZ=Asia/Tokyo", "TMPDIR=/nowhere"} {
			cmd := w.command("list")
			cmd.Env = []string{"DATABASE_URL=" + w.url, extra}
			check(extra, cmd)
		}
		check("stdin closed", w.shell("tokenctl list <&-"))
		check("stderr closed", w.shell("tokenctl list 2>&-"))
		check("stderr full", w.shell("tokenctl list -v 2>/dev/full"))
		w.want(w.run(w.shell("tokenctl list >&-")), 0)
		w.want(w.run(w.shell("tokenctl verify - <&-")), 2, "standard input is empty")
		check("a folder that is gone", w.shell(`mkdir gone; cd gone; rmdir ../gone; tokenctl list`))
		check("a folder that cannot be written", w.shell(`mkdir -m 555 fixed; cd fixed; tokenctl list`))
		check("ulimit", w.shell("ulimit -v 4000000; ulimit -n 32; tokenctl list"))
	})
}

// As another user, in a folder that this user may not enter.
func TestForbiddenFolder(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("not root: nobody else to be")
		return
	}
	w := newWorld(t, "postgres")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.MkdirTemp("/tmp", "tokenctl-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(public) })
	if err := os.Chmod(public, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(public+"/tokenctl", binary, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(w.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.want(w.run(w.shell("setpriv --reuid=65534 --regid=65534 --clear-groups "+public+"/tokenctl list")), 0)
}

// init and mint --init do not depend on the umask.
func TestUmask(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	for _, umask := range []string{"000", "077", "022"} {
		r := w.run(w.shell("unset DATABASE_URL; umask " + umask + "; mkdir m" + umask + "; cd m" + umask + "; tokenctl mint alice --init --out token -q; stat -c %a *"))
		w.want(r, 0)
		if got := strings.Join(strings.Fields(r.stdout), " "); got != "600 600 600 600" {
			t.Errorf("umask %s: modes %s", umask, got)
		}
	}
}
