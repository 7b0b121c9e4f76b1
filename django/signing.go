package django

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"hash"
	"math"
	"strings"
	"time"

	"tokenctl"
)

// SecretKeys are Django's SECRET_KEY, followed by SECRET_KEY_FALLBACKS in their order.
type SecretKeys []tokenctl.Secret

// KeyMatch names the key that made a signature. The zero value means that no key did.
type KeyMatch struct {
	OK    bool
	Index int  // in SecretKeys: 0 is SECRET_KEY, n is SECRET_KEY_FALLBACKS[n-1]
	SHA1  bool // in the form of Django up to 3.0
}

// AcceptedBy reports whether a release of Django, such as "4.2", accepts the match. Releases up to 3.2
// accept SHA-1 (Signer.legacy_algorithm in django/core/signing.py, 3.2). Releases since 4.1 accept a
// fallback key (Signer.unsign in the same file, 4.2), for an auth hash since 4.1.8. An empty or
// malformed version means the newest.
func (m KeyMatch) AcceptedBy(djangoVersion string) bool {
	if m == (KeyMatch{OK: true}) {
		return true
	}
	major, minor, ok := tokenctl.Version(djangoVersion).MajorMinor()
	if m.SHA1 && (!ok || major >= 4) {
		return false
	}
	if m.Index > 0 && ok && (major < 4 || major == 4 && minor < 1) {
		return false
	}
	return m.OK
}

// saltedHMAC is salted_hmac of django/utils/crypto.py (4.2): the key of the HMAC is the digest of the
// salt and the secret.
func saltedHMAC(newHash func() hash.Hash, salt string, secret tokenctl.Secret, value string) []byte {
	mac := newSaltedHMAC(newHash, salt, secret)
	mac.Write([]byte(value))
	return mac.Sum(nil)
}

func newSaltedHMAC(newHash func() hash.Hash, salt string, secret tokenctl.Secret) hash.Hash {
	h := newHash()
	h.Write([]byte(salt))
	h.Write([]byte(secret.Reveal()))
	return hmac.New(newHash, h.Sum(nil))
}

// macs are the HMACs of some keys with one salt. Each is made at its first use and then kept: making
// an HMAC takes several times as long as using it.
type macs struct {
	keys SecretKeys
	salt string

	sha256, sha1 []hash.Hash
	value, sum   []byte
}

// match returns the key whose signature of value is sum. It tries the digests that every release
// accepts first. It compares in constant time, like constant_time_compare of django/utils/crypto.py
// (4.2).
func (m *macs) match(sum, value string, encode func(dst, mac []byte) []byte) KeyMatch {
	m.value = append(m.value[:0], value...)
	if i := m.find(&m.sha256, sha256.New, sum, encode); i >= 0 {
		return KeyMatch{OK: true, Index: i}
	}
	if i := m.find(&m.sha1, sha1.New, sum, encode); i >= 0 {
		return KeyMatch{OK: true, Index: i, SHA1: true}
	}
	return KeyMatch{}
}

// find returns the index of the key, or -1 if no key matches.
func (m *macs) find(ready *[]hash.Hash, newHash func() hash.Hash, sum string, encode func(dst, mac []byte) []byte) int {
	if *ready == nil {
		*ready = make([]hash.Hash, len(m.keys))
	}
	for i, key := range m.keys {
		// Django refuses to start with an empty key; an HMAC without one proves nothing.
		if key.IsZero() {
			continue
		}
		mac := (*ready)[i]
		if mac == nil {
			mac = newSaltedHMAC(newHash, m.salt, key)
			(*ready)[i] = mac
		} else {
			mac.Reset()
		}
		mac.Write(m.value)
		m.sum = mac.Sum(m.sum[:0])
		n := len(m.sum)
		if m.sum = encode(m.sum, m.sum); subtle.ConstantTimeCompare(m.sum[n:], []byte(sum)) == 1 {
			return i
		}
	}
	return -1
}

// timestampSigner is TimestampSigner of django/core/signing.py (4.2) with its default separator.
type timestampSigner struct{ salt string }

// signature is Signer.signature: the b64_encode of the HMAC.
func (s timestampSigner) signature(newHash func() hash.Hash, key tokenctl.Secret, value string) string {
	return b64Encode(saltedHMAC(newHash, s.salt+signerSalt, key, value))
}

const signerSalt = "signer"

// sign is TimestampSigner.sign: value, the time and the signature of both.
func (s timestampSigner) sign(key tokenctl.Secret, value string, now time.Time) string {
	value += ":" + b62Encode(now.Unix())
	return value + ":" + s.signature(sha256.New, key, value)
}

// macs returns the HMACs with which verify checks a text of s.
func (s timestampSigner) macs(keys SecretKeys) macs {
	return macs{keys: keys, salt: s.salt + signerSalt}
}

// verify returns the key that signed text.
func (m *macs) verify(text string) KeyMatch {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return KeyMatch{}
	}
	return m.match(text[i+1:], text[:i], base64.RawURLEncoding.AppendEncode)
}

// splitSigned splits a text of TimestampSigner.sign from the right.
func splitSigned(text string) (value, timestamp string, ok bool) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return "", "", false
	}
	j := strings.LastIndexByte(text[:i], ':')
	if j < 0 {
		return "", "", false
	}
	return text[:j], text[j+1 : i], true
}

// b64Encode is b64_encode of django/core/signing.py (4.2): URL-safe, without padding.
func b64Encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

var errNotBase62 = errors.New("not a base62 number")

// b62Encode is b62_encode of django/core/signing.py (4.2).
func b62Encode(n int64) string {
	if n == 0 {
		return "0"
	}
	var buf [12]byte // a sign, and 11 digits for 64 bits
	i := len(buf)
	u := uint64(n)
	if n < 0 {
		u = -u
	}
	for ; u > 0; u /= 62 {
		i--
		buf[i] = base62[u%62]
	}
	if n < 0 {
		i--
		buf[i] = '-'
	}
	return string(buf[i:])
}

// b62Decode is b62_decode of django/core/signing.py (4.2) for numbers of 64 bits.
func b62Decode(s string) (int64, error) {
	digits, negative := strings.CutPrefix(s, "-")
	if digits == "" {
		return 0, errNotBase62
	}
	var n int64
	for i := range len(digits) {
		d := int64(strings.IndexByte(base62, digits[i]))
		if d < 0 || n > (math.MaxInt64-d)/62 {
			return 0, errNotBase62
		}
		n = n*62 + d
	}
	if negative {
		n = -n
	}
	return n, nil
}
