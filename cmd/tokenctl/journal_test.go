package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tokenctl/journal"
)

// journaledWorld is a world whose commands keep a journal.
func journaledWorld(t *testing.T, engine string) (*world, string) {
	w := newWorld(t, engine)
	path := filepath.Join(w.dir, "journal")
	w.env = append(w.env, "TOKENCTL_JOURNAL="+path)
	return w, path
}

// recorded is what the journal says: the outcome of each entry by the first of its ids, and
// what is wrong with it.
func (w *world) recorded(path string) (outcomes map[string]string, s *journal.State) {
	w.t.Helper()
	s, err := journal.Check(path, "")
	if err != nil {
		w.t.Fatal(err)
	}
	outcomes = map[string]string{}
	for r, err := range journal.Entries(path) {
		if err != nil {
			w.t.Fatal(err)
		}
		for _, id := range r.IDs {
			outcomes[id] = r.Outcome
		}
	}
	return outcomes, s
}

// Whenever the process is killed, a change that was made has an entry, and an entry that is
// settled tells the truth.
func TestJournalKilled(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			w, path := journaledWorld(t, engine)
			w.ok("user", "create", "alice", "--no-password", "-q")
			began := time.Now()
			w.ok("mint", "alice", "--kind", "knox", "-q")
			took := int(time.Since(began).Microseconds())
			killed := 0
			for range 30 {
				cmd := w.command("mint", "alice", "--kind", "knox", "-q")
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				// The moment is the matter of the test, and none of them may fail it.
				stop := time.AfterFunc(time.Duration(rand.IntN(took*3/2))*time.Microsecond, func() { cmd.Process.Kill() })
				if cmd.Wait() != nil {
					killed++
				}
				stop.Stop()
			}
			outcomes, s := w.recorded(path)
			if len(s.Problems) > 0 {
				t.Errorf("%v", s.Problems)
			}
			ids := strings.Fields(w.ok("list", "--kind", "knox", "-o", "id"))
			for _, id := range ids {
				if o := outcomes[id]; o != journal.Done && o != journal.Unsettled {
					t.Errorf("%s was made, and the journal says %q", id, o)
				}
			}
			for id, outcome := range outcomes {
				if made := slices.Contains(ids, id); strings.HasPrefix(id, "knox:") && outcome == journal.Done && !made || outcome == journal.NotDone && made {
					t.Errorf("the journal says that %s is %s", id, outcome)
				}
			}
			t.Logf("%d of 30 were killed, %d entries are open", killed, len(s.Open))
		})
	}
}

// Processes at once make one chain.
func TestJournalAtOnce(t *testing.T) {
	engines(t, func(w *world) {
		path := filepath.Join(w.dir, "journal")
		w.env = append(w.env, "TOKENCTL_JOURNAL="+path)
		w.ok("user", "create", "alice", "--no-password", "-q")
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				for range 8 {
					if r := w.run(w.command("mint", "alice", "--kind", "knox", "-q")); r.status != 0 {
						w.t.Errorf("status %d: %s", r.status, r.stderr)
					}
				}
			})
		}
		group.Wait()
		outcomes, s := w.recorded(path)
		if s.Problems != nil || s.Entries != 17 || len(s.Open) > 0 || s.Partial > 0 {
			w.t.Errorf("%+v", s)
		}
		for _, id := range strings.Fields(w.ok("list", "--kind", "knox", "-o", "id")) {
			if outcomes[id] != journal.Done {
				w.t.Errorf("%s: %q", id, outcomes[id])
			}
		}
	})
}

// On a full disk nothing is changed, and no secret goes out. If the disk is full only behind
// the commit, the command says that the change was made.
func TestJournalOnFullDisk(t *testing.T) {
	t.Parallel()
	w, path := journaledWorld(t, "postgres")
	w.ok("user", "create", "alice", "bobby", "--no-password", "-q")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r := w.run(w.shell(`ulimit -f 0; tokenctl mint alice`))
	w.want(r, 1, "tokenctl: the journal "+path+" cannot be written: file too large", "hint: nothing was changed")
	if r.stdout != "" {
		t.Errorf("stdout: %s", r.stdout)
	}
	w.rows("2", "0")
	w.ok("mint", "alice", "-q")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	intent := strings.IndexByte(string(text), '\n') + 1
	// What stands there leaves room for the intent, and not for the settlement.
	junk := strings.Repeat("x", 4096-intent-len("\n")-20) + "\n"
	for i, full := range []string{junk + strings.Repeat("y", 30), junk} {
		if err := os.WriteFile(path, []byte(full), 0o600); err != nil {
			t.Fatal(err)
		}
		r := w.run(w.shell("ulimit -f 4; tokenctl mint bobby -q")) // 4 KiB
		outcomes, s := w.recorded(path)
		if i == 0 {
			w.want(r, 1, "tokenctl: the journal "+path+" cannot be written: file too large", "hint: nothing was changed")
			w.rows("2", "1")
			if len(outcomes) > 0 || s.Entries > 0 {
				t.Errorf("%v, %+v", outcomes, s)
			}
			continue
		}
		w.want(r, 1, "tokenctl: done; the journal could not be settled: the journal "+path+" cannot be written: file too large",
			"hint: the change itself was made; look with tokenctl list; its entry stays open")
		w.rows("2", "2")
		if s.Problems != nil || len(s.Open) != 1 || len(strings.TrimSpace(r.stdout)) != 40 {
			t.Errorf("%+v, stdout %q", s, r.stdout)
		}
	}
}

// serve records what requests change only if it is asked to.
func TestServeJournal(t *testing.T) {
	t.Parallel()
	w, path := journaledWorld(t, "sqlite")
	w.user("alice", pagePassword)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	login := `{"username":"alice","password":"` + pagePassword + `"}`
	s := w.serve()
	s.wants(200, `"token":"`, "POST", "/api-token-auth/", login, "Content-Type: application/json")
	s.stops()
	if _, err := os.Stat(path); err == nil {
		t.Error("serve made a journal")
	}
	w.ok("blacklist", "--user", "alice", "--kind", "drf", "--yes", "-q")
	s = w.serve("--journal")
	s.wants(200, "", "GET", "/healthz", "")
	s.wants(200, `"token":"`, "POST", "/api-token-auth/", login, "Content-Type: application/json")
	s.wants(200, `"token":"`, "POST", "/api-token-auth/", login, "Content-Type: application/json") // which makes no other one
	s.stops()
	list := strings.Split(strings.TrimSpace(w.ok("journal", "list", "--columns", "command,outcome")), "\n")
	if len(list) != 2 || !strings.HasPrefix(list[1], "serve ") || !strings.HasSuffix(list[1], "\tdone") {
		t.Errorf("%q", list)
	}
}
