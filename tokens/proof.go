package tokens

import (
	"context"
	"iter"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// A proof is what of a credential tells without the database that a secret is its own: the
// key of a drf token or session, the digest of a knox token, the jti of a JWT.

// Proofs yields the proofs of all stored credentials, by kind. excluded are the titles of the
// kinds whose secrets no proof tells: a knox token with a salt of its own.
func Proofs(ctx context.Context, env Env, store *db.Store) (proofs iter.Seq2[Proof, error], excluded []string, err error) {
	layout, err := store.Layout(ctx)
	if err != nil {
		return nil, nil, err
	}
	var kinds []*Kind
	for _, k := range present(layout, "list") {
		if k == Knox {
			if schemes, _ := layout.KnoxSchemes(); schemes[0] == django.KnoxSalted {
				excluded = append(excluded, k.Title)
				continue
			}
		}
		kinds = append(kinds, k)
	}
	if kinds == nil && excluded == nil {
		return nil, nil, DRF.tableMissing()
	}
	return func(yield func(Proof, error) bool) {
		for _, k := range kinds {
			for c, err := range List(ctx, env, store, Selector{Kinds: []*Kind{k}}) {
				if err != nil {
					yield(Proof{}, err)
					return
				}
				if !yield(Proof{k, c.row.Key, c.secret.Equal(c.row.Key)}, nil) {
					return
				}
			}
		}
	}, excluded, nil
}

// Proof is the proof of one credential.
type Proof struct {
	Kind  *Kind
	Text  tokenctl.Secret
	Clear bool // it is the secret itself
}

// ProofsOf are the proofs that a secret of a kind may have; none where it is none of that
// kind.
func (k *Kind) ProofsOf(s *tokenctl.Settings, secret tokenctl.Secret) (list []tokenctl.Secret) {
	switch k {
	case Knox:
		for _, scheme := range []django.KnoxScheme{django.KnoxText, django.KnoxHex} {
			if row, err := scheme.Row(s.Knox, secret, ""); err == nil {
				list = append(list, tokenctl.NewSecret(row.Digest))
			}
		}
		return list
	case JWT:
		token, err := django.DecodeUnverified(s.SimpleJWT.WithDefaults(), secret.Reveal())
		if err != nil || token.JTI == "" || token.Type == access || jwtDamage(secret.Reveal()) != "" {
			return nil
		}
		return []tokenctl.Secret{tokenctl.NewSecret(token.JTI)}
	}
	return []tokenctl.Secret{secret}
}
