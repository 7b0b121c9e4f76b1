package dbtest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// TestExercised says, once for a whole "go test ./...", what that does not exercise. It
// passes all the same: the tests concerned have skipped themselves, or failed where a skip
// is forbidden.
func TestExercised(t *testing.T) {
	var missing []string
	for _, part := range []struct {
		name string
		has  bool
	}{
		{"PostgreSQL (server binaries)", dbtest.HasPostgres()},
		{"PgBouncer", dbtest.HasPgBouncer()},
		{"live Django", djangotest.Has()},
		{"slow tests and older Djangos", djangotest.All()},
	} {
		if !part.has {
			missing = append(missing, part.name)
		}
	}
	if len(missing) == 0 {
		return
	}
	line := fmt.Sprintf("tokenctl: not exercised: %s (make test runs everything)", strings.Join(missing, ", "))
	t.Log(line)
	// go test shows nothing that a passing package prints, unless it is asked with -v. The
	// person at the terminal is told all the same.
	if terminal, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0); err == nil {
		fmt.Fprintln(terminal, line)
		terminal.Close()
	}
}
