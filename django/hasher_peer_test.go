package django_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/django"
	"tokenctl/django/djangotest"
)

// TestVerifyAsDjango compares what becomes of a password at a login: whether it is
// right, and whether the application encodes it anew.
func TestVerifyAsDjango(t *testing.T) {
	t.Parallel()
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		pr := p.Project(t, dbtest.SQLite(t), djangotest.Options{Settings: `
PASSWORD_HASHERS = ["django.contrib.auth.hashers." + name for name in ("PBKDF2PasswordHasher", "PBKDF2SHA1PasswordHasher", "MD5PasswordHasher")]
import django
if django.VERSION >= (4, 0):
    PASSWORD_HASHERS.append("django.contrib.auth.hashers.ScryptPasswordHasher")
`})
		encoded := odd(t)
		if strings.HasPrefix(p.Name, "3.") {
			kept := encoded[:0]
			for _, e := range encoded {
				if !strings.HasPrefix(e, "scrypt") {
					kept = append(kept, e)
				}
			}
			encoded = kept
		}
		for _, first := range []django.Hasher{
			{Algorithm: tokenctl.PBKDF2SHA256, Iterations: 1000}, {Algorithm: tokenctl.PBKDF2SHA1, Iterations: 2},
			{Algorithm: tokenctl.Scrypt, WorkFactor: 16, BlockSize: 8, Parallelism: 1},
		} {
			if first.Algorithm == tokenctl.Scrypt && strings.HasPrefix(p.Name, "3.") {
				continue
			}
			var want []string
			pr.Eval(`
from django.contrib.auth import hashers
preferred = hashers.get_hasher(algorithm)
for name, value in attributes.items():
    setattr(preferred, name, value)
def verdict(encoded):
    updated = []
    try:
        ok = hashers.check_password("right", encoded, updated.append, preferred=preferred)
    except Exception:
        return "error"
    return "%s %s" % (bool(ok), bool(updated))
result = [verdict(e) for e in encoded]`, &want, djangotest.Vars{"encoded": encoded, "algorithm": first.Algorithm, "attributes": attributesOf(first)})
			for i, e := range encoded {
				ok, update, err := first.Verify(rand.Reader, "right", e)
				got := "error"
				if err == nil {
					got = title(ok) + " " + title(ok && update)
				} else if !errors.Is(err, django.ErrPasswordEncoding) {
					t.Fatal(err)
				}
				if got != want[i] {
					t.Errorf("%s first: %q: %s, Django says %s", first.Algorithm, e, got, want[i])
				}
			}
		}
	})
}

func title(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

func attributesOf(h django.Hasher) map[string]int {
	if h.Algorithm == tokenctl.Scrypt {
		return map[string]int{"work_factor": h.WorkFactor, "block_size": h.BlockSize, "parallelism": h.Parallelism}
	}
	return map[string]int{"iterations": h.Iterations}
}

// odd are encodings of the password "right", and what is none of it.
func odd(t *testing.T) []string {
	t.Helper()
	list := []string{"", "!", "!abc", "plain", "rot13$1$a$b", "pbkdf2_sha256$", "pbkdf2_sha256$1000$nothing", "pbkdf2_sha256$x$salt$hash", "pbkdf2_sha256$1000$$hash", "pbkdf2_sha256$1000$salt$wrong",
		"pbkdf2_sha1$1$2", "md5$salt$ffffffffffffffffffffffffffffffff", "md5$$ffff", "md5$", "md5$salt", "scrypt$16$salt$8$1$x", "scrypt$16$salt$8$1", "scrypt$x$salt$8$1$x", "md5$salt$71c1f2bbeb2b96d76c0e37e5d1c0a6d3"}
	for _, h := range []django.Hasher{
		{Algorithm: tokenctl.PBKDF2SHA256, Iterations: 1000}, {Algorithm: tokenctl.PBKDF2SHA256, Iterations: 999}, {Algorithm: tokenctl.PBKDF2SHA256, Iterations: 1001},
		{Algorithm: tokenctl.PBKDF2SHA1, Iterations: 2}, {Algorithm: tokenctl.PBKDF2SHA1, Iterations: 3},
		{Algorithm: tokenctl.Scrypt, WorkFactor: 16, BlockSize: 8, Parallelism: 1}, {Algorithm: tokenctl.Scrypt, WorkFactor: 32, BlockSize: 8, Parallelism: 1},
		{Algorithm: tokenctl.Scrypt, WorkFactor: 16, BlockSize: 4, Parallelism: 1}, {Algorithm: tokenctl.Scrypt, WorkFactor: 16, BlockSize: 8, Parallelism: 2},
	} {
		for _, password := range []string{"right", "wrong"} {
			for _, n := range []int{1, 21, 22, 30} {
				e, err := h.EncodeWithSalt(password, strings.Repeat("s", n))
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, e)
			}
		}
	}
	return list
}

// TestVerifyParameters is what the peers' machines lack the libraries for.
func TestVerifyParameters(t *testing.T) {
	t.Parallel()
	argon := django.Hasher{Algorithm: tokenctl.Argon2, TimeCost: 1, MemoryCost: 64, Parallelism: 1}
	bcrypt := django.Hasher{Algorithm: tokenctl.BCryptSHA256, Rounds: 5}
	for _, test := range []struct {
		by, first django.Hasher
		password  string
		ok        bool
		update    bool
	}{
		{argon, argon, "right", true, false},
		{argon, argon, "wrong", false, false},
		{argon, django.Hasher{Algorithm: tokenctl.Argon2, TimeCost: 2, MemoryCost: 64, Parallelism: 1}, "right", true, true},
		{argon, bcrypt, "right", true, true},
		{bcrypt, bcrypt, "right", true, false},
		{django.Hasher{Algorithm: tokenctl.BCryptSHA256, Rounds: 4}, bcrypt, "right", true, true},
		{django.Hasher{Algorithm: tokenctl.BCryptSHA256, Rounds: 4}, bcrypt, "wrong", false, true},
	} {
		encoded, err := test.by.Encode(rand.Reader, "right")
		if err != nil {
			t.Fatal(err)
		}
		ok, update, err := test.first.Verify(rand.Reader, test.password, encoded)
		if ok != test.ok || update != test.update || err != nil {
			t.Errorf("%+v, %s first: %v, %v, %v", test.by, fmt.Sprint(test.first), ok, update, err)
		}
	}
	weak, err := argon.EncodeWithSalt("right", "short salt")
	if err != nil {
		t.Fatal(err)
	}
	if ok, update, err := argon.Verify(rand.Reader, "right", weak); !ok || !update || err != nil {
		t.Errorf("a weak salt: %v, %v, %v", ok, update, err)
	}
}
