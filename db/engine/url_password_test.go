package engine_test

import (
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
)

// No part of a password is printed, whatever characters in it are not escaped: by
// reading the URL, by showing it, or by failing to connect.
func TestNoPartOfPassword(t *testing.T) {
	t.Parallel()
	specials := []string{"@", ":", "/", "#", "?", "%", "%2", "[", "]", "=", "&", "+", ",", " ", "\"", "'", "\\", ";", "?a=", "&user=", "://"}
	shapes := []string{"postgres://ann:%s@127.0.0.1:1/app?sslmode=disable", "postgres://ann:%s@127.0.0.1:1/app", "postgres://:%s@127.0.0.1:1/app",
		"pgsql://127.0.0.1:1/app?sslmode=disable&password=%s", "sqlite://ann:%s@/nowhere/a.db", "mysql://ann:%s@h/app", "host=h password=%s"}
	for _, shape := range shapes {
		for _, one := range specials {
			for _, two := range specials {
				if strings.Contains(shape, "password=%s") && (one == "&user=" || two == "&user=") {
					continue // nobody can tell where that password ends
				}
				raw := strings.ReplaceAll(shape, "%s", "hunter2"+one+"hunter3"+two+"hunter4")
				if !engine.HasPassword(raw) {
					t.Errorf("%s: no password seen", raw)
				}
				target, err := engine.ParseURL(raw, "")
				said := target.String() + target.URL()
				if err == nil {
					s, err := engine.Open(target, engine.Options{Timeout: 20 * time.Second, Now: time.Now})
					if err == nil {
						err = connect(t.Context(), s)
						s.Close()
					}
					said += message(err)
				}
				if said += message(err); strings.Contains(said, "hunter") {
					t.Errorf("%s: %s", raw, said)
				}
			}
		}
	}
}

func message(err error) string {
	if e, ok := err.(*tokenctl.Error); ok {
		return e.Message + e.Hint
	}
	return ""
}
