package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"
	"testing"
)

// sessionLetters are those of Django's session keys (django/contrib/sessions/backends/base.py, 5.2).
const sessionLetters = "abcdefghijklmnopqrstuvwxyz0123456789"

// TestPattern: no key that is as good as random follows a pattern, and keys that people make do.
func TestPattern(t *testing.T) {
	t.Parallel()
	for i := range 300_000 {
		sum := sha256.Sum256(strconv.AppendInt(nil, int64(i), 10))
		keys := []string{hex.EncodeToString(sum[:20]), session(sum)}
		for _, key := range keys {
			l := lookAt(key)
			if why := l.pattern(); why != "" {
				t.Fatalf("%s %s", key, why)
			}
		}
	}
	for key, want := range map[string]string{
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": "repeats itself",
		"deadbeefdeadbeefdeadbeefdeadbeefdeadbeef": "repeats itself",
		"0123456789abcdef0123456789abcdef01234567": "repeats itself",
		"abcdefghijklmnopqrstuvwxyz012345":         "counts up or down",
		"correcthorsebatterystaple":                "is made of words",
		"secret-token-for-production-2":            "is made of words",
		"MyAdminPasswordToken1":                    "is made of words",
		"x9f2kq7zpl2xwvt9mrb4hsyd0c8u5e3a":         "",
		"3f786850e387550fdab836ed7e6dc881de23001b": "",
	} {
		l := lookAt(key)
		if why := l.pattern(); why != want {
			t.Errorf("%s %s, want %s", key, why, want)
		}
	}
}

// session is a session key of the same randomness.
func session(sum [32]byte) string {
	n, base := new(big.Int).SetBytes(sum[:]), big.NewInt(int64(len(sessionLetters)))
	var b strings.Builder
	for range 32 {
		digit := new(big.Int)
		n.DivMod(n, base, digit)
		b.WriteByte(sessionLetters[digit.Int64()])
	}
	return b.String()
}

// TestBits: keys of Django's own making have enough entropy, and words and repetitions do not.
func TestBits(t *testing.T) {
	t.Parallel()
	for i := range 2000 {
		sum := sha256.Sum256(strconv.AppendInt(nil, int64(i), 10))
		for _, key := range []string{session(sum), hex.EncodeToString(sum[:])} {
			if b := bits(key); b < leastKeyBits {
				t.Fatalf("%s: %.0f bits", key, b)
			}
		}
	}
	for _, key := range []string{strings.Repeat("x", 64), strings.Repeat("changeme", 8), "this-is-the-secret-key-of-the-production-server", strings.Repeat("0123456789", 6)} {
		if b := bits(key); b >= leastKeyBits {
			t.Errorf("%s: %.0f bits", key, b)
		}
	}
}
