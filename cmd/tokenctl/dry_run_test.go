package main

import (
	"slices"
	"strings"
	"testing"
)

// TestDryRun: --dry-run shows what the same command then changes, without a lock: it does
// not wait for somebody who holds all rows.
func TestDryRun(t *testing.T) {
	engines(t, func(w *world) {
		w.ok("mint", "alice", "bob", "--create", "-q", "--out", "drf")
		w.ok("mint", "alice", "--kind", "knox", "-q", "--out", "knox")
		held := []string{"update authtoken_token set created = created", "update knox_authtoken set created = created", "update auth_user set is_active = is_active"}
		for _, step := range []struct {
			args      []string
			was, then string // the expressions for the ids before the change, and after it
		}{
			{[]string{"rotate", "--user", "alice"}, "map(.id)", "map(.replaces), map(.token)"},
			{[]string{"expire", "--kind", "knox", "--ttl", "30d"}, "map(.id)", "map(.id)"},
			{[]string{"user", "deactivate", "bob"}, ".username", ".username"},
			{[]string{"blacklist", "--inactive"}, "map(.id)", "map(.id)"},
		} {
			end := w.open("rollback", held...)
			would := w.ok(append(slices.Clone(step.args), "--dry-run", "-q", "--jq", step.was, "--timeout", "1s")...)
			end()
			did := w.ok(append(slices.Clone(step.args), "--yes", "-q", "--jq", step.then)...)
			did, _, _ = strings.Cut(did, "\n") // and new tokens
			if would != did+"\n" || len(would) < 4 {
				t.Errorf("%q would change %q and changed %q", step.args, would, did)
			}
		}
	})
}
