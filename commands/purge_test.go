package commands

import (
	"strings"
	"testing"
	"time"

	"tokenctl/tokens"
)

// The meter speaks up after a second on a terminal, and every ten seconds
// elsewhere, where that was asked for.
func TestPurgeMeter(t *testing.T) {
	for _, test := range []struct {
		name     string
		terminal bool
		g        globals
		want     string
	}{
		{"terminal", true, globals{}, "\rpurging sessions: 200 of 2000 rows, 100 a second\rpurging sessions: 300 of 2000 rows, 100 a second"},
		{"quiet", true, globals{quiet: true}, ""},
		{"json", true, globals{output: "json"}, ""},
		{"log", false, globals{verbose: true}, "purging sessions: 1000 of 2000 rows, 100 a second\npurging sessions: 2000 of 2000 rows, 100 a second\n"},
		{"silent", false, globals{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := app(test.g)
			a.Term.Stderr = test.terminal
			now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
			a.Now = func() time.Time { return now }
			m := &purgeMeter{app: a, total: 2000, started: now.Add(-time.Second), told: now.Add(-time.Second)}
			m.started = now
			m.told = now
			for i := range 20 {
				now = now.Add(time.Second)
				if test.terminal && i == 0 {
					now = now.Add(-500 * time.Millisecond)
					m.add(tokens.Session, 0) // too early
					now = now.Add(500 * time.Millisecond)
					m.done += 100
					continue
				}
				m.add(tokens.Session, 100)
			}
			got := a.Stderr.(*strings.Builder).String()
			if !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
				t.Errorf("says %q, want %q", got, test.want)
			}
			m.clear()
			if got := a.Stderr.(*strings.Builder).String(); test.want != "" && test.terminal && !strings.HasSuffix(got, " \r") {
				t.Errorf("the line is not removed: %q", got)
			}
		})
	}
}

func TestWithoutPassword(t *testing.T) {
	for raw, want := range map[string]string{
		"postgresql://app@db/shop":                              "postgresql://app@db/shop",
		"postgresql://app:hush@db:5432/shop?sslmode=require":    "postgresql://app@db:5432/shop?sslmode=require",
		"postgresql://app:hu@sh@db1:1,db2:2/shop":               "postgresql://app@db1:1,db2:2/shop",
		"postgresql:///shop?user=app&password=hush&host=%2Ftmp": "postgresql:///shop?user=app&host=%2Ftmp",
		"postgresql://app@db/shop?sslpassword=hush":             "postgresql://app@db/shop",
		"postgresql:///shop?pass%77ord=hush":                    redacted,
		"postgresql://app:hu/sh@db/shop":                        "postgresql://app@db/shop",
		"postgresql://app:hu?sh@db/shop":                        redacted,
		"password=hush":                                         redacted,
		"sqlite:///db.sqlite3":                                  "sqlite:///db.sqlite3",
	} {
		got := withoutPassword(raw)
		if got != want {
			t.Errorf("%s is shown as %s, want %s", raw, got, want)
		}
		if strings.Contains(got, "sh@") || strings.Contains(got, "hush") {
			t.Errorf("%s tells the password: %s", raw, got)
		}
	}
}
