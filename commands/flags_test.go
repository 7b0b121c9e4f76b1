package commands

import (
	"crypto/rand"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tokenctl/db/dbtest"
)

// inTest runs a command line with these environment variables.
func inTest(t *testing.T, env map[string]string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs strings.Builder
	a := &App{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Now: time.Now, Random: rand.Reader,
		Getenv: func(name string) string { return env[name] }}
	status = a.Run(t.Context(), args)
	return out.String(), errs.String(), status
}

// TestFlagsGiven: no flag of any command takes an empty value for none, also in a list and
// behind a good one.
func TestFlagsGiven(t *testing.T) {
	t.Parallel()
	seen := 0
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		path := strings.Fields(c.CommandPath())[1:]
		check := func(f *pflag.Flag) {
			_, setting := f.Value.(*settingValue)
			if f.Value.Type() == "bool" || mayBeEmpty[f.Name] || setting || f.Name == "help" {
				return
			}
			tries := [][]string{{"--" + f.Name + "="}, {"--" + f.Name, ""}}
			if v, list := f.Value.(*listValue); list {
				tries = append(tries, []string{"--" + f.Name, "x", "--" + f.Name, ""})
				if v.commas {
					tries = append(tries, []string{"--" + f.Name, "x,"}, []string{"--" + f.Name, ",x"}, []string{"--" + f.Name, "x,,y"})
				}
			}
			for _, try := range tries {
				if _, errs, status := inTest(t, nil, slices.Concat(path, try)...); status != exitUsage || !strings.Contains(errs, "--"+f.Name) {
					t.Errorf("%q %q: status %d, %s", path, try, status, errs)
				}
				seen++
			}
		}
		if c.Runnable() && !c.HasSubCommands() {
			c.LocalFlags().VisitAll(check)
			c.InheritedFlags().VisitAll(check)
		}
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(newRoot(&App{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Getenv: func(string) string { return "" }}))
	if seen < 200 {
		t.Errorf("only %d were tried", seen)
	}
	env := map[string]string{"DATABASE_URL": dbtest.SQLite(t)}
	inTest(t, env, "init", "-q")
	for _, args := range [][]string{{"list", "--limit", "0"}, {"list", "--limit", "-1"}, {"user", "list", "--limit", "0"}, {"list", "--timeout", "0s"}, {"list", "--max-time", "0s"},
		{"purge", "--confirm", "-1"}, {"purge", "--batch-size", "0"}, {"mint", "x", "--ttl", "0s"}, {"rotate", "knox:0123456789abcdef", "--overlap", "0s"},
		{"mint", "x", "--expires", "0001-01-01"}, {"mint", "x", "--expires", "0001-01-01T00:00:00Z"}, {"rotate", "knox:0123456789abcdef", "--expires", "0001-01-01"},
		{"list", "--created-before", "0000-01-01"}, {"list", "--created-before", "0001-01-01T00:00:00+02:00"}, {"list", "--expires-after", "9999-12-31T23:00:00-02:00"}} {
		i := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--") })
		if _, errs, status := inTest(t, env, args...); status != exitUsage || !strings.Contains(errs, args[i]) {
			t.Errorf("%q: status %d, %s", args, status, errs)
		}
	}
}

// TestYearOne: a date is a date, also the first that there is.
func TestYearOne(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, _ string) {
		url, secrets := dbtest.Fixture(t, engine)
		list := func(args ...string) string {
			t.Helper()
			out, errs, status := inTest(t, map[string]string{"DATABASE_URL": url, "TOKENCTL_SECRET_KEY": secrets.SecretKey}, args...)
			if status != 0 {
				t.Errorf("%q: status %d, %s", args, status, errs)
			}
			return out
		}
		all := list("list", "-o", "id")
		for _, date := range []string{"0001-01-01", "0001-01-01T00:00:00Z", "0001-01-02"} {
			for _, flag := range []string{"--created-before", "--expires-before"} {
				if got := list("list", flag, date, "-o", "id"); got != "" {
					t.Errorf("%s %s: %s", flag, date, got)
				}
				list("blacklist", flag, date, "--yes", "-q")
			}
		}
		if got := list("list", "-o", "id"); got != all {
			t.Errorf("something is gone:\n%s", got)
		}
		// A token that expired then has expired, and does not live for ever.
		dbtest.Query(url, "update knox_authtoken set expiry = '0001-01-01 00:00:00+00:00'")
		if got := list("list", "--kind", "knox", "--columns", "status,expires"); strings.Contains(got, "active") || !strings.Contains(got, "0001-01-01T00:00:00Z") {
			t.Errorf("knox tokens of the year 1: %s", got)
		}
	})
}
