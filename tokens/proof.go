package tokens

import (
	"context"
	"iter"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// A proof is a text of a credential by which its secret is recognised without the database: the key of a drf token
// or session, the digest of a knox token, the jti of a JWT.

// Proofs yields the proofs of all stored credentials, one kind after the other. excluded are the titles of the kinds
// that have no proofs: knox tokens if each has a salt of its own.
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
	Clear bool // Text is the secret itself
}

// ProofsOf returns the proofs that the credential of a secret may have. There are none if the secret cannot be of
// this kind.
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
