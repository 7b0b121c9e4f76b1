package db

import (
	"context"

	"tokenctl/db/engine"
)

// superusers returns the query for a column of the active superusers.
func (l *Layout) superusers(columns ...string) (*engine.Query, error) {
	u, err := l.UserTable()
	if err != nil {
		return nil, err
	}
	yes := true
	q := &engine.Query{Columns: columns, From: u.From("u")}
	return q, (&Filter{Active: &yes, Superuser: &yes}).whereOwner(l, u, q)
}

// Superusers counts the active superusers other than except, and how many of them have a usable password. A
// model without is_superuser has none.
func (tx *Tx) Superusers(ctx context.Context, except []User) (active, withPassword int, err error) {
	l := tx.Layout
	// An empty password counts as usable in Django, but nobody can log in with it.
	q, err := l.superusers("count(*)", "count(case when u.password <> '' and substr(u.password, 1, 1) <> '!' then 1 end)")
	if err != nil {
		return 0, 0, err
	}
	keys, err := l.userKeys(except)
	if err != nil {
		return 0, 0, err
	}
	q.And("not ("+l.Engine.AnyOf("u."+engine.Quote(l.User.Key), "%s")+")", keys)
	return active, withPassword, tx.Scan(ctx, q, &active, &withPassword)
}

// LockSuperusers locks the active superusers until the transaction ends, so that nobody else can change them.
// It locks them in the order of their keys, so two processes cannot deadlock. On SQLite a writer has locked
// the whole database already.
func (tx *Tx) LockSuperusers(ctx context.Context) error {
	l := tx.Layout
	if l.Engine == engine.SQLite {
		return nil
	}
	q, err := l.superusers("1")
	if err != nil {
		return err
	}
	q.Order = []string{"u." + engine.Quote(l.User.Key)}
	return tx.Exec(ctx, q.SQL()+" for no key update", q.Args...)
}
