package tokens

import (
	"io"

	"tokenctl"
	"tokenctl/cache"
	"tokenctl/django"
)

// Env has the settings, keys and connections that the kinds need besides the database.
type Env struct {
	Settings *tokenctl.Settings
	Random   io.Reader
	// Keys returns SECRET_KEY and SECRET_KEY_FALLBACKS, or no keys if none is configured. It reads the files at
	// the first call.
	Keys func() (django.SecretKeys, error)
	// JWT returns a backend that signs and verifies as the application's simplejwt does. Without a key the
	// backend can only decode, and its CanVerify returns false.
	JWT func() (*django.JWTBackend, error)
	// Cache returns the sessions in the application's cache, without connecting. See
	// [tokenctl.SessionSettings.Cached].
	Cache func() (*cache.Sessions, error)
	// Missed gets an error that did not stop the work, such as one of a cache. The command then ends as partly
	// done.
	Missed func(error)
	// KeepGoing is --keep-going: after an error the command does the rest of its work.
	KeepGoing bool
	// Unverified is --unverified: blacklist accepts a JWT that has no row and whose signature was not checked.
	Unverified bool
	// Denylist is the application's list of void JWTs; nil if no denylist is configured.
	Denylist *Denylist
	// Forces says that the command has the flag --force, so that hints may name the flag.
	Forces bool
}
