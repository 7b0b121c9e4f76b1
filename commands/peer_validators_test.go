package commands_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django"
	"tokenctl/django/djangotest"
)

const ownValidator = `
class Symbols:
    def __init__(self, symbols="!?"):
        pass
    def validate(self, password, user=None):
        pass
    def get_help_text(self):
        return ""
`

// validators are settings, and what tokenctl says of them that it cannot check.
var validators = []struct{ name, settings, unchecked string }{
	{"none", "AUTH_PASSWORD_VALIDATORS = []", ""},
	{"length", `AUTH_PASSWORD_VALIDATORS = [{"NAME": V + "MinimumLengthValidator", "OPTIONS": {"min_length": 3}}]`, ""},
	{"options", `
import os
here = os.path.dirname(os.path.abspath(__file__))
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": V + "NumericPasswordValidator"},
    {"NAME": V + "UserAttributeSimilarityValidator", "OPTIONS": {"user_attributes": ("email", "username"), "max_similarity": 0.5}},
    {"NAME": V + "CommonPasswordValidator", "OPTIONS": {"password_list_path": os.path.join(here, "common.txt")}},
    {"NAME": V + "MinimumLengthValidator", "OPTIONS": {"min_length": 1}},
]`, ""},
	{"own", `AUTH_PASSWORD_VALIDATORS = [{"NAME": "symbols.Symbols", "OPTIONS": {"symbols": "$"}}, {"NAME": V + "NumericPasswordValidator"}]`, "symbols.Symbols"},
}

var candidates = []string{"1", "12", "123", "1234567890", "ab", "abc", "ann", "Ann.Lee", "annlee", "lee@example", "leeexample", "password", "correct horse", "CORRECT HORSE ", "battery", "pässwörd 42-xyz"}

// TestPeerValidators: the application's validators, as they were imported, say of
// every password what Django says.
func TestPeerValidators(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		for _, test := range validators {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				pr, _ := dbtest.Migrated(t, p, "sqlite", djangotest.Options{Settings: `V = "django.contrib.auth.password_validation."` + "\n" + test.settings + "\n",
					Files: map[string]string{"symbols.py": ownValidator, "common.txt": "correct horse\n  battery  \n"}})
				c, with, s := imported(t, pr)
				checks, err := django.NewPasswordChecks(s.Auth, func(path string) (string, error) {
					text, err := os.ReadFile(path)
					return string(text), err
				})
				if err != nil {
					t.Fatal(err)
				}
				list, err := json.Marshal(candidates)
				if err != nil {
					t.Fatal(err)
				}
				theirs := map[string][]string{}
				pr.Eval(fmt.Sprintf(`
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
result = {}
for password in %s:
    try:
        validate_password(password, User(username="ann.lee", first_name="horse", email="lee@example.com"))
        result[password] = []
    except ValidationError as error:
        result[password] = error.messages`, list), &theirs)
				rejected := 0
				for _, password := range candidates {
					ours := []string{}
					for _, problem := range checks.Validate(password, django.UserAttributes{Username: "ann.lee", FirstName: "horse", Email: "lee@example.com"}) {
						ours = append(ours, problem.Message)
					}
					if !slices.Equal(ours, theirs[password]) {
						t.Errorf("%q: %q, Django says %q", password, ours, theirs[password])
					}
					rejected += len(ours)
				}
				if (rejected == 0) != (test.name == "none") {
					t.Errorf("%d problems: the test shows nothing", rejected)
				}
				// The command line, from a CSV too.
				_, errs, status := c.run("1\n", with("user", "create", "bob", "--password-stdin")...)
				if want := map[bool]int{true: 0, false: 2}[len(theirs["1"]) == 0]; status != want || !strings.Contains(errs, test.unchecked) {
					t.Errorf("the password 1: status %d, want %d\n%s", status, want, errs)
				}
				csv := filepath.Join(t.TempDir(), "team.csv")
				if err := os.WriteFile(csv, []byte("\ufeffusername,password\ncid,abc\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				_, errs, status = c.run("", with("user", "create", "--from-csv", csv)...)
				if status != 0 || !strings.Contains(errs, test.unchecked) {
					t.Errorf("the password abc in a CSV: status %d\n%s", status, errs)
				}
				if _, errs, status := c.run("correct horse\n", with("user", "password", "cid", "--password-stdin")...); (status == 0) != (len(theirs["correct horse"]) == 0) {
					t.Errorf("a change to a common password: status %d\n%s", status, errs)
				}
			})
		}
	})
}
