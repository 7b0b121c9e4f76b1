package tokens

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

func TestParallel(t *testing.T) {
	t.Parallel()
	const n = 1000
	var done [n]atomic.Int32
	if err := parallel(t.Context(), n, func(i int) error { done[i].Add(1); return nil }); err != nil {
		t.Fatal(err)
	}
	for i := range done {
		if got := done[i].Load(); got != 1 {
			t.Fatalf("%d was done %d times", i, got)
		}
	}
	wrong := errors.New("wrong")
	var calls atomic.Int32
	err := parallel(t.Context(), 1<<30, func(i int) error {
		if calls.Add(1); i == 10 {
			return wrong
		}
		return nil
	})
	if err != wrong {
		t.Errorf("%v, want f's error", err)
	}
	if got := calls.Load(); got == 1<<30 {
		t.Error("it went on behind the error")
	}
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	err = parallel(ctx, 1<<30, func(i int) error {
		if i == 10 {
			cancel(stopped)
		}
		return nil
	})
	if err != stopped {
		t.Errorf("%v, want the cause of the end", err)
	}
}

// TestSeveral: secrets differ, and what is missing of randomness is no secret.
func TestSeveral(t *testing.T) {
	t.Parallel()
	for _, secret := range []func(io.Reader) (tokenctl.Secret, error){newKey, django.NewSessionKey} {
		list, err := several(500, rand.Reader, secret)
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
		if list, err := several(2, io.LimitReader(rand.Reader, 40), django.NewSessionKey); err == nil {
			t.Errorf("%d secrets of too little randomness", len(list))
		}
	}
}

func TestWithout(t *testing.T) {
	t.Parallel()
	users := []db.User{{ID: "1"}, {ID: "2"}, {ID: "3"}}
	left := without(users, []UserAtLimit{{User: users[1]}})
	if len(left) != 2 || left[0].ID != "1" || left[1].ID != "3" {
		t.Errorf("%+v", left)
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
		if _, err := several(batch, rand.Reader, secret); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/secret")
}
