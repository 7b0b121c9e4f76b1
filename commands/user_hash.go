package commands

import (
	"context"
	"io"
	"runtime"
	"strings"
	"sync"

	"tokenctl/db"
	"tokenctl/django"
)

// hashing is how the application hashes passwords, and how that is known.
type hashing struct {
	iterations int
	source     string
}

// hashing finds the iteration count of the application: Django would rewrite a
// hash with another one at the next login, which ends the user's sessions.
func (a *App) hashing(ctx context.Context, tx *db.Tx) (hashing, error) {
	if n := a.settings.Auth.PBKDF2Iterations; n > 0 {
		return hashing{n, "auth.pbkdf2_iterations"}, nil
	}
	n, err := tx.PasswordIterations(ctx)
	if err != nil {
		return hashing{}, err
	}
	if n > 0 {
		return hashing{max(n, django.MinPBKDF2Iterations), "the newest users' hashes"}, nil
	}
	return hashing{max(django.DefaultPBKDF2Iterations(string(a.settings.Peers.Django)), django.MinPBKDF2Iterations), "Django's default"}, nil
}

// hashAll encodes passwords on all cores; a zero one becomes an unusable
// password. It is slow by design, so no transaction is open meanwhile.
func (a *App) hashAll(ctx context.Context, h hashing, passwords []django.Secret) ([]string, error) {
	hasher := django.Hasher{Algorithm: django.PBKDF2SHA256, Iterations: h.iterations}
	encoded := make([]string, len(passwords))
	var work []int
	for i, p := range passwords {
		if !p.IsZero() {
			work = append(work, i)
			continue
		}
		var err error
		if encoded[i], err = django.UnusablePassword(a.Random); err != nil {
			return nil, err
		}
	}
	if len(work) == 0 {
		return encoded, nil
	}
	tell := a.explain
	if len(work) > 50 {
		tell = a.say // it takes a while
	}
	tell("hashing %s with %d iterations, from %s", count(len(work), "password"), h.iterations, h.source)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	random := &lockedReader{from: a.Random}
	next := make(chan int)
	done := make(chan error)
	for range min(len(work), runtime.GOMAXPROCS(0)) {
		go func() {
			for i := range next {
				text, err := hasher.Encode(random, passwords[i].Reveal())
				encoded[i] = text
				select {
				case done <- err:
				case <-ctx.Done():
				}
			}
		}()
	}
	go func() {
		defer close(next)
		for _, i := range work {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	for range work {
		select {
		case err := <-done:
			if err != nil {
				return nil, &django.Error{Code: django.CodeFailed, Message: "cannot hash the password: " + err.Error(), Err: err,
					Hint: "set pbkdf2_iterations under [auth] in tokenctl.toml to what the application uses"}
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return encoded, nil
}

// lockedReader lets several goroutines draw from one source.
type lockedReader struct {
	mu   sync.Mutex
	from io.Reader
}

func (r *lockedReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.from.Read(p)
}

// rejected is the error for what Django's validators have against a password,
// nil when that is nothing. It never repeats the password.
func rejected(problems []django.PasswordProblem) error {
	if len(problems) == 0 {
		return nil
	}
	return &django.Error{Code: django.CodePasswordRejected, Message: "the password is rejected: " + joinProblems(problems),
		Hint: "choose another; --no-validate does without Django's validators"}
}

func joinProblems(problems []django.PasswordProblem) string {
	var messages []string
	for _, p := range problems {
		messages = append(messages, p.Message)
	}
	return strings.Join(messages, " ")
}
