package tokens

import (
	"context"

	"tokenctl"
	"tokenctl/db"
)

// Members returns the credentials of this kind that have the secrets, in the order of the secrets. It returns nil
// for a secret without such a credential. This is also so for a JWT that another key signed, or whose type is not
// one of simplejwt's.
func (k *Kind) Members(ctx context.Context, env Env, tx *db.Tx, secrets []tokenctl.Secret) ([]*Credential, error) {
	list, err := k.bySecrets(ctx, env, tx, secrets)
	for i, c := range list {
		typed := k != JWT || c == nil || c.Stored() || c.Type == access || c.Type == refresh || c.Type == sliding
		if c != nil && (c.ID == "" || !typed) {
			list[i] = nil
		}
	}
	return list, err
}

// Stored reports whether the credential has a row.
func (c *Credential) Stored() bool { return c.jwt == nil || c.jwt.stored != nil }

// Unchecked reports whether nobody knows that the application made a JWT: it has no row, and no key is configured
// that could check its signature.
func (c *Credential) Unchecked() bool { return !c.Stored() && c.Signature == signatureUnchecked }
