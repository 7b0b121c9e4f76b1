package commands

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/tokens"
)

// hashing is the application's password hasher, and the source of its parameters.
type hashing struct {
	django.Hasher
	source string
}

// hashing finds the algorithm and the iteration count of the application. It does not accept a weak count.
func (a *App) hashing(ctx context.Context, tx *db.Tx) (hashing, error) {
	h, source, err := tokens.PasswordHasher(ctx, a.settings, tx)
	if h.Iterations > 0 {
		h.Iterations = max(h.Iterations, tokenctl.MinPBKDF2Iterations)
	}
	return hashing{h, source}, err
}

// String returns a text for people, such as "600000 iterations, from Django's default".
func (h hashing) String() string {
	what := h.Algorithm
	if h.Iterations > 0 {
		what = fmt.Sprintf("%d iterations", h.Iterations)
		if h.Algorithm != tokenctl.PBKDF2SHA256 {
			what = h.Algorithm + " and " + what
		}
	}
	return what + ", from " + h.source
}

// hashWork is a password to encode, and the place for the result.
type hashWork struct {
	password tokenctl.Secret
	encoded  *string
}

// encode returns the encoded form of a password. The zero secret becomes an unusable password.
func (a *App) encode(ctx context.Context, h hashing, password tokenctl.Secret) (encoded string, err error) {
	if password.IsZero() {
		return django.UnusablePassword(a.Random)
	}
	err = a.hashAll(ctx, h, []hashWork{{password, &encoded}})
	return encoded, err
}

// hashAll encodes passwords on all cores. Hashing is slow by design, so no transaction may be open.
func (a *App) hashAll(ctx context.Context, h hashing, work []hashWork) error {
	if len(work) == 0 {
		return nil
	}
	tell := a.explain
	if len(work) > 50 {
		tell = a.say // it takes a while
	}
	tell("hashing %s with %s", count(len(work), "password"), h)
	progress := a.progress("hashing passwords", int64(len(work)))
	defer progress.done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	random := &lockedReader{from: a.Random}
	next := make(chan hashWork)
	done := make(chan error)
	for range min(len(work), runtime.GOMAXPROCS(0)) {
		go func() {
			for w := range next {
				text, err := h.Encode(random, w.password.Reveal())
				*w.encoded = text
				select {
				case done <- err:
				case <-ctx.Done():
				}
			}
		}()
	}
	go func() {
		defer close(next)
		for _, w := range work {
			select {
			case next <- w:
			case <-ctx.Done():
				return
			}
		}
	}()
	for range work {
		select {
		case err := <-done:
			if err != nil {
				return &tokenctl.Error{Code: tokenctl.CodeFailed, Message: "cannot hash the password: " + err.Error(), Err: err,
					Hint: "set pbkdf2_iterations under [auth] in tokenctl.toml to what the application uses"}
			}
			progress.add(1)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// lockedReader lets several goroutines read from one source.
type lockedReader struct {
	mu   sync.Mutex
	from io.Reader
}

// Read implements io.Reader.
func (r *lockedReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.from.Read(p)
}

// rejected returns the error for a password that Django's validators reject, or nil without problems. It never quotes
// the password.
func rejected(problems []django.PasswordProblem) error {
	if len(problems) == 0 {
		return nil
	}
	return &tokenctl.Error{Code: tokenctl.CodePasswordRejected, Message: "the password is rejected: " + joinProblems(problems),
		Hint: "choose another; --no-validate skips Django's validators"}
}

func joinProblems(problems []django.PasswordProblem) string {
	messages := tokenctl.Mapped(problems, func(p django.PasswordProblem) string { return p.Message })
	return strings.Join(messages, " ")
}
