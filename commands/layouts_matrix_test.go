package commands_test

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"testing"

	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/tokens"
)

// cell is a command of the matrix: what reads comes before what writes.
type cell struct{ args, stdin string }

func matrixCells(s dbtest.Secrets) (cells []cell) {
	add := func(stdin string, lines ...string) {
		for _, args := range lines {
			cells = append(cells, cell{args, stdin})
		}
	}
	add("", "doctor", "list", "user list", "user show alice", "user show --user-id 1")
	for _, kind := range tokens.KindNames() {
		add("", "list --kind "+kind)
	}
	for _, sort := range tokens.Sorts() {
		add("", "list --sort "+sort, "list --sort -"+sort)
	}
	for _, sort := range db.UserFields() {
		add("", "user list --sort "+sort)
	}
	add("", "list --user alice", "list --user-id 1", "list --status active", "list --status expired", "list --status disabled", "list --created-before 0d", "list --expires-after 2030-01-01 --staff", "list --expires-before 2030-01-01",
		"mint --all-users --without drf --dry-run", "purge --dry-run", "blacklist --user-id 1 --dry-run")
	for _, secret := range []struct{ name, text string }{{"drf", s.DRF["alice"]}, {"knox", s.Knox["alice-1"]}, {"jwt", s.JWT["alice-live"].Refresh}, {"session", s.Sessions["alice-web"]}} {
		add(secret.text, "show - #"+secret.name, "verify - #"+secret.name, "rotate - --dry-run #"+secret.name)
	}
	add(s.JWT["alice-roles"].Refresh, "blacklist - #jwt", "unblacklist - #jwt")
	add(s.DRF["alice"], "rotate - #drf")
	add(s.Knox["alice-1"], "rotate - #knox")
	add(s.JWT["alice-live"].Refresh, "rotate - #jwt")
	add(s.Sessions["alice-web"], "rotate - #session")
	add("", "blacklist --user-id 1 --yes", "mint --user-id 5 --kind drf", "mint --user-id 5 --kind knox", "mint --user-id 5 --kind jwt", "mint --user-id 5 --kind session",
		"user create zed", "user deactivate zed", "user activate zed", "user delete zed --yes", "blacklist --created-before 2026-06-01 --yes -q", "blacklist --kind session --yes -q", "purge --yes")
	return cells
}

// TestLayoutMatrix runs every command over every layout on its engines. A cell that is not
// listed works; the others are refused with a code, or answer no.
func TestLayoutMatrix(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	for _, l := range dbtest.Layouts {
		t.Run(strings.ReplaceAll(l.Name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			l.Engines(t, func(t *testing.T, engine, url string, secrets dbtest.Secrets) {
				t.Parallel()
				want, seen := matrixRefusals[l.Name], map[string]bool{}
				got, doctor := map[string]string{}, ""
				for _, cell := range matrixCells(secrets) {
					args, _, _ := strings.Cut(cell.args, " #")
					c := cli{t: t, url: url, env: map[string]string{"TOKENCTL_SECRET_KEY": secrets.SecretKey}, more: []string{"-o", "json"}}
					out, errs, status := c.run(cell.stdin, strings.Fields(args)...)
					code := ""
					var told struct {
						Error struct{ Code, Message string }
					}
					lines := strings.Split(strings.TrimSpace(errs), "\n")
					switch {
					case status == 4:
						code = "no"
					case status != 0 && json.Unmarshal([]byte(lines[len(lines)-1]), &told) == nil:
						code = told.Error.Code
					case status != 0:
						code = "status without a code"
					}
					expected := ""
					for _, r := range want {
						if (r.engine == "" || r.engine == engine) && slices.ContainsFunc(strings.Split(r.cells, "|"), func(pattern string) bool { return fits(cell.args, pattern) }) {
							expected = r.code
							seen[r.cells] = true
						}
					}
					if code != expected {
						t.Errorf("%s: %q, want %q: %s%s", cell.args, code, expected, errs, out[:min(len(out), 300)])
					}
					if got[cell.args] = code; cell.args == "doctor" {
						doctor = out
					}
				}
				agree(t, doctor, got)
				for _, r := range want {
					if (r.engine == "" || r.engine == engine) && !seen[r.cells] {
						t.Errorf("no command is %q", r.cells)
					}
				}
			})
		})
	}
}

// agree compares doctor's verdict on each kind with what became of the commands. That a
// single user or credential does not allow something is no verdict on a kind.
func agree(t *testing.T, doctor string, got map[string]string) {
	t.Helper()
	var findings []struct{ Check, Status, Found string }
	if err := json.Unmarshal([]byte(doctor), &findings); err != nil {
		t.Fatal(err, doctor)
	}
	layout := []string{"layout_unsupported", "columns_required", "table_missing", "kind_unsupported", "key_missing", "username_field"}
	for _, f := range findings {
		_, can, known := strings.Cut(f.Found, "; this tokenctl can ")
		can, _, _ = strings.Cut(can, ", but not")
		if !known && (f.Status != "problem" || !slices.Contains(tokens.KindNames(), f.Check)) {
			continue
		}
		for verb, cell := range map[string]string{"list": "list --kind " + f.Check, "mint": "mint --user-id 5 --kind " + f.Check, "rotate": "rotate - #" + f.Check, "show": "show - #" + f.Check} {
			able, code := known && slices.Contains(strings.Split(can, ", "), verb), got[cell]
			// A JWT tells all of itself, whatever the tables are.
			if able && slices.Contains(layout, code) || !able && code == "" && cell != "show - #jwt" {
				t.Errorf("doctor says %q of %s, and %q ends with %q", can, f.Check, cell, code)
			}
		}
	}
}

// fits reports whether a cell is the one of a pattern, in which * is anything.
func fits(args, pattern string) bool {
	is, err := path.Match(pattern, args)
	if err != nil {
		panic(err) // the patterns are good ones
	}
	return is
}

// refused are cells of a layout that do not work.
type refused struct {
	cells  string // patterns, apart by |; the last that fits counts
	engine string // empty: both
	code   string // "no" is exit status 4
}

// byUser are the cells for which it must be known who AUTH_USER_MODEL's users are.
const byUser = "user *|list --user*|blacklist --user*|mint --user-id 5 --kind session"

var matrixRefusals = map[string][]refused{
	"trigger":                              {{"doctor", "", "no"}, {"blacklist --user-id 1 --yes|blacklist --created-before*", "", "rows_kept"}},
	"views":                                {{"doctor", "sqlite", "no"}, {"rotate - #drf|blacklist --user-id 1 --yes|mint --user-id 5 --kind drf|blacklist --created-before*", "sqlite", "database_error"}},
	"two user models":                      {{"doctor", "", "no"}, {"mint --user-id 5 --kind knox", "", "user_not_found"}},
	"two user models without an admin log": {{"doctor", "", "no"}, {byUser + "|verify - #session", "", "layout_unsupported"}, {"mint --user-id 5 --kind knox", "", "user_not_found"}},
	"own token model":                      {{"doctor", "", "no"}, {"mint --user-id 5 --kind drf|mint --all-users*", "", "columns_required"}},
	"own token model beside": {{"doctor", "", "no"}, {"list*|mint --all-users*|blacklist --user*|blacklist --created*|*#drf|mint --user-id 5 --kind drf", "", "layout_unsupported"},
		{"list --expires-before*|list --status expired|list --kind knox|list --kind jwt|list --kind session", "", ""}},
	"own session model beside": {{"doctor", "", "no"}, {"list*|purge*|blacklist --*|*#session|mint --user-id 5 --kind session", "", "layout_unsupported"}, {"list --kind drf|list --kind knox|list --kind jwt", "", ""}},
	"inherited users": {{"doctor|verify - #knox", "", "no"}, {"show - #knox|rotate*#knox|unblacklist - #jwt", "", "not_found"}, {"blacklist - #jwt|rotate - #jwt|mint --user-id 5 --kind knox|list --kind knox|list --kind jwt", "", "table_missing"},
		{"mint --user-id 5 --kind drf|mint --user-id 5 --kind jwt|mint --user-id 5 --kind session", "", "user_not_found"}},
	"knox without token_key":     {{"doctor", "", "no"}, {"rotate - #knox|mint --user-id 5 --kind knox", "", "layout_unsupported"}},
	"wide keys":                  {{"verify - #drf", "", "no"}, {"show - #drf|rotate*#drf", "", "not_found"}},
	"several schemas":            {{"doctor", "", "no"}, {"mint --user-id 5 --kind drf|mint --user-id 5 --kind session|user *zed*", "", "user_not_found"}, {"user create zed", "", "database_error"}},
	"sequence behind":            {{"doctor", "", "no"}, {"user create zed", "", "database_error"}, {"user deactivate zed|user activate zed|user delete zed --yes", "", "user_not_found"}},
	"sequence nearly used up":    {{"doctor", "", "no"}},
	"further columns":            {{"doctor", "", "no"}, {"mint --user-id 5 --kind knox", "", "columns_required"}},
	"two tokens a user":          {{"doctor", "", "no"}, {"mint --user-id 5 --kind drf|mint --all-users*", "", "layout_unsupported"}},
	"integer names":              {{"doctor", "", "no"}, {"list*|user *|mint --all-users*", "", "username_field"}, {"user show --user-id 1", "", ""}},
	"names that are not unique":  {{"doctor", "", "no"}, {"user show alice|list --user alice", "", "ambiguous_user"}},
	"flags that are numbers":     {{"doctor", "", "no"}},
	"flags that are texts":       {{"doctor", "", "no"}, {"user create zed|user activate zed|user deactivate zed|user delete zed --yes", "", "user_not_found"}, {"user create zed", "", "layout_unsupported"}},
	"a flag that is generated":   {{"user create zed", "", "columns_required"}, {"user activate zed|user deactivate zed|user delete zed --yes", "", "user_not_found"}},
	"no flag":                    {{"user activate zed|user deactivate zed", "", "layout_unsupported"}},
	"keys that are bytes":        {{"doctor|verify - #drf|verify - #knox|verify - #session", "", "no"}},
	"keys with blanks behind":    {{"doctor|verify - #knox", "", "no"}},
	"null flags":                 {{"verify*", "", "no"}},
	"values that cannot be read": {{"doctor", "", "no"}},
	"rows without a key":         {{"doctor", "", "no"}, {"mint --user-id 5 --kind drf", "", "token_exists"}},
	"rows without owners":        {{"doctor", "", "no"}},
	"sessions alone":             {{"doctor|verify - #drf|verify - #knox", "", "no"}, {byUser + "|mint *|*#jwt|list --kind drf|list --kind knox|list --kind jwt|verify - #session", "", "table_missing"}, {"show - #drf|show - #knox|rotate*#drf|rotate*#knox", "", "not_found"}},
}
