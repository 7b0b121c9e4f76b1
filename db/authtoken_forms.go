package db

import (
	"context"
	"strings"

	"tokenctl/db/engine"
)

// KeyForm is the form of keys of the authtoken table: their length and their characters.
type KeyForm struct {
	Length  int
	Letters string // "hex", "lower", "word", "visible" or "other"; each of the first four sets is a part of the next
	Keys    int64
}

// KeyForms returns the forms of all stored keys. marks are the characters of the form "visible" other
// than letters and digits. It reads the table once.
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

// consistsOf returns the condition that a text has only characters of a set, and its parameter. On
// PostgreSQL matching a text is faster than trimming it.
func (l *Layout) consistsOf(expr, set string) (condition string, arg any) {
	if l.Engine == engine.SQLite {
		return "trim(" + expr + ", %s) = ''", set
	}
	// Inside brackets only ] \ ^ and - have a meaning.
	inside := strings.NewReplacer(`]`, `\]`, `\`, `\\`, `^`, `\^`, `-`, `\-`).Replace(set)
	// The collation "C" halves the time of a match.
	return expr + ` collate "C" ~ %s`, "^[" + inside + "]*$"
}
