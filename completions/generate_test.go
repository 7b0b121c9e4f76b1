package completions

import (
	"bytes"
	"os"
	"testing"

	"tokenctl/commands"
)

func TestCurrent(t *testing.T) {
	for file, shell := range map[string]string{"tokenctl.bash": "bash", "_tokenctl": "zsh", "tokenctl.fish": "fish", "tokenctl.ps1": "powershell"} {
		var want, stderr bytes.Buffer
		a := &commands.App{Stdin: &bytes.Buffer{}, Stdout: &want, Stderr: &stderr, Getenv: func(string) string { return "" }}
		if status := a.Run(t.Context(), []string{"completion", shell}); status != 0 {
			t.Fatalf("completion %s: status %d: %s", shell, status, stderr.String())
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%v; run make completions", err)
			continue
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s is not what tokenctl completion %s prints; run make completions", file, shell)
		}
	}
}
