package commands

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"tokenctl/db/dbtest"
)

// TestNoEvidence: a terminal says that nothing proves a use; a document has null.
func TestNoEvidence(t *testing.T) {
	t.Parallel()
	url, _ := dbtest.Fixture(t, "sqlite")
	shown := func(args ...string) string {
		var out, errs strings.Builder
		a := &App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Now: time.Now, Random: rand.Reader,
			Term: Terminal{Stdout: true, Width: 200}, Getenv: func(name string) string { return map[string]string{"DATABASE_URL": url, "NO_COLOR": "1"}[name] }}
		if status := a.Run(t.Context(), args); status != exitDone {
			t.Fatalf("%v: status %d: %s", args, status, errs.String())
		}
		return out.String()
	}
	list := shown("list", "--kind", "drf", "--no-pager", "--columns", "+last_used")
	lines := strings.Split(strings.TrimSpace(list), "\n")
	if len(lines) < 2 || !strings.HasSuffix(lines[0], "LAST USED") {
		t.Fatalf("list shows\n%s", list)
	}
	for _, line := range lines[1:] {
		if !strings.HasSuffix(line, "  no evidence") {
			t.Errorf("list shows %q", line)
		}
	}
	id, _, _ := strings.Cut(lines[1], " ")
	if show := shown("show", id, "--no-pager", "--columns", "+last_used"); !strings.Contains(show, "\nlast_used  no evidence\n") {
		t.Errorf("show shows\n%s", show)
	}
	if show := shown("show", id, "--columns", "last_used", "-o", "json"); show != "{\n  \"last_used\": null\n}\n" {
		t.Errorf("show -o json writes %s", show)
	}
}
