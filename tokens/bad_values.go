package tokens

import (
	"slices"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
)

// unreadable is the reason of a credential that the application cannot use because of a value in its row, or in
// the row of its owner.
const unreadable = "unreadable"

// judgeBadValues sets the reason if values that cannot be read make a request with the credential fail. Django
// reads most such values as null, and the request succeeds.
func (c *Credential) judgeBadValues(lists ...[]engine.BadValue) {
	if slices.ContainsFunc(lists, engine.Broken) {
		c.Reason = unreadable
	}
}

// BadValueNotes returns sentences about the values that cannot be read, in the row of the credential and in the
// row of its owner.
func (c *Credential) BadValueNotes() []string {
	return tokenctl.Mapped(slices.Concat(c.BadValues, c.Owner.BadValues), engine.BadValue.String)
}

// RowID returns the id of the credential that a row is of.
func (k *Kind) RowID(r db.Ref) string { return k.idOf(&r) }

// Nameless reports whether the primary key of the credential's row is null or empty. Neither the application nor a
// change finds such a row.
func (c *Credential) Nameless() bool { return c.row.Key.IsZero() }
