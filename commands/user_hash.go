package commands

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"

	"tokenctl/db"
	"tokenctl/django"
)

// hashing is how the application hashes passwords, and how that is known.
type hashing struct {
	django.Hasher
	source string
}

// hashing finds the algorithm and the iteration count of the application: Django
// would rewrite another hash at the next login, which ends the user's sessions.
func (a *App) hashing(ctx context.Context, tx *db.Tx) (hashing, error) {
	auth, version := a.settings.Auth, string(a.settings.Peers.Django)
	h, err := django.NewHasher(cmp.Or(auth.PasswordHasher, django.PBKDF2SHA256), version)
	switch {
	case err != nil:
		return hashing{}, err
	case h.Iterations == 0: // no pbkdf2
		return hashing{h, "auth.password_hasher"}, nil
	case auth.PBKDF2Iterations > 0:
		h.Iterations = auth.PBKDF2Iterations
		return hashing{h, "auth.pbkdf2_iterations"}, nil
	}
	n, err := tx.PasswordIterations(ctx)
	if err != nil {
		return hashing{}, err
	}
	source := "Django's default"
	if n > 0 && h.Algorithm == django.PBKDF2SHA256 {
		h.Iterations, source = n, "the newest users' hashes"
	}
	h.Iterations = max(h.Iterations, django.MinPBKDF2Iterations)
	return hashing{h, source}, nil
}

// String is for people, such as "600000 iterations, from Django's default".
func (h hashing) String() string {
	what := h.Algorithm
	if h.Iterations > 0 {
		what = fmt.Sprintf("%d iterations", h.Iterations)
		if h.Algorithm != django.PBKDF2SHA256 {
			what = h.Algorithm + " and " + what
		}
	}
	return what + ", from " + h.source
}

// hashAll encodes passwords on all cores; a zero one becomes an unusable
// password. It is slow by design, so no transaction is open meanwhile.
func (a *App) hashAll(ctx context.Context, h hashing, passwords []django.Secret) ([]string, error) {
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
	tell("hashing %s with %s", count(len(work), "password"), h)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	random := &lockedReader{from: a.Random}
	next := make(chan int)
	done := make(chan error)
	for range min(len(work), runtime.GOMAXPROCS(0)) {
		go func() {
			for i := range next {
				text, err := h.Encode(random, passwords[i].Reveal())
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
