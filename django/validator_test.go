package django

import (
	"bytes"
	"compress/gzip"
	"io"
	"reflect"
	"sort"
	"strings"
	"testing"

	"tokenctl"
)

var loadedByInit bool

func init() { loadedByInit = commonPasswordsLoaded }

func TestValidatePassword(t *testing.T) {
	t.Parallel()
	alice := UserAttributes{Username: "alice.smith", FirstName: "Alice", LastName: "Smith", Email: "asmith@example.com"}
	for _, test := range []struct {
		password string
		user     UserAttributes
		codes    string
	}{
		{"kX3vq9LmTz", alice, ""},
		{"Alice!9?", alice, "password_too_similar"},
		{"htims.ecila", alice, "password_too_similar"},
		{"EXAMPLE1", UserAttributes{Email: "a@example.com"}, "password_too_similar"},
		{"x", UserAttributes{}, "password_too_short"},
		{"", UserAttributes{}, "password_too_short"},
		{"", UserAttributes{Username: ".a"}, "password_too_similar password_too_short"},
		{" PassWord1\u2003", UserAttributes{}, "password_too_common"},
		{"12345678", UserAttributes{}, "password_too_common password_entirely_numeric"},
		{"1234", UserAttributes{}, "password_too_short password_too_common password_entirely_numeric"},
		{"²³①❶²³①❶", UserAttributes{}, "password_entirely_numeric"},
		{"½½½½½½½½", UserAttributes{}, ""},
	} {
		var codes []string
		for _, problem := range (PasswordChecks{}).Validate(test.password, test.user) {
			codes = append(codes, problem.Code)
		}
		if got := strings.Join(codes, " "); got != test.codes {
			t.Errorf("%q: %q, want %q", test.password, got, test.codes)
		}
	}
}

func TestValidatePasswordMessages(t *testing.T) {
	t.Parallel()
	want := []PasswordProblem{
		{"password_too_similar", "The password is too similar to the email address."},
		{"password_too_short", "This password is too short. It must contain at least 8 characters."},
		{"password_too_common", "This password is too common."},
		{"password_entirely_numeric", "This password is entirely numeric."},
	}
	if got := (PasswordChecks{}).Validate("123456", UserAttributes{Email: "123456@example.com"}); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for name, user := range map[string]UserAttributes{
		"username": {Username: "kX3vq9Lm"}, "first name": {FirstName: "kX3vq9Lm"}, "last name": {LastName: "kX3vq9Lm"},
	} {
		want := []PasswordProblem{{"password_too_similar", "The password is too similar to the " + name + "."}}
		if got := (PasswordChecks{}).Validate("KX3VQ9LM", user); !reflect.DeepEqual(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Computed by difflib of Python 3.11.
func TestQuickRatio(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want float64
	}{
		{"alice123", "alice", 0.7692307692307693},
		{"abcdefgh", "hgfedcba", 1},
		{"", "", 1},
		{"aab", "abb", 0.6666666666666666},
		{"password", "pass", 0.6666666666666666},
		{"ünïcode", "unicode", 0.7142857142857143},
		{"jo", "john", 0.6666666666666666},
	} {
		if got := quickRatio([]rune(test.a), []rune(test.b)); got != test.want {
			t.Errorf("%q, %q: %v, want %v", test.a, test.b, got, test.want)
		}
	}
}

// Computed by str.lower and re.split of Python 3.11.
func TestPythonText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"İX": "i\u0307x", "ΑΣ": "ας", "ΑΣΑ": "ασα", "Σ": "σ", "ΑΣ.": "ας.", "ΑΣ.Β": "ασ.β", "ÄÉ": "äé"} {
		if got := lower(in); got != want {
			t.Errorf("lower(%q) = %q, want %q", in, got, want)
		}
	}
	if got, want := splitNonWords("..a-b  c."), []string{"", "a", "b", "c", ""}; !reflect.DeepEqual(got, want) {
		t.Errorf("split: %q, want %q", got, want)
	}
}

func TestCommonPasswords(t *testing.T) {
	t.Parallel()
	if loadedByInit {
		t.Error("the list is decompressed at start")
	}
	for _, password := range []string{"password", "PASSWORD", " qwerty\t", "123456", "\x1cletmein\u3000"} {
		if !isCommonPassword(password) {
			t.Errorf("%q is not common", password)
		}
	}
	for _, password := range []string{"", " ", "password\nqwerty", "kX3vq9LmTz", "passwor\x00d"} {
		if isCommonPassword(password) {
			t.Errorf("%q is common", password)
		}
	}
	r, err := gzip.NewReader(bytes.NewReader(commonPasswordsGzip))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil || text[len(text)-1] != '\n' {
		t.Fatalf("the list ends in %q, %v", text[len(text)-1:], err)
	}
	entries := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(entries) != 100_000 || !sort.StringsAreSorted(entries) {
		t.Errorf("%d entries", len(entries))
	}
	for i, entry := range entries {
		if entry == "" || lower(entry) != entry || TrimSpace(entry) != entry || i > 0 && entry == entries[i-1] {
			t.Errorf("entry %q", entry)
		}
	}
}

// checks are the validators of a tokenctl.toml.
func checks(t *testing.T, toml string, lists map[string]string) PasswordChecks {
	t.Helper()
	s, err := tokenctl.ParseSettings([]byte(toml))
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewPasswordChecks(s.Auth, func(path string) (string, error) { return lists[path], nil })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPasswordValidators(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte("tr0ub4dor\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	lists := map[string]string{"plain": " correct horse \r\nbattery\n", "packed": packed.String()}
	user := UserAttributes{Username: "alice.smith", Email: "asmith@example.com", Field: "staff_code", Value: "X-4711-Q"}
	for _, test := range []struct{ toml, password, problems string }{
		{`auth.password_validators = []`, "1", ""},
		{`auth.password_validators = [{name = "MinimumLengthValidator", min_length = 12}]`, "12345678901", "It must contain at least 12 characters."},
		{`auth.password_validators = [{name = "MinimumLengthValidator", min_length = 1}]`, "", "It must contain at least 1 character."},
		{`auth.password_validators = [{name = "MinimumLengthValidator", min_length = 0}]`, "", ""},
		{"[[auth.password_validators]]\nname = 'django.contrib.auth.password_validation.NumericPasswordValidator'", "1234", "entirely numeric"},
		{`auth.password_validators = [{name = "UserAttributeSimilarityValidator", max_similarity = 1}]`, "alice.smit", ""},
		{`auth.password_validators = [{name = "UserAttributeSimilarityValidator", max_similarity = 0.3}]`, "alxxxx", "similar to the username"},
		{`auth.password_validators = [{name = "UserAttributeSimilarityValidator", user_attributes = ["first_name"]}]`, "alice.smith", ""},
		{`auth.password_validators = [{name = "UserAttributeSimilarityValidator", user_attributes = ["email", "staff_code"]}]`, "x-4711-q", "similar to the staff code"},
		{`auth.password_validators = [{name = "UserAttributeSimilarityValidator", user_attributes = []}]`, "alice.smith", ""},
		{`auth.password_validators = [{name = "CommonPasswordValidator", password_list_path = "plain"}]`, "Correct Horse", "too common"},
		{`auth.password_validators = [{name = "CommonPasswordValidator", password_list_path = "plain"}]`, "password", ""},
		{`auth.password_validators = [{name = "CommonPasswordValidator", password_list_path = "packed"}]`, "TR0UB4DOR ", "too common"},
		{`auth.password_validators = [{name = "shop.validators.Symbols"}]`, "1", ""},
	} {
		var messages []string
		for _, p := range checks(t, test.toml, lists).Validate(test.password, user) {
			messages = append(messages, p.Message)
		}
		if got := strings.Join(messages, " "); (got == "") != (test.problems == "") || !strings.Contains(got, test.problems) {
			t.Errorf("%s: %q has %q, want %q", test.toml, test.password, got, test.problems)
		}
	}
	c := checks(t, `auth.password_validators = [{name = "shop.validators.Symbols"}, {name = "UserAttributeSimilarityValidator", user_attributes = ["email", "nickname", "code"]}]`, nil)
	if got, want := c.Unchecked("code"), []string{"shop.validators.Symbols", "the similarity to nickname"}; !reflect.DeepEqual(got, want) || c.Default() {
		t.Errorf("unchecked: %q, want %q", got, want)
	}
	if c := checks(t, "", nil); c.Unchecked("username") != nil || !c.Default() {
		t.Errorf("without a setting: %q", c.Unchecked("username"))
	}
}

func TestPasswordValidatorsRefused(t *testing.T) {
	t.Parallel()
	for toml, want := range map[string]string{
		`[{}]`:                        "number 1 has no name",
		`[{name = ""}]`:               "number 1 has no name",
		`["MinimumLengthValidator"]`:  "auth.password_validators",
		`{}`:                          "auth.password_validators",
		`"none"`:                      "auth.password_validators",
		`[{name = "MinimumLength"}]`:  "MinimumLength is none of Django's",
		`[{Name = "numeric", x = 1}]`: "x (line 2)",
		`[{name = "django.contrib.auth.password_validation.Numeric"}]`:                     "is none of Django's",
		`[{name = "MinimumLengthValidator", min_lenght = 9}]`:                              "min_lenght",
		`[{name = "MinimumLengthValidator", min_length = "9"}]`:                            "auth.password_validators has the wrong type or form",
		`[{name = "MinimumLengthValidator", min_length = -1}]`:                             "min_length that does not lie between",
		`[{name = "MinimumLengthValidator", min_length = 5000}]`:                           "min_length that does not lie between",
		`[{name = "NumericPasswordValidator", min_length = 9}]`:                            "takes no min_length",
		`[{name = "MinimumLengthValidator", max_similarity = 0.5}]`:                        "takes no max_similarity",
		`[{name = "MinimumLengthValidator", password_list_path = "x"}]`:                    "takes no password_list_path",
		`[{name = "CommonPasswordValidator", password_list_path = ""}]`:                    "empty password_list_path",
		`[{name = "UserAttributeSimilarityValidator", max_similarity = 0.05}]`:             "max_similarity below 0.1",
		`[{name = "UserAttributeSimilarityValidator", max_similarity = nan}]`:              "max_similarity below 0.1",
		`[{name = "NumericPasswordValidator"}, {name = "shop.Validator", min_length = 1}]`: "shop.Validator takes no min_length",
	} {
		_, err := tokenctl.ParseSettings([]byte("[auth]\npassword_validators = " + toml + "\n"))
		if tokenctl.CodeOf(err) != tokenctl.CodeConfigInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", toml, err, want)
		}
	}
}
