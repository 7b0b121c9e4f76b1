package tokens

import (
	"context"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db"
)

// Name is one credential as an operator names it: by its whole id, or by the secret
// itself where ID is empty.
type Name struct {
	ID     string
	Secret tokenctl.Secret
}

// Found is what a name turned out to be.
type Found struct {
	// Credentials are none for a secret that is no credential of this database, and two
	// where a DRF key was imported into knox.
	Credentials []*Credential
	// Err is CodeNotFound, CodeChanged or CodeAmbiguousID, about this name alone. Of a
	// secret that was not found it is why a kind could not be asked, if one could not.
	Err error
}

// findSize is how many names one query looks up.
const findSize = 100_000

// Find looks up many names, those of each kind together, in their order.
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
			if err = k.Refuse("show"); err == nil {
				err = k.Check(tx.Layout)
			}
		}
		if err != nil {
			return nil, err
		}
		ids[k], rests[i] = append(ids[k], i), rest
	}
	for _, k := range Kinds() {
		for places := range slices.Chunk(ids[k], findSize) {
			list, err := k.ByIDs(ctx, env, tx, at(places, rests))
			if err != nil {
				return nil, err
			}
			for j, i := range places {
				found[i] = list[j]
			}
		}
	}
	if secrets == nil {
		return found, nil
	}
	var problem error // of a kind that cannot be asked: another may have the secret
	for places := range slices.Chunk(secrets, findSize) {
		batch := make([]tokenctl.Secret, len(places))
		for j, i := range places {
			batch[j] = names[i].Secret
		}
		for _, k := range Kinds() {
			// A JWT is judged by its signature, also where the application records none.
			if !k.Present(tx.Layout) && !k.Tableless {
				continue
			}
			list, err := k.bySecrets(ctx, env, tx, batch)
			switch tokenctl.CodeOf(err) {
			case tokenctl.CodeTableMissing, tokenctl.CodeLayoutUnsupported, tokenctl.CodePermissionDenied:
				problem = err
				continue
			}
			if err != nil {
				return nil, err
			}
			for j, i := range places {
				if list[j] != nil {
					found[i].Credentials = append(found[i].Credentials, list[j])
				}
			}
		}
	}
	if problem == nil && len(present(tx.Layout, "verify")) == 0 {
		problem = DRF.missing()
	}
	for _, i := range secrets {
		if found[i].Credentials == nil {
			found[i].Err = problem
		}
	}
	return found, nil
}

// bySecrets is BySecrets in a savepoint: a table that the role may not read must not end
// the search in the others.
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

// BySecret finds the credentials that a secret belongs to; none when it is no
// credential of this database.
func BySecret(ctx context.Context, env Env, tx *db.Tx, secret tokenctl.Secret) ([]*Credential, error) {
	found, err := Find(ctx, env, tx, []Name{{Secret: secret}})
	if err != nil {
		return nil, err
	}
	return found[0].Credentials, found[0].Err
}

// ParseID splits an id into its kind and what stands behind the colon. A text of no
// known form is a CodeUsage error that does not repeat it: it may be a secret.
func ParseID(id string) (*Kind, string, error) {
	name, rest, ok := strings.Cut(id, ":")
	if ok && rest != "" {
		for _, k := range Kinds() {
			if k.Name == name {
				return k, rest, nil
			}
		}
	}
	var forms []string
	for _, k := range Kinds() {
		forms = append(forms, k.IDForm)
	}
	return nil, "", &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "an argument is not an id",
		Hint: "ids are " + strings.Join(forms, ", ") + "; a secret is read from standard input: -"}
}

// Settled reports whether a verb has nothing left to do with a credential, so that a
// selector skips it: what is blacklisted already, and, for rotate, what is over:
// replacing it would bring it back to life.
func (c *Credential) Settled(verb string) bool {
	switch verb {
	case "blacklist":
		return c.Status == Blacklisted
	case "rotate":
		return c.Status == Blacklisted || c.Status == Expired || c.Status == Dead
	}
	return false
}
