package dbtest

import (
	"errors"
	"strings"
	"testing"

	"tokenctl"
)

// WantCode fails the test unless err has the code; want "" is no error.
func WantCode(t testing.TB, err error, want tokenctl.Code) {
	t.Helper()
	var e *tokenctl.Error
	switch {
	case want == "" && err == nil:
	case want == "" || err == nil:
		t.Fatalf("error %v (code %s), want code %q", err, tokenctl.CodeOf(err), want)
	case !errors.As(err, &e) || e.Code != want:
		t.Fatalf("error %v (%T) with code %s, want %s", err, err, tokenctl.CodeOf(err), want)
	}
}

// Says checks an error's code and what its message and hint say.
func Says(t testing.TB, err error, want tokenctl.Code, texts ...string) {
	t.Helper()
	WantCode(t, err, want)
	var e *tokenctl.Error
	if !errors.As(err, &e) {
		return
	}
	said := e.Message + "\n" + e.Hint
	for _, text := range texts {
		if !strings.Contains(said, text) {
			t.Errorf("%q is not said:\n%s", text, said)
		}
	}
}
