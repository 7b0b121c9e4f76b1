package main

import (
	"strings"
	"sync"
	"testing"

	"tokenctl/db/dbtest"
)

// Many operators rotate one token at once: one live key is left, and everybody
// was told the truth.
func TestConcurrentRotation(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		w.ok("mint", "alice", "--create")
		for _, id := range []string{strings.TrimSpace(w.ok("list", "-o", "id")), "drf:1"} {
			results := make([]result, 50)
			var all sync.WaitGroup
			for i := range results {
				all.Go(func() { results[i] = w.run(w.command("rotate", id)) })
			}
			all.Wait()
			printed := map[string]bool{}
			for _, r := range results {
				switch key := strings.TrimSpace(r.stdout); {
				case r.status == 0 && len(key) == 40 && !printed[key]:
					printed[key] = true
				case r.status == 5 && key == "" && strings.Contains(r.stderr, "tokenctl: "):
				default:
					w.t.Errorf("%s: status %d, %q: %s", id, r.status, r.stdout, r.stderr)
				}
			}
			if id != "drf:1" && len(printed) != 1 {
				w.t.Errorf("%s: %d were told that they replaced it", id, len(printed))
			}
			if live := w.key(); !printed[live] {
				w.t.Errorf("%s: nobody was told the live key", id)
			}
			w.rows("1", "1")
		}
	})
}
