package django

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"math"
	"strings"
	"testing"
	"time"

	"tokenctl"
)

func TestBase62(t *testing.T) {
	t.Parallel()
	for n, text := range map[int64]string{
		0: "0", 9: "9", 10: "A", 35: "Z", 36: "a", 61: "z", 62: "10", -1: "-1", -62: "-10",
		1795310665: "1xUwJd", math.MaxInt64: "AzL8n0Y58m7",
	} {
		if got := b62Encode(n); got != text {
			t.Errorf("%d is written %s, want %s", n, got, text)
		}
		if got, err := b62Decode(text); err != nil || got != n {
			t.Errorf("%s is read as %d (%v), want %d", text, got, err, n)
		}
	}
	for _, bad := range []string{"", "-", "--1", "+1", " 1", "1 ", "1_", "é", "AzL8n0Y58m8", strings.Repeat("z", 100)} {
		if n, err := b62Decode(bad); err == nil {
			t.Errorf("%q is read as %d", bad, n)
		}
	}
	if got := b62Encode(math.MinInt64); got != "-AzL8n0Y58m8" {
		t.Errorf("the smallest number is written %s", got)
	}
}

func FuzzBase62(f *testing.F) {
	f.Add("1xUwJd", int64(1795310665))
	f.Add("-", int64(-1))
	f.Fuzz(func(t *testing.T, text string, n int64) {
		if back, err := b62Decode(b62Encode(n)); n != math.MinInt64 && (err != nil || back != n) {
			t.Errorf("%d comes back as %d (%v)", n, back, err)
		}
		if n, err := b62Decode(text); err == nil {
			if again, err := b62Decode(b62Encode(n)); err != nil || again != n {
				t.Errorf("%q is %d, then %d (%v)", text, n, again, err)
			}
		}
	})
}

// Computed by salted_hmac of Django 3.2.25, 4.2.28 and 5.2.17.
func TestSaltedHMAC(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		newHash func() hash.Hash
		want    string
	}{
		{sha256.New, "f68f388137cb979de12c197a8e5d6cdcd879ca9f522128bff9637bff1a0d7242"},
		{sha1.New, "5414e2d8741759bca6da976a63368fad12a6e9e2"},
	} {
		if got := hex.EncodeToString(saltedHMAC(test.newHash, "sält", tokenctl.NewSecret("käy"), "välue")); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}

func TestSigner(t *testing.T) {
	t.Parallel()
	s := timestampSigner{salt: "some.salt"}
	keys := SecretKeys{tokenctl.NewSecret("new"), tokenctl.NewSecret(""), tokenctl.NewSecret("old")}
	text := s.sign(keys[2], "value:with:colons", time.Unix(1795310665, 999))
	if value, stamp, ok := splitSigned(text); !ok || value != "value:with:colons" || stamp != "1xUwJd" {
		t.Errorf("%s comes apart into %q and %q", text, value, stamp)
	}
	if m := verify(t, s, keys, text); m != (KeyMatch{OK: true, Index: 2}) {
		t.Errorf("the old key: %+v", m)
	}
	if m := verify(t, s, keys[:2], text); m.OK {
		t.Errorf("without the old key: %+v", m)
	}
	if m := verify(t, timestampSigner{salt: "another.salt"}, keys, text); m.OK {
		t.Errorf("another salt: %+v", m)
	}
	for _, bad := range []string{"", ":", "::", text + "x", text[:len(text)-1], "x" + text, strings.ToUpper(text)} {
		if m := verify(t, s, keys, bad); m.OK {
			t.Errorf("%q: %+v", bad, m)
		}
	}
	// An empty key signs for nobody.
	if m := verify(t, s, keys, s.sign(tokenctl.Secret{}, "value", time.Now())); m.OK {
		t.Errorf("the empty key: %+v", m)
	}
	// Signer._legacy_signature of 3.2.
	value := "value:1xUwJd"
	if m := verify(t, s, keys, value+":"+s.signature(sha1.New, keys[0], value)); m != (KeyMatch{OK: true, SHA1: true}) {
		t.Errorf("SHA-1: %+v", m)
	}
}

// verify asks twice: the second time with what was made the first time.
func verify(t *testing.T, s timestampSigner, keys SecretKeys, text string) KeyMatch {
	t.Helper()
	m := s.macs(keys)
	first, again := m.verify(text), m.verify(text)
	if first != again {
		t.Errorf("%q: first %+v, then %+v", text, first, again)
	}
	return first
}

func TestKeyMatchAcceptedBy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		match KeyMatch
		by    string // of 3.1, 3.2.25, 4.0, 4.1, 5.2 and unknown: y or n
	}{
		{KeyMatch{}, "nnnnnn"},
		{KeyMatch{OK: true}, "yyyyyy"},
		{KeyMatch{OK: true, Index: 1}, "nnnyyy"},
		{KeyMatch{OK: true, SHA1: true}, "yynnnn"},
		{KeyMatch{OK: true, SHA1: true, Index: 1}, "nnnnnn"},
	} {
		for i, version := range []string{"3.1", "3.2.25", "4.0", "4.1", "5.2", ""} {
			if got := test.match.AcceptedBy(version); got != (test.by[i] == 'y') {
				t.Errorf("%+v by %q: %v", test.match, version, got)
			}
		}
	}
}

func TestPackPayload(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 2, 100, 1023, 1024, 1025, 5000, maxSignedPayload} {
		for name, data := range map[string][]byte{
			"repetitive": bytes.Repeat([]byte("a"), size),
			"random":     noise(size),
		} {
			packed := encodePayload(data)
			if compressed := strings.HasPrefix(packed, "."); compressed != (name == "repetitive" && size >= 100) {
				t.Errorf("%s, %d bytes: compressed: %v", name, size, compressed)
			}
			got, err := unpacked(packed)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s, %d bytes: %d come back: %v", name, size, len(got), err)
			}
		}
	}
}

func TestUnpackIsBounded(t *testing.T) {
	bomb := encodePayload(make([]byte, 100<<20))
	if len(bomb) > 200_000 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	allocated := testing.AllocsPerRun(3, func() {
		if _, err := unpacked(bomb); err != ErrSessionTooLarge {
			t.Errorf("a bomb: %v", err)
		}
	})
	if allocated > 100 {
		t.Errorf("a bomb allocates %v times", allocated)
	}
	if _, err := unpacked(strings.Repeat("A", 2<<20)); err != ErrSessionTooLarge {
		t.Errorf("a long payload: %v", err)
	}
	for _, bad := range []string{".", ".AAAA", "A", "=", "AA==", "a+/b", encodePayload(make([]byte, 100))[:10]} {
		if _, err := unpacked(bad); err != ErrSessionCorrupt {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(encodePayload([]byte(`{"theme":"dark"}`)))
	f.Add(encodePayload(make([]byte, 100)))
	f.Add(".")
	f.Fuzz(func(t *testing.T, payload string) {
		data, err := unpacked(payload)
		if len(data) > maxSignedPayload {
			t.Errorf("%d bytes", len(data))
		}
		if err == nil {
			again, err := unpacked(encodePayload(data))
			if err != nil || !bytes.Equal(again, data) {
				t.Errorf("%q comes back as %q (%v)", data, again, err)
			}
		}
	})
}

func unpacked(payload string) (data []byte, err error) {
	u := payloadDecoders.Get().(*payloadDecoder)
	defer u.release()
	data, err = u.decode(payload)
	return bytes.Clone(data), err
}

// noise returns bytes that do not compress, the same each time.
func noise(n int) []byte {
	var out []byte
	for sum := sha256.Sum256(nil); len(out) < n; sum = sha256.Sum256(sum[:]) {
		out = append(out, sum[:]...)
	}
	return out[:n]
}
