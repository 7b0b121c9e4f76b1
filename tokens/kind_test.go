package tokens_test

import (
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

func TestKindRefusesWhatItCannot(t *testing.T) {
	t.Parallel()
	for _, k := range tokens.Kinds() {
		for _, verb := range tokens.Verbs {
			err := k.CheckVerb(verb)
			if k.Can(verb) != (err == nil) {
				t.Errorf("%s: Can(%s) is %t, Refuse says %v", k.Name, verb, k.Can(verb), err)
			}
			says := verb + " " + k.Title
			switch verb {
			case "unblacklist":
				says = k.Name + " credentials are deleted, not blacklisted: there is nothing to bring back"
			case "expire":
				says = "the expiry of " + k.Title + " is signed into them, and nobody can change it"
				if k.Ends == nil {
					says = k.Title + " never expire: there is no expiry to change"
				}
			case "purge":
				says = k.Title + " never expire: there is nothing to purge"
			}
			if err != nil && (tokenctl.CodeOf(err) != tokenctl.CodeKindUnsupported || !strings.Contains(err.Error(), says)) {
				t.Errorf("%s: Refuse(%s) says %q (%s)", k.Name, verb, err, tokenctl.CodeOf(err))
			}
		}
	}
	for _, verb := range []string{"list", "show", "verify", "mint", "rotate", "blacklist"} {
		if !tokens.DRF.Can(verb) {
			t.Errorf("drf cannot %s", verb)
		}
	}
	// One key a user, without an expiry: nothing to purge, and what is deleted
	// cannot come back.
	for _, verb := range []string{"purge", "unblacklist", "dance"} {
		if tokens.DRF.Can(verb) {
			t.Errorf("drf can %s", verb)
		}
	}
}

func TestKindNamed(t *testing.T) {
	t.Parallel()
	for _, name := range tokens.KindNames() {
		if k, err := tokens.KindNamed(name); err != nil || k.Name != name {
			t.Errorf("KindNamed(%q) is %v, %v", name, k, err)
		}
	}
	_, err := tokens.KindNamed("oauth")
	if tokenctl.CodeOf(err) != tokenctl.CodeUsage {
		t.Errorf("an unknown kind: %v", err)
	}
}

// TestKindOfAnEmptyDatabase: without tables there is nothing to mint, and the
// error names the app to install.
func TestKindOfAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	_, err := tokens.Default(new(db.Layout))
	var e *tokenctl.Error
	if tokenctl.CodeOf(err) != tokenctl.CodeTableMissing {
		t.Fatalf("Default says %v", err)
	}
	e = err.(*tokenctl.Error)
	if !strings.Contains(e.Hint, "rest_framework.authtoken") {
		t.Errorf("the hint is %q", e.Hint)
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ id, kind, rest string }{
		{"drf:7", "drf", "7"},
		{"drf:7@1f0c3a55", "drf", "7@1f0c3a55"},
		{"knox:0123456789abcdef", "knox", "0123456789abcdef"},
		{"jwt:38b09468da5840ebb0d3d9cf72054d07", "jwt", "38b09468da5840ebb0d3d9cf72054d07"},
		{"jwt:with:colon", "jwt", "with:colon"},
		{"session:esjmu4ng-0a1b2c3d", "session", "esjmu4ng-0a1b2c3d"},
	} {
		k, rest, err := tokens.ParseID(test.id)
		if err != nil || k.Name != test.kind || rest != test.rest {
			t.Errorf("ParseID(%q) is %v, %q, %v", test.id, k, rest, err)
		}
	}
	// What is no id may be a secret: the error must not repeat it.
	for _, text := range []string{"", "drf", "drf:", ":7", "DRF:7", "a35407cd24f9fad31648b0362f72bab9bed41726", "oauth:7"} {
		_, _, err := tokens.ParseID(text)
		if tokenctl.CodeOf(err) != tokenctl.CodeUsage {
			t.Errorf("ParseID(%q): %v", text, err)
		} else if text != "" && text != "drf" && strings.Contains(err.Error(), text) {
			t.Errorf("ParseID repeats %q: %v", text, err)
		}
	}
}

// TestLooksLike: the secrets of the kinds in their usual form, and what must not
// be taken for one: names, ids, fingerprints, UUIDs.
func TestLooksLike(t *testing.T) {
	t.Parallel()
	secrets := map[string]*tokens.Kind{
		"a35407cd24f9fad31648b0362f72bab9bed41726":                         tokens.DRF,
		"9ff4ffcf26be9ff3c36de645a55d1b9fa2b02200a32628e78d33bcff361a9c4d": tokens.Knox,
		"eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiIxIn0.c2ln":                        tokens.JWT,
		"esjmu4ngrkusok3wdqr4tddvputwnx9g":                                 tokens.Session,
	}
	for text, kind := range secrets {
		for _, k := range tokens.Kinds() {
			if got := k.LooksLike(text); got != (k == kind) {
				t.Errorf("%s.LooksLike(%q) is %t", k.Name, text, got)
			}
		}
	}
	for _, text := range []string{"alice", "alice@example.org", "drf:7@1f0c3a55", "0b0c1d2e-3f40-4152-8364-758697a8b9ca",
		"0b0c1d2e3f4041528364758697a8b9ca", "A35407CD24F9FAD31648B0362F72BAB9BED41726", ""} {
		for _, k := range tokens.Kinds() {
			if k.LooksLike(text) {
				t.Errorf("%s.LooksLike(%q)", k.Name, text)
			}
		}
	}
}

// BenchmarkLooksLike asks every kind about a text, most of which are no secrets.
func BenchmarkLooksLike(b *testing.B) {
	texts := []string{"alice", "https://example.org/api/token/?page=2", "0b0c1d2e3f4041528364758697a8b9ca", "Authorization:",
		"a35407cd24f9fad31648b0362f72bab9bed41726", "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiIxIn0.c2ln", "esjmu4ngrkusok3wdqr4tddvputwnx9g", "200"}
	kinds := tokens.Kinds()
	found := 0
	for i := 0; b.Loop(); i++ {
		for _, k := range kinds {
			if k.LooksLike(texts[i%len(texts)]) {
				found++
			}
		}
	}
	if found == 0 {
		b.Error("nothing looks like a secret")
	}
}
