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

// Database decides by the rows and keys of an application.
type Database struct {
	Env   tokens.Env
	Store *db.Store
	// Unchecked counts JWTs as found that have no row and whose signature no key can check.
	Unchecked bool
	// Took is told each credential that was found, once or a few times.
	Took func(*tokens.Credential)

	mu     sync.Mutex
	passed int   // JWTs that nobody could check
	refuse error // why a kind cannot be asked
}

// statusUnchecked is the status of a JWT of which nobody knows whether it is ours.
const statusUnchecked = "unchecked"

// Shapes are those of the secrets in the database. short is how many keys are too short to
// be searched for, and odd how many have characters that are not searched for.
func (d *Database) Shapes(ctx context.Context) (shapes *Shapes, short, odd int64, err error) {
	shapes = NewShapes(d.Env.Settings)
	layout, err := d.Store.Layout(ctx)
	if err == nil {
		err = d.check(layout)
	}
	if err != nil || !tokens.DRF.Present(layout) || layout.Problem("drf") != nil {
		return shapes, 0, 0, err
	}
	forms, err := d.Store.KeyForms(ctx, VisibleMarks)
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

// check returns an error where nothing can be found: there is no table of credentials, and no key
// that JWTs are signed with.
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

// Members implements the type of that name.
func (d *Database) Members(ctx context.Context, list []Candidate) ([][]*Match, error) {
	found := make([][]*Match, len(list))
	return found, d.Store.Read(ctx, func(tx *db.Tx) error {
		for _, k := range tokens.Kinds() {
			if !k.Present(tx.Layout) && k != tokens.JWT {
				continue
			}
			var secrets []tokenctl.Secret
			var places []int
			for i, c := range list {
				if c.Kinds.Has(k) {
					secrets, places = append(secrets, tokenctl.NewSecret(c.Text)), append(places, i)
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
					found[places[j]] = append(found[places[j]], m)
				}
			}
		}
		return nil
	})
}

// match is what is said of a credential; nil where it is none, or nobody knows.
func (d *Database) match(c *tokens.Credential) *Match {
	if c == nil {
		return nil
	}
	m := &Match{Kind: c.Kind, Type: c.Type, ID: c.ID, User: c.Owner.Username, UserID: c.Owner.ID, Status: string(c.Status),
		Staff: c.Owner.IsStaff, Superuser: c.Owner.IsSuperuser}
	if c.Unchecked() {
		d.mu.Lock()
		d.passed++
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

// Notes say what was not decided.
func (d *Database) Notes() (notes []string) {
	if d.passed > 0 && !d.Unchecked {
		notes = append(notes, fmt.Sprintf("JWTs that have no row and whose signature no configured key can check: %d; --unchecked shows them", d.passed))
	}
	return notes
}

// Refused is why a kind could not be asked; nil where all could.
func (d *Database) Refused() error { return d.refuse }
