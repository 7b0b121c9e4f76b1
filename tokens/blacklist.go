package tokens

import (
	"context"

	"tokenctl/db"
)

// Blacklist ends credentials. It deletes their rows; a JWT gets a row that blacklists it, or an entry in the
// denylist. The outcomes say why other credentials were not changed.
func (k *Kind) Blacklist(ctx context.Context, env Env, tx *db.Tx, refs []*Ref) (db.Outcomes, error) {
	if k.deleteRows == nil {
		return blacklistJWT(ctx, env, tx, refs)
	}
	return k.deleteRows(ctx, env, tx, rowsOf(refs))
}

// BlacklistOne blacklists one credential. The outcome says why the credential was not changed;
// it is zero if it was.
func BlacklistOne(ctx context.Context, env Env, tx *db.Tx, c Credential) (db.Outcome, error) {
	var refs Refs
	refs.Add(&c)
	outcomes, err := c.Of().Blacklist(ctx, env, tx, []*Ref{&refs.list[0]})
	return outcomes[0], err
}
