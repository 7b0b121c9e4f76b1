package djangotest

import (
	"os"
	"testing"
)

// All tells whether every test must run and none may skip itself. TOKENCTL_TEST_ALL=1 says
// so, which the project's test command sets after it has installed everything.
func All() bool { return os.Getenv("TOKENCTL_TEST_ALL") == "1" }

// Missing ends a test that needs something this machine does not have. It skips
// the test, so that a plain "go test ./..." passes anywhere. If [All] is true it fails
// the test: a skip would hide that something was not exercised.
func Missing(t testing.TB, what string) {
	t.Helper()
	if All() {
		t.Fatalf("missing: %s (TOKENCTL_TEST_ALL=1 forbids to skip)", what)
	}
	t.Skipf("missing: %s (make test installs what it can)", what)
}

// Slow skips a test that takes long, unless [All] is true: a plain "go test ./..." ends
// within two minutes.
func Slow(t testing.TB) {
	t.Helper()
	if !All() {
		t.Skip("slow: make test runs it")
	}
}

// Long tells whether tests must try every combination of releases, databases and secrets, and not a
// choice that meets each of them. TOKENCTL_TEST_LONG=1 says so.
func Long() bool { return os.Getenv("TOKENCTL_TEST_LONG") == "1" }
