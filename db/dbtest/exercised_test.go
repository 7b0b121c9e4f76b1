package dbtest_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// TestExercised says, once for a whole "go test ./...", what this machine could
// not exercise. It passes all the same: the tests concerned have skipped
// themselves, or failed where a skip is forbidden.
func TestExercised(t *testing.T) {
	var missing []string
	for _, part := range []struct {
		name string
		has  bool
	}{
		{"PostgreSQL (server binaries)", dbtest.HasPostgres()},
		{"PgBouncer", dbtest.HasPgBouncer()},
		{"live Django", djangotest.Has()},
	} {
		if !part.has {
			missing = append(missing, part.name)
		}
	}
	if len(missing) == 0 {
		return
	}
	line := fmt.Sprintf("tokenctl: not exercised: %s (make test installs what it can)", strings.Join(missing, ", "))
	t.Log(line)
	tellGo(line)
}

// tellGo writes a line to the standard error of the go command that runs this
// test. The test's own would not do: go test shows nothing that a passing package
// prints. It is a courtesy, so where it is not possible nothing is said.
func tellGo(line string) {
	if runtime.GOOS != "linux" {
		return
	}
	parent := fmt.Sprintf("/proc/%d/", os.Getppid())
	if comm, err := os.ReadFile(parent + "comm"); err != nil || string(comm) != "go\n" {
		return
	}
	stderr, err := os.OpenFile(parent+"fd/2", os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return
	}
	defer stderr.Close()
	fmt.Fprintln(stderr, line)
}
