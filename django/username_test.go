package django

import (
	"strings"
	"testing"
)

// maxUsernameLength is the max_length of AbstractUser.username in
// django/contrib/auth/models.py (3.2 to 6.1), in characters.
const maxUsernameLength = 150

// Checked against Django 3.2.25, 4.2.28 and 5.2.18.
func TestValidateUsername(t *testing.T) {
	t.Parallel()
	const invalid = "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."
	long := strings.Repeat("é", 151)
	for in, want := range map[string]string{
		"alice": "", "a.b@c+d-e_f": "", "жук": "", "漢字": "", "٠١": "", "x²": "", "½": invalid, "Ⅷ": "", "ﬁx": "",
		"": "This field cannot be blank.", " ": invalid, "a b": invalid, "alice\n": invalid, "a\x00": invalid,
		"x\u0301": invalid, "a\u0301": "", "a\u200db": invalid, "😀": invalid, "a\u203fb": invalid, "a\xff": invalid, "a/b": invalid,
		long[2:]:   "",
		long:       "Ensure this value has at most 150 characters (it has 151).",
		" " + long: invalid + "; Ensure this value has at most 150 characters (it has 152).",
	} {
		got := ""
		if err := ValidateUsername(in, maxUsernameLength); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if err := ValidateUsername("ab", 1); err == nil || err.Error() != "Ensure this value has at most 1 character (it has 2)." {
		t.Errorf("limit 1: %v", err)
	}
	if err := ValidateUsername(long, 0); err != nil {
		t.Errorf("no limit: %v", err)
	}
}

func TestNormalize(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"ﬁx": "fix", "ａｂｃ": "abc", "x²": "x2", "Alice": "Alice"} {
		if got := NormalizeUsername(in); got != want {
			t.Errorf("username %q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"": "", " plain ": " plain ", " Alice@EXAMPLE.com\n": "Alice@example.com", "A@B@C": "A@B@c", "@X": "@x", "X@": "X@",
		"A@ X": "A@ x", "\x1fA@İ": "A@i\u0307",
	} {
		if got := NormalizeEmail(in); got != want {
			t.Errorf("email %q: %q, want %q", in, got, want)
		}
	}
}

// Checked against Django 3.2.25, 4.2.28 and 5.2.18: valid if one of them says so.
func TestValidateEmail(t *testing.T) {
	t.Parallel()
	for _, valid := range []string{
		"alice@example.com", "a.b+c@example.co.uk", "a@localhost", "a@[127.0.0.1]", "a@[::1]", "a@[::ffff:1.2.3.4]",
		`"\ "@example.com`, "a@xn--p1ai.xn--p1ai", "a@пример.рф", "a@例え。テスト", "a@b.ж", "a@😀.com", "a@1.c0", "a@127.0.0.11", "ſ@example.com",
		"a@" + strings.Repeat("b", 63) + ".com",
	} {
		if err := ValidateEmail(valid); err != nil {
			t.Errorf("%q: %v", valid, err)
		}
	}
	for _, invalid := range []string{
		"", "a", "@", "a@", "@b.com", "a@b", "a b@example.com", `"a b"@example.com`, "a@127.0.0.1", ".a@example.com", "a.@example.com", "a..b@example.com", "a@example.com\n",
		"a@-b.com", "a@b-.com", "a@b..com", "a@b.com.", "a@[1.2.3]", "a@[01.2.3.4]", "a@[::1%25]", "a@[]", "é@example.com", "a@ex_ample.com",
		"a@LOCALHOST", "a@" + strings.Repeat("b", 64) + ".com", strings.Repeat("a", 309) + "@example.com", "a@\xff.com", "a@b\u00a0c.рф",
	} {
		if err := ValidateEmail(invalid); err == nil || err.Error() != "Enter a valid email address." {
			t.Errorf("%q: %v", invalid, err)
		}
	}
}

func FuzzValidateUsername(f *testing.F) {
	f.Add("alice")
	f.Add("ﬁx\u0301\xff")
	f.Fuzz(func(t *testing.T, s string) {
		if ValidateUsername(s, maxUsernameLength) == nil && ValidateUsername(NormalizeUsername(s), maxUsernameLength) != nil {
			t.Errorf("%q is valid and its normal form is not", s)
		}
	})
}

func FuzzValidateEmail(f *testing.F) {
	for _, seed := range []string{"alice@example.com", "a@пример.рф", "a@[::1]", `"a"@b.ж`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if ValidateEmail(s) == nil && !strings.Contains(s, "@") {
			t.Errorf("%q is valid", s)
		}
		NormalizeEmail(s)
	})
}
