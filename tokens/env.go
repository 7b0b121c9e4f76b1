package tokens

import (
	"io"
	"time"
	"tokenctl"
	"tokenctl/cache"
	"tokenctl/db"
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

// MintRequest has the values for new credentials.
type MintRequest struct {
	User     db.User // for Mint alone: the other functions have a parameter
	Lifetime Lifetime
	Type     string            // jwt: "refresh" (and its access token), "access" or "sliding"; empty is refresh
	Claims   []django.JWTClaim // jwt: custom claims
	Force    bool              // mint without Kind.CheckApplication: the configured key or the claims may differ from the application's
	Secrets  []tokenctl.Secret // for MintBelowLimit: a secret for each user, checked by Provide; nil: new secrets
	Further  db.Further        // values for further columns, if the model is the project's own
}

// RotateRequest has the values for the replacement of a credential.
type RotateRequest struct {
	Lifetime Lifetime
	Overlap  time.Duration // knox: the time that the predecessor still works; 0: it ends at once
	Force    bool
}

// PurgeRequest selects the rows to purge.
type PurgeRequest struct {
	Now     time.Time
	Before  time.Time // purge the rows that expired before this time; never in the future
	UserIDs []string  // owners, by primary key; nil: everybody
}

// orForce adds to hint that --force continues anyway, if the command has that flag.
func (e *Env) orForce(hint string) string {
	if !e.Forces {
		return hint
	}
	return hint + "; --force goes on all the same"
}
