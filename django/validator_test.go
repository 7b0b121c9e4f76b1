package django

import (
	"bytes"
	"compress/gzip"
	"io"
	"reflect"
	"sort"
	"strings"
	"testing"
)

var loadedByInit bool

func init() { loadedByInit = commonPasswordsLoaded }

func TestValidatePassword(t *testing.T) {
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
		for _, problem := range ValidatePassword(test.password, test.user) {
			codes = append(codes, problem.Code)
		}
		if got := strings.Join(codes, " "); got != test.codes {
			t.Errorf("%q: %q, want %q", test.password, got, test.codes)
		}
	}
}

func TestValidatePasswordMessages(t *testing.T) {
	want := []PasswordProblem{
		{"password_too_similar", "The password is too similar to the email address."},
		{"password_too_short", "This password is too short. It must contain at least 8 characters."},
		{"password_too_common", "This password is too common."},
		{"password_entirely_numeric", "This password is entirely numeric."},
	}
	if got := ValidatePassword("123456", UserAttributes{Email: "123456@example.com"}); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for name, user := range map[string]UserAttributes{
		"username": {Username: "kX3vq9Lm"}, "first name": {FirstName: "kX3vq9Lm"}, "last name": {LastName: "kX3vq9Lm"},
	} {
		want := []PasswordProblem{{"password_too_similar", "The password is too similar to the " + name + "."}}
		if got := ValidatePassword("KX3VQ9LM", user); !reflect.DeepEqual(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Computed by difflib of Python 3.11.
func TestQuickRatio(t *testing.T) {
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
		if entry == "" || lower(entry) != entry || trimSpace(entry) != entry || i > 0 && entry == entries[i-1] {
			t.Errorf("entry %q", entry)
		}
	}
}
