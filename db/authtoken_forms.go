package db

import (
	"context"
	"strings"

	"tokenctl/db/engine"
)

// KeyForm is what keys of the authtoken table have in common.
type KeyForm struct {
	Length  int
	Letters string // "hex", "lower", "word", "visible" or "other"; each of the first four is a part of the next
	Keys    int64
}

// KeyForms are the forms of all stored keys. marks are those that the form visible has besides
// letters and digits. It reads the table once.
func (s *Store) KeyForms(ctx context.Context, marks string) (forms []KeyForm, err error) {
	return forms, s.transact(ctx, engine.Mode{ReadOnly: true, Unlimited: true}, func(tx *Tx) error {
		if err := tx.Layout.Problem("drf"); err != nil {
			return err
		}
		q := new(engine.Query)
		key := "cast(t.key as text)"
		letters, set := "case", ""
		for _, form := range []struct{ name, more string }{{"hex", "0123456789abcdef"}, {"lower", "ghijklmnopqrstuvwxyz"}, {"word", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, {"visible", marks}} {
			set += form.more
			letters += " when " + q.Expr(tx.Layout.consistsOf(key, set)) + " then '" + form.name + "'"
		}
		q.Text = "select length, letters, count(*) from (select length(" + key + ") as length, " + letters + " else 'other' end as letters from " +
			tx.Layout.AuthToken().SQL() + " t where t.key is not null) forms group by length, letters order by length, letters"
		return tx.Each(ctx, q, func(r engine.Row) error {
			forms = append(forms, KeyForm{int(r.Integer()), r.Text(), r.Integer()})
			return r.Err
		})
	})
}

// consistsOf is the condition that a text has no characters but those of a set, with its
// parameter. PostgreSQL trims a text more slowly than it matches it.
func (l *Layout) consistsOf(expr, set string) (condition string, arg any) {
	if l.Engine == engine.SQLite {
		return "trim(" + expr + ", %s) = ''", set
	}
	// Within brackets only ] \ ^ and - mean something.
	inside := strings.NewReplacer(`]`, `\]`, `\`, `\\`, `^`, `\^`, `-`, `\-`).Replace(set)
	return expr + " ~ %s", "^[" + inside + "]*$"
}
