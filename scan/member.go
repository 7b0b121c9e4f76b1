package scan

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// Database recognises credentials by the rows and keys of an application.
type Database struct {
	Env   tokens.Env
	Store *db.Store
	// Unchecked also reports JWTs without a row whose signature no key can check.
	Unchecked bool
	// KeyForms are the forms of the DRF keys; nil: Shapes reads them.
	KeyForms []db.KeyForm
	// Took is called with each found credential, at least once.
	Took func(*tokens.Credential)

	mu          sync.Mutex
	uncheckable int   // the number of JWTs that no key could check
	refuse      error // why the credentials of a kind cannot be looked up
}

// statusUnchecked is the status of a JWT that no configured key can check.
const statusUnchecked = "unchecked"

// Shapes returns the shapes of the secrets in the database. short is the number of keys that are too short to
// search for, and odd the number of keys with other characters or of greater length.
func (d *Database) Shapes(ctx context.Context) (shapes *Shapes, short, odd int64, err error) {
	shapes = NewShapes(d.Env.Settings)
	layout, err := d.Store.Layout(ctx)
	if err == nil {
		err = d.check(layout)
	}
	if err != nil || !tokens.DRF.Present(layout) || layout.Problem("drf") != nil {
		return shapes, 0, 0, err
	}
	forms := d.KeyForms
	if forms == nil {
		forms, err = d.Store.KeyForms(ctx, VisibleMarks)
	}
	if code := tokenctl.CodeOf(err); err != nil && code != tokenctl.CodePermissionDenied && code != tokenctl.CodeLayoutUnsupported {
		return nil, 0, 0, err
	}
	letters := map[string]Letters{"hex": Hex, "lower": Lower, "word": Word, "visible": Visible, "other": AnyBytes}
	for _, f := range forms {
		switch {
		case shapes.Add(tokens.DRF, f.Length, letters[f.Letters]):
		case f.Length < Least:
			short += f.Keys
		default:
			odd += f.Keys
		}
	}
	return shapes, short, odd, nil
}

// check returns an error if nothing can be found, because there is neither a table of credentials nor a key for
// JWTs.
func (d *Database) check(l *db.Layout) error {
	if slices.ContainsFunc(tokens.Kinds(), func(k *tokens.Kind) bool { return k.Present(l) }) {
		return nil
	}
	backend, err := d.Env.JWT()
	if err == nil && !backend.Keys().CanVerify() {
		_, err = tokens.Default(l)
	}
	return err
}

// Members implements the function type [Members].
func (d *Database) Members(ctx context.Context, list []Candidate) ([][]*Match, error) {
	found := make([][]*Match, len(list))
	return found, d.Store.Read(ctx, func(tx *db.Tx) error {
		for _, k := range tokens.Kinds() {
			if !k.Present(tx.Layout) && k != tokens.JWT {
				continue
			}
			var secrets []tokenctl.Secret
			var indexes []int
			for i, c := range list {
				if c.Kinds.Has(k) {
					secrets, indexes = append(secrets, tokenctl.NewSecret(c.Text)), append(indexes, i)
				}
			}
			if secrets == nil {
				continue
			}
			credentials, err := k.Members(ctx, d.Env, tx, secrets)
			switch tokenctl.CodeOf(err) {
			case tokenctl.CodeTableMissing, tokenctl.CodeLayoutUnsupported, tokenctl.CodePermissionDenied:
				d.mu.Lock()
				d.refuse = err
				d.mu.Unlock()
				continue
			}
			if err != nil {
				return err
			}
			for j, c := range credentials {
				if m := d.match(c); m != nil {
					found[indexes[j]] = append(found[indexes[j]], m)
				}
			}
		}
		return nil
	})
}

// match returns the description of a credential. It is nil if the candidate is not a credential, or if that is
// not known.
func (d *Database) match(c *tokens.Credential) *Match {
	if c == nil {
		return nil
	}
	m := &Match{Kind: c.Kind, Type: c.Type, ID: c.ID, User: c.Owner.Username, UserID: c.Owner.ID, Status: string(c.Status),
		Staff: c.Owner.IsStaff, Superuser: c.Owner.IsSuperuser}
	if c.Unchecked() {
		d.mu.Lock()
		d.uncheckable++
		d.mu.Unlock()
		if !d.Unchecked {
			return nil
		}
		m.Status = statusUnchecked
	}
	if d.Took != nil {
		d.Took(c)
	}
	return m
}

// Notes returns sentences about candidates for which Members could not decide.
func (d *Database) Notes() (notes []string) {
	if d.uncheckable > 0 && !d.Unchecked {
		notes = append(notes, fmt.Sprintf("JWTs that have no row and whose signature no configured key can check: %d; --unchecked shows them", d.uncheckable))
	}
	return notes
}

// Refused returns the error for a kind whose credentials could not be looked up, or nil.
func (d *Database) Refused() error { return d.refuse }
