package django

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"tokenctl"
)

const (
	testPassword = "pässword"
	testSalt     = "abcdefghijklmnopqrstuv"
)

// Written by Django 3.2.25, 4.2.28 and 5.2.18, argon2-cffi 21.1 and bcrypt 3.2.2.
var knownHashes = map[string]string{
	"pbkdf2_sha256 of 3.2": "pbkdf2_sha256$260000$abcdefghijklmnopqrstuv$ht93y9pBl3FaDhtky5/fGyB44btC9lh3/G3f4dHGVYQ=",
	"pbkdf2_sha256 of 5.2": "pbkdf2_sha256$1000000$abcdefghijklmnopqrstuv$9K2hH9gkIV+EhLnkxBS/tw9MpV3RGEqCPVzgSATG7WE=",
	"pbkdf2_sha1":          "pbkdf2_sha1$600000$abcdefghijklmnopqrstuv$PbkUZytArKyRSJioPKCPZ1xlxGc=",
	"scrypt of 4.2":        "scrypt$16384$abcdefghijklmnopqrstuv$8$1$B26/EO2ji91ZlMQDjSbyjR2Hc0SJ9Eyqu6YwsQSQnTfyKpj+VWWue1nMPcDlgwjaJZzZkIAuwBdKZxY1/pzGsA==",
	"argon2id":             "argon2$argon2id$v=19$m=102400,t=2,p=8$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dg$4xGOlrMdZbSfDUicX8bo7qRt5DWhHAEfnUz9ngkXitA",
	"argon2i":              "argon2$argon2i$v=19$m=512,t=2,p=2$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dg$+fAHV8kCyIJC+0UCP1JUGA",
	"bcrypt_sha256":        "bcrypt_sha256$$2b$12$abcdefghijklmnopqrstuuUd/goKkBUYogJntQ7O40LPjFbO9VltG",
	"bcrypt":               "bcrypt$$2b$04$abcdefghijklmnopqrstuum174eFeoTj0DHmtuueFaS3Wde4P7wHG",
	"md5":                  "md5$salt$eab0a408420f4b8a0fef8b03356228fb",
	"sha1":                 "sha1$salt$659300c06fd0790609170cc728ce169cab66f3fd",
	"unsalted_md5":         "8e1843033a0f6ee52e2f618aa8ebbef4",
	"unsalted_md5, marked": "md5$$8e1843033a0f6ee52e2f618aa8ebbef4",
	"unsalted_sha1":        "sha1$$23b74494475f5f874980b7676d511e23d886da64",
}

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	for name, encoded := range knownHashes {
		t.Run(name, func(t *testing.T) {
			if !CheckPassword(testPassword, encoded) {
				t.Errorf("%s: not verified", encoded)
			}
			if CheckPassword(testPassword+"x", encoded) {
				t.Errorf("%s: verifies a wrong password", encoded)
			}
		})
	}
	t.Run("bcrypt_cuts_at_72_bytes", func(t *testing.T) {
		const encoded = "bcrypt$$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i"
		if !CheckPassword(strings.Repeat("x", 80), encoded) || CheckPassword(strings.Repeat("x", 71), encoded) {
			t.Error("the secret is not cut at 72 bytes")
		}
	})
}

func TestCheckPasswordRefuses(t *testing.T) {
	t.Parallel()
	for _, encoded := range []string{
		"", "!", "!" + strings.Repeat("a", 40), "$", "$$$$", "plain", "unknown$1$a$b", "unsalted_md5$a",
		"crypt$$rl0/UlTtSBlCs", "md5$$", "md5$$abc", "sha1$$", "sha1$salt", "bcrypt$", "bcrypt_sha256$$2b$", "argon2$", "scrypt$",
		"pbkdf2_sha256$260000$$ht93y9pBl3FaDhtky5/fGyB44btC9lh3/G3f4dHGVYQ=",
		"pbkdf2_sha256$+260000$abcdefghijklmnopqrstuv$ht93y9pBl3FaDhtky5/fGyB44btC9lh3/G3f4dHGVYQ=",
		"pbkdf2_sha256$260000$abcdefghijklmnopqrstuv$ht93y9pBl3FaDhtky5/fGyB44btC9lh3/G3f4dHGVYQ=\n",
		"pbkdf2_sha256$0$a$b", "pbkdf2_sha256$-1$a$b", "scrypt$3$a$1$1$b", "scrypt$0$a$0$0$b",
		"bcrypt$$2b$04$abcdefghijklmnopqrstuvm174eFeoTj0DHmtuueFaS3Wde4P7wHG",
		"bcrypt$$2b$04$abcdefghijklmnopqrstuum174eFeoTj0DHmtuueFaS3Wde4P7wHGx",
		"argon2$argon2d$v=19$m=512,t=2,p=2$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dg$+fAHV8kCyIJC+0UCP1JUGA",
		"argon2$argon2i$v=16$m=512,t=2,p=2$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dg$+fAHV8kCyIJC+0UCP1JUGA",
		"argon2$argon2i$v=19$t=2,m=512,p=2$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dg$+fAHV8kCyIJC+0UCP1JUGA",
		"argon2$argon2i$v=19$m=512,t=0,p=0$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dg$+fAHV8kCyIJC+0UCP1JUGA",
	} {
		if CheckPassword(testPassword, encoded) {
			t.Errorf("%q verifies", encoded)
		}
	}
}

// TestCheckPasswordIsBounded would not end if it computed any of these.
func TestCheckPasswordIsBounded(t *testing.T) {
	t.Parallel()
	for _, encoded := range []string{
		"pbkdf2_sha256$1000000000000$a$b", "pbkdf2_sha1$99999999999999999999$a$b",
		"scrypt$1099511627776$a$8$1$b", "scrypt$2$a$1073741824$1073741824$b", "scrypt$16384$a$8$99999999$b",
		"argon2$argon2id$v=19$m=4294967295,t=1,p=1$YWJjZGVmZ2hpams$YWJjZGVmZ2hpams",
		"argon2$argon2id$v=19$m=8,t=4294967295,p=1$YWJjZGVmZ2hpams$YWJjZGVmZ2hpams",
		"bcrypt$$2b$31$abcdefghijklmnopqrstuum174eFeoTj0DHmtuueFaS3Wde4P7wHG",
		"md5$" + strings.Repeat("a", 1<<20) + "$b",
	} {
		if CheckPassword(testPassword, encoded) {
			t.Errorf("%.60q verifies", encoded)
		}
	}
}

func TestHasherEncodeWithSalt(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]Hasher{
		"pbkdf2_sha256 of 3.2": {Algorithm: tokenctl.PBKDF2SHA256, Iterations: 260_000},
		"pbkdf2_sha1":          {Algorithm: tokenctl.PBKDF2SHA1, Iterations: 600_000},
		"scrypt of 4.2":        {Algorithm: tokenctl.Scrypt, Parallelism: 1},
		"argon2id":             {Algorithm: tokenctl.Argon2},
	} {
		got, err := h.EncodeWithSalt(testPassword, testSalt)
		if err != nil || got != knownHashes[name] {
			t.Errorf("%s: %q, %v; want %q", name, got, err, knownHashes[name])
		}
	}
	for _, salt := range []string{"", "a$b"} {
		if _, err := (Hasher{Algorithm: tokenctl.PBKDF2SHA256, Iterations: 1}).EncodeWithSalt("p", salt); err == nil {
			t.Errorf("salt %q is accepted", salt)
		}
	}
	for _, h := range []Hasher{
		{}, {Algorithm: "md5"}, {Algorithm: tokenctl.BCryptSHA256}, {Algorithm: tokenctl.PBKDF2SHA256, Iterations: -1},
		{Algorithm: tokenctl.PBKDF2SHA256, Iterations: 1 << 40}, {Algorithm: tokenctl.Argon2, MemoryCost: 1 << 40}, {Algorithm: tokenctl.Scrypt, WorkFactor: 3},
	} {
		if got, err := h.EncodeWithSalt("p", testSalt); err == nil {
			t.Errorf("%+v writes %q", h, got)
		}
	}
}

func TestHasherEncode(t *testing.T) {
	t.Parallel()
	for _, algorithm := range tokenctl.Hashers() {
		h := Hasher{Algorithm: algorithm, Iterations: 10, MemoryCost: 64, Parallelism: 1, WorkFactor: 16, Rounds: 4}
		first, err := h.Encode(rand.Reader, testPassword)
		if err != nil {
			t.Fatalf("%s: %v", algorithm, err)
		}
		second, err := h.Encode(rand.Reader, testPassword)
		if err != nil || first == second {
			t.Errorf("%s: %q twice, %v", algorithm, first, err)
		}
		if len(first) > 128 || !CheckPassword(testPassword, first) || CheckPassword("", first) {
			t.Errorf("%s: %q", algorithm, first)
		}
	}
	if _, err := (Hasher{Algorithm: tokenctl.PBKDF2SHA256}).Encode(bytes.NewReader(nil), "p"); err == nil {
		t.Error("a hash without a salt")
	}
}

func TestDefaultPBKDF2Iterations(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]int{
		"": 1_500_000, "garbage": 1_500_000, "9.0": 1_500_000, "6.1": 1_500_000, "6.1.1": 1_500_000, "6.0": 1_200_000,
		"5.2.18": 1_000_000, "5.1": 870_000, "5.0rc1": 720_000, "5": 720_000, "4.2.28": 600_000, "4.1": 390_000,
		"4.0": 320_000, "3.2": 260_000, "3.2.25": 260_000, "3.1": 216_000, "3.0": 180_000, "2.2": 150_000, "1.11": 100_000,
	} {
		if got := DefaultPBKDF2Iterations(version); got != want {
			t.Errorf("%q: %d, want %d", version, got, want)
		}
	}
	for version, want := range map[string]int{"4.0": 1, "5.0": 1, "5.1": 5, "": 5} {
		if h, err := NewHasher(tokenctl.Scrypt, version); err != nil || h.Parallelism != want {
			t.Errorf("scrypt of %q: %+v, %v", version, h, err)
		}
	}
	if n, ok := PBKDF2Iterations(knownHashes["pbkdf2_sha1"]); n != 600_000 || !ok {
		t.Errorf("PBKDF2Iterations: %d, %v", n, ok)
	}
	if _, ok := PBKDF2Iterations(knownHashes["argon2id"]); ok {
		t.Error("argon2 has PBKDF2 iterations")
	}
}

func TestPasswordRandom(t *testing.T) {
	t.Parallel()
	unusable, err := UnusablePassword(rand.Reader)
	if err != nil || len(unusable) != 41 || HasUsablePassword(unusable) || CheckPassword("", unusable) {
		t.Errorf("unusable password %q, %v", unusable, err)
	}
	if !HasUsablePassword("") || !HasUsablePassword("x") {
		t.Error("only a leading ! makes a password unusable")
	}
	password, err := GeneratePassword(rand.Reader, 0)
	if err != nil || len(password) != 22 || (PasswordChecks{}).Validate(password, UserAttributes{Username: "alice"}) != nil {
		t.Errorf("generated %q, %v", password, err)
	}
	// 256 is no multiple of 62: the bytes from 248 on would favour "a" to "h".
	got, err := RandomString(bytes.NewReader([]byte{255, 248, 0}), 2, randomStringChars)
	if err == nil || got != "" {
		t.Errorf("a source that ends early: %q, %v", got, err)
	}
	got, err = RandomString(bytes.NewReader([]byte{255, 0, 248, 61}), 2, randomStringChars)
	if err != nil || got != "a9" {
		t.Errorf("%q, %v; want a9", got, err)
	}
	if _, err := GeneratePassword(constant(0), 0); !errors.Is(err, errRandomSource) {
		t.Errorf("a constant source: %v", err)
	}
	if _, err := RandomString(constant(255), 2, randomStringChars); !errors.Is(err, errRandomSource) {
		t.Errorf("a source of rejected bytes: %v", err)
	}
}

// constant is a random source gone wrong.
type constant byte

func (c constant) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c)
	}
	return len(p), nil
}

func FuzzCheckPassword(f *testing.F) {
	for _, encoded := range knownHashes {
		f.Add(testPassword, encoded)
	}
	f.Fuzz(func(t *testing.T, password, encoded string) {
		CheckPassword(password, encoded)
	})
}

func BenchmarkHasherEncodePBKDF2(b *testing.B) {
	h := Hasher{Algorithm: tokenctl.PBKDF2SHA256, Iterations: DefaultPBKDF2Iterations("")}
	for b.Loop() {
		if _, err := h.EncodeWithSalt(testPassword, testSalt); err != nil {
			b.Fatal(err)
		}
	}
}

// EncodeWithSalt hashes password with the given salt, for known-answer tests. bcrypt_sha256 is an
// error, because golang.org/x/crypto/bcrypt makes its own salts.
func (h Hasher) EncodeWithSalt(password, salt string) (string, error) {
	h, err := h.filled()
	if err != nil {
		return "", err
	}
	return h.encode(password, salt)
}
