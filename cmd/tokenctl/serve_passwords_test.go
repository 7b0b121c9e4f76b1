package main

import (
	"os"
	"path/filepath"
	"testing"
)

// A password change is checked as the application checks it.
func TestServePasswordValidators(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.user("alice", pagePassword)
	drf := w.secretOf("alice")
	const change, path = `{"new_password1":"1","new_password2":"1"}`, "/rest-auth/password/change/"
	s := w.serve()
	s.wants(400, "It must contain at least 8 characters.", "POST", path, change, "Authorization: Token "+drf)
	for setting, want := range map[string]struct {
		status     int
		part, note string
	}{
		`[{name = "MinimumLengthValidator", min_length = 2}]`: {400, "It must contain at least 2 characters.", ""},
		`[{name = "shop.validators.Symbols"}]`:                {200, "New password has been saved.", "not checked, which only the application can: shop.validators.Symbols"},
		`[]`:                                                  {200, "New password has been saved.", ""},
	} {
		toml := filepath.Join(t.TempDir(), "tokenctl.toml")
		if err := os.WriteFile(toml, []byte("auth.password_validators = "+setting+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := w.serve("--config", toml)
		if want.note != "" {
			s.logged(want.note)
		}
		s.wants(want.status, want.part, "POST", path, change, "Authorization: Token "+drf)
		s.stops()
	}
}
