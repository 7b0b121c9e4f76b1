package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The connection is lost during commit: nobody can tell whether it happened, so
// the secret is kept, and tokenctl says how to find out.
func TestOutcomeUnknown(t *testing.T) {
	t.Parallel()
	for name, heard := range map[string]bool{"committed": true, "rolled back": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "postgres")
			cmd := w.command("mint", "alice", "--create", "--out", "token")
			cmd.Env = append(w.env, "DATABASE_URL="+newCut(t, w.url, 0, heard).url)
			p := w.start(cmd)
			r := p.ends(testLimit)
			w.want(r, 1, "tokenctl: the connection was lost while the transaction was being committed: it may or may not have happened\n",
				"hint: tokenctl verify --token-file token tells whether it is live\n")
			secret, err := os.ReadFile(filepath.Join(w.dir, "token"))
			if err != nil {
				t.Fatal("the secret was not kept: ", err)
			}
			if heard {
				within(t, testLimit, "the commit", func() bool { return w.key() == strings.TrimSpace(string(secret)) })
				w.want(w.run(w.command("verify", "--token-file", "token")), 0)
			} else {
				w.rows("0", "0")
				w.want(w.run(w.command("verify", "--token-file", "token")), 4)
			}

			// Without --out the secret is on stdout.
			cmd = w.command("mint", "bob", "--create", "-o", "json")
			cmd.Env = append(w.env, "DATABASE_URL="+newCut(t, w.url, 0, heard).url)
			r = w.run(cmd)
			w.want(r, 1, `"code":"outcome_unknown"`, "tokenctl verify - tells whether the secret printed above is live")
			if !strings.Contains(r.stdout, `"token"`) {
				t.Errorf("stdout: %q", r.stdout)
			}
		})
	}
}
