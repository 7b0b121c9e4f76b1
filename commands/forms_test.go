package commands

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/output"
)

// rowsIn counts the rows of a document.
func rowsIn(t *testing.T, format output.Format, text string) int {
	t.Helper()
	lines := strings.Count(text, "\n")
	switch format {
	case output.JSON:
		var rows []any
		if err := json.Unmarshal([]byte(text), &rows); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return len(rows)
	case output.YAML:
		return strings.Count("\n"+text, "\n- ")
	case output.Table, output.CSV, output.TSV:
		return max(0, lines-1) // a table without rows has no header either
	}
	return lines
}

// TestFormsAgree: a command writes the same rows, and ends with the same status, in every
// form of output.
func TestFormsAgree(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, _ string) {
		url, secrets := dbtest.Fixture(t, engine)
		env := map[string]string{"DATABASE_URL": url, "TOKENCTL_SECRET_KEY": secrets.SecretKey}
		for line, listed := range map[string]bool{
			"list": true, "list --kind jwt,session": true, "list --status blacklisted,expired": true, "list --created-before 0001-01-01": true, "user list": true,
			"list --user nobody": false, "show drf:999": false, "show nothing": false, "verify drf:999": false, "list --limit x": false, "list --exit-code": true,
			"blacklist --kind drf": false, "rotate drf:999": false, "user show nobody": false, "list --database mysql://h/n": false,
		} {
			args := strings.Fields(line)
			out, errs, status := inTest(t, env, append(slices.Clone(args), "-o", "json")...)
			if (errs == "" || out != "") != listed {
				t.Fatalf("%s: status %d, %s%s", line, status, out, errs)
			}
			for _, name := range output.Formats() {
				format := output.Format(name)
				text, errs, got := inTest(t, env, append(slices.Clone(args), "-o", name)...)
				if got != status {
					t.Errorf("%s -o %s ends with %d, not %d: %s", line, name, got, status, errs)
				}
				if listed && rowsIn(t, format, text) != rowsIn(t, output.JSON, out) {
					t.Errorf("%s -o %s has %d rows, not %d", line, name, rowsIn(t, format, text), rowsIn(t, output.JSON, out))
				}
			}
			if text, _, got := inTest(t, env, args...); got != status || listed && rowsIn(t, output.Plain, text) != rowsIn(t, output.JSON, out) {
				t.Errorf("%s ends with %d, not %d: %s", line, got, status, text)
			}
		}
	})
}
