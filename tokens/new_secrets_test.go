package tokens

import (
	"crypto/rand"
	"io"
	"testing"

	"tokenctl"
	"tokenctl/django"
)

// TestNewSecrets: secrets differ, and what is missing of randomness is no secret.
func TestNewSecrets(t *testing.T) {
	t.Parallel()
	for _, secret := range []func(io.Reader) (tokenctl.Secret, error){newKey, django.NewSessionKey} {
		list, err := newSecrets(500, rand.Reader, secret)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, s := range list {
			seen[s.Reveal()] = true
		}
		if len(seen) != 500 || seen[""] {
			t.Errorf("%d different secrets of 500", len(seen))
		}
		if list, err := newSecrets(2, io.LimitReader(rand.Reader, 40), django.NewSessionKey); err == nil {
			t.Errorf("%d secrets of too little randomness", len(list))
		}
	}
}

func BenchmarkKeysDRF(b *testing.B) { benchmarkKeys(b, newKey) }

func BenchmarkKeysKnox(b *testing.B) {
	benchmarkKeys(b, func(random io.Reader) (tokenctl.Secret, error) {
		secret, err := django.KnoxText.NewToken(tokenctl.KnoxSettings{}, random)
		if err == nil {
			_, err = django.KnoxText.Row(tokenctl.KnoxSettings{}, secret, "")
		}
		return secret, err
	})
}

func BenchmarkKeysSession(b *testing.B) { benchmarkKeys(b, django.NewSessionKey) }

// BenchmarkFingerprint makes the id of a drf token, which shows its owner and a
// fingerprint of its key.
func BenchmarkFingerprint(b *testing.B) {
	key := tokenctl.NewSecret("0123456789abcdef0123456789abcdef01234567")
	b.ReportAllocs()
	for b.Loop() {
		drfID("123456", key)
	}
}

// benchmarkKeys counts a batch as its secrets.
func benchmarkKeys(b *testing.B, secret func(io.Reader) (tokenctl.Secret, error)) {
	const batch = 5000
	for b.Loop() {
		if _, err := newSecrets(batch, rand.Reader, secret); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/secret")
}
