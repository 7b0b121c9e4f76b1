package commands

import (
	"bytes"
	"testing"

	"tokenctl"
)

// TestRemarksWrap: what a terminal shows on stderr is broken between words, and a pipe gets whole lines.
func TestRemarksWrap(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		term    Terminal
		columns string
		want    string
	}{
		{"terminal", Terminal{Stderr: true, Width: 36}, "", `note: 2 disabled: the owner is
      inactive
blacklisted drf:1@5ac1f0b2 of
  alice@example.com
tokenctl: there is no credential
          knox:04f83c5904a7b8c6
hint: tokenctl list --user
      somebody-with-a-very-long-name@example.com
      shows more
`},
		{"wide", Terminal{Stderr: true, Width: 200}, "", whole},
		{"COLUMNS", Terminal{Stderr: true, Width: 36}, "200", whole},
		{"of unknown width", Terminal{Stderr: true}, "", whole},
		{"stdout alone is a terminal", Terminal{Stdout: true, Width: 36}, "", whole},
		{"too narrow", Terminal{Stderr: true, Width: 1}, "", `note: 2 disabled: the
      owner is inactive
blacklisted
  drf:1@5ac1f0b2 of
  alice@example.com
tokenctl: there is no
          credential
          knox:04f83c5904a7b8c6
hint: tokenctl list --user
      somebody-with-a-very-long-name@example.com
      shows more
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b bytes.Buffer
			a := &App{Stderr: &b, Term: test.term, Getenv: func(name string) string {
				return map[string]string{"COLUMNS": test.columns, "TERM": "dumb"}[name]
			}}
			for range 2 { // a note is said once
				a.say("note: 2 disabled: the owner is inactive")
			}
			a.say("blacklisted drf:1@5ac1f0b2 of alice@example.com")
			a.complain(&tokenctl.Error{Message: "there is no credential knox:04f83c5904a7b8c6", Hint: "tokenctl list --user somebody-with-a-very-long-name@example.com shows more"})
			if b.String() != test.want {
				t.Errorf("got:\n%swant:\n%s", b.String(), test.want)
			}
		})
	}
}

const whole = `note: 2 disabled: the owner is inactive
blacklisted drf:1@5ac1f0b2 of alice@example.com
tokenctl: there is no credential knox:04f83c5904a7b8c6
hint: tokenctl list --user somebody-with-a-very-long-name@example.com shows more
`
