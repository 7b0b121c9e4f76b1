package server

import (
	"context"
	"runtime"

	"tokenctl/db"
	"tokenctl/django"
)

// hashing bounds the number of passwords that are hashed at the same time to the number of cores. More
// would not be faster, and each may take 100 MB (argon2).
type hashing chan struct{}

func newHashing() hashing { return make(hashing, runtime.GOMAXPROCS(0)) }

// do calls hash when a core is free. If ctx ends before, it returns the cause and does not call hash.
func (h hashing) do(ctx context.Context, hash func() error) error {
	select {
	case h <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-h }()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return hash()
}

// encode hashes a new password.
func (r *request) encode(hasher django.Hasher, password string) (encoded string, err error) {
	err = r.server.hashing.do(r.ctx, func() error {
		encoded, err = hasher.Encode(r.server.Env.Random, password)
		return err
	})
	return encoded, err
}

// verifyPassword is check_password of a user. update reports whether the password should be encoded again.
func (r *request) verifyPassword(u db.User, hasher django.Hasher, password string) (ok, update bool, err error) {
	err = r.server.hashing.do(r.ctx, func() error {
		ok, update, err = u.VerifyPassword(hasher, r.server.Env.Random, password)
		return err
	})
	return ok, update, err
}
