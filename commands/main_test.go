package commands_test

import (
	"os"
	"path/filepath"
	"testing"

	"tokenctl/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// fewIterations are settings with which tokenctl hashes passwords as fast as it may.
const fewIterations = "[auth]\npbkdf2_iterations = 260000\n"

// privateFile writes a settings file that only its owner can read.
func privateFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokenctl.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
