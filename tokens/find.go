package tokens

import (
	"context"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db"
)

// Name is what an operator gives to name one credential: its whole id or its secret.
type Name struct {
	ID     string
	Secret tokenctl.Secret // only if ID is empty
}

// Found is the result of looking up one name.
type Found struct {
	// Credentials is empty if no credential has the secret. It has two elements if a DRF key was imported into
	// knox.
	Credentials []*Credential
	// Err concerns this name alone: CodeNotFound, CodeChanged or CodeAmbiguousID. If a secret
	// was not found and the table of a kind could not be read, Err says why.
	Err error
}

// findSize is the largest number of names that one query looks up.
const findSize = 100_000

// Find looks up many names. The results are in the order of the names. One query looks up many names of a kind.
func Find(ctx context.Context, env Env, tx *db.Tx, names []Name) ([]Found, error) {
	found := make([]Found, len(names))
	ids := map[*Kind][]int{}
	rests := make([]string, len(names)) // of the ids, behind the colon
	var secrets []int
	for i, n := range names {
		if n.ID == "" {
			secrets = append(secrets, i)
			continue
		}
		k, rest, err := ParseID(n.ID)
		if err == nil && ids[k] == nil {
			if err = k.CheckVerb("show"); err == nil {
				err = k.Check(tx.Layout)
			}
		}
		if err != nil {
			return nil, err
		}
		ids[k], rests[i] = append(ids[k], i), rest
	}
	for _, k := range Kinds() {
		for indexes := range slices.Chunk(ids[k], findSize) {
			list, err := k.ByIDs(ctx, env, tx, db.Subset(rests, indexes))
			if err != nil {
				return nil, err
			}
			for j, i := range indexes {
				found[i] = list[j]
			}
		}
	}
	if secrets == nil {
		return found, nil
	}
	problem := sessionsOnlyCached(env, tx.Layout) // why the table of a kind could not be read; another kind may have the secret
	for indexes := range slices.Chunk(secrets, findSize) {
		batch := tokenctl.Mapped(indexes, func(i int) tokenctl.Secret { return names[i].Secret })
		for _, k := range Kinds() {
			// A JWT is judged by its signature, also where the application records none.
			if !k.Present(tx.Layout) && !k.Tableless {
				continue
			}
			list, err := k.bySecrets(ctx, env, tx, batch)
			switch tokenctl.CodeOf(err) {
			case tokenctl.CodeTableMissing, tokenctl.CodeLayoutUnsupported, tokenctl.CodePermissionDenied, tokenctl.CodeCacheUnreachable, tokenctl.CodeCacheDenied:
				problem = err
			default:
				if err != nil {
					return nil, err
				}
			}
			for j, i := range indexes {
				if list != nil && list[j] != nil {
					found[i].Credentials = append(found[i].Credentials, list[j])
				}
			}
		}
	}
	if problem == nil && len(present(tx.Layout, "verify")) == 0 {
		problem = DRF.tableMissing()
	}
	for _, i := range secrets {
		if found[i].Credentials == nil {
			found[i].Err = problem
		}
	}
	return found, nil
}

// bySecrets is BySecrets in a savepoint: if the role may not read the table, the search goes on with other kinds.
func (k *Kind) bySecrets(ctx context.Context, env Env, tx *db.Tx, secrets []tokenctl.Secret) (list []*Credential, err error) {
	if k.Present(tx.Layout) {
		if err := k.Check(tx.Layout); err != nil {
			return nil, err
		}
	}
	err = tx.Try(ctx, func() error {
		list, err = k.BySecrets(ctx, env, tx, secrets)
		return err
	})
	return list, err
}

// BySecret returns the credentials that have a secret. There are none if the secret is not of this database.
func BySecret(ctx context.Context, env Env, tx *db.Tx, secret tokenctl.Secret) ([]*Credential, error) {
	found, err := Find(ctx, env, tx, []Name{{Secret: secret}})
	if err != nil {
		return nil, err
	}
	return found[0].Credentials, found[0].Err
}

// ParseID splits an id into its kind and the text behind the colon. If it is not an id, the error is a CodeUsage
// error that does not repeat the text, which may be a secret.
func ParseID(id string) (*Kind, string, error) {
	name, rest, ok := strings.Cut(id, ":")
	if k, err := KindNamed(name); err == nil && ok && rest != "" {
		return k, rest, nil
	}
	forms := tokenctl.Mapped(Kinds(), func(k *Kind) string { return k.IDForm })
	return nil, "", &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "the argument is not the id of a credential",
		Hint: "ids are " + strings.Join(forms, ", ") + "; a secret is read from standard input: -"}
}

// NothingToDo reports whether a selector skips the credential for a verb. blacklist skips blacklisted credentials.
// rotate and expire also skip expired and dead ones: a change would give access again.
func (c *Credential) NothingToDo(verb string) bool {
	switch verb {
	case "blacklist":
		return c.Status == Blacklisted
	case "rotate", "expire":
		return c.Status == Blacklisted || c.Status == Expired || c.Status == Dead
	}
	return false
}

// notFound returns the CodeNotFound error for an id without a row.
func notFound(id string) *tokenctl.Error {
	return &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "there is no " + id,
		Hint: "tokenctl list shows the ids"}
}
