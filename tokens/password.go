package tokens

import (
	"cmp"
	"context"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// DefaultHasher is the source of a hasher that neither the settings nor the stored passwords show.
const DefaultHasher = "Django's default: no setting says otherwise"

// PasswordHasher returns the hasher of the application, and the source of this knowledge. A new password needs
// this hasher: Django rewrites any other hash at the next login, and that ends the user's sessions.
func PasswordHasher(ctx context.Context, s *tokenctl.Settings, tx *db.Tx) (h django.Hasher, source string, err error) {
	h, err = django.NewHasher(cmp.Or(s.Auth.PasswordHasher, tokenctl.PBKDF2SHA256), string(s.Peers.Django))
	switch {
	case err != nil:
		return h, "", err
	case h.Iterations == 0: // no pbkdf2
		return h, "auth.password_hasher", nil
	case s.Auth.PBKDF2Iterations > 0:
		h.Iterations = s.Auth.PBKDF2Iterations
		return h, "auth.pbkdf2_iterations", nil
	}
	use, err := tx.PasswordUse(ctx)
	if use.Iterations == 0 || err != nil || h.Algorithm != tokenctl.PBKDF2SHA256 {
		return h, DefaultHasher, err
	}
	h.Iterations = use.Iterations
	return h, "the newest users' hashes", nil
}
