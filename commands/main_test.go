package commands_test

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
)

// Several tests run commands at the same time. Garbage collection would take a quarter of their processor time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// privateFile writes a settings file that only its owner can read.
func privateFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokenctl.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
