package tokens

import (
	"slices"

	"tokenctl/db"
	"tokenctl/db/engine"
)

// unreadable is the reason of a credential whose row, or whose owner's, the application
// fails on.
const unreadable = "unreadable"

// judgeBadValues sets the reason for which a request with the credential fails because of
// values that could not be read. Of most of them Django reads null, and goes on.
func (c *Credential) judgeBadValues(lists ...[]engine.BadValue) {
	if slices.ContainsFunc(lists, engine.Broken) {
		c.Reason = unreadable
	}
}

// BadValueNotes are sentences about the values of the credential's row and of its owner's
// that could not be read.
func (c *Credential) BadValueNotes() (notes []string) {
	for _, u := range slices.Concat(c.BadValues, c.Owner.BadValues) {
		notes = append(notes, u.String())
	}
	return notes
}

// RowID is the id of the credential of a row.
func (k *Kind) RowID(r db.Ref) string { return k.idOf(&r) }

// Nameless reports whether the primary key of the credential's row is null, or empty. The
// application looks credentials up by it, and so does every change.
func (c *Credential) Nameless() bool { return c.row.Key.IsZero() }
