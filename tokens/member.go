package tokens

import (
	"context"

	"tokenctl"
	"tokenctl/db"
)

// Members finds those of many secrets that are credentials of this kind, in their order;
// nil where a secret is none. A JWT is none if another key signed it, or if it is of no type
// of simplejwt's.
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

// Stored reports whether there is a row of the credential.
func (c *Credential) Stored() bool { return c.jwt == nil || c.jwt.stored != nil }

// Unchecked reports whether nothing but its own claims says that a JWT is ours: it has no
// row, and no key to check it is configured.
func (c *Credential) Unchecked() bool { return !c.Stored() && c.Signature == signatureUnchecked }
