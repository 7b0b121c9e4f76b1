package db

import (
	"context"

	"tokenctl/db/engine"
)

// Superusers counts the active superusers other than except, and how many of them have a usable password. A
// model without is_superuser has none.
func (tx *Tx) Superusers(ctx context.Context, except []User) (active, withPassword int, err error) {
	l := tx.Layout
	if _, err := l.UserTable(); err != nil {
		return 0, 0, err
	}
	keys, err := l.userKeys(except)
	if err != nil {
		return 0, 0, err
	}
	yes := true
	// An empty password counts as usable in Django, but nobody can log in with it.
	q := &engine.Query{Columns: []string{"count(*)", "count(case when u.password <> '' and substr(u.password, 1, 1) <> '!' then 1 end)"}, From: l.User.From("u")}
	if err := (&Filter{Active: &yes, Superuser: &yes}).whereOwner(l, l.User, q); err != nil {
		return 0, 0, err
	}
	q.And("not ("+l.Engine.AnyOf("u."+engine.Quote(l.User.Key), "%s")+")", keys)
	var all, usable int64
	err = tx.Scan(ctx, q, &all, &usable)
	return int(all), int(usable), err
}

// LockSuperusers locks the active superusers until the transaction ends, so that nobody else can change them.
// It locks them in the order of their keys, so two processes cannot deadlock. On SQLite a writer has locked
// the whole database already.
func (tx *Tx) LockSuperusers(ctx context.Context) error {
	l := tx.Layout
	if l.Engine == engine.SQLite {
		return nil
	}
	if _, err := l.UserTable(); err != nil {
		return err
	}
	yes := true
	q := &engine.Query{Columns: []string{"1"}, From: l.User.From("u"), Order: []string{"u." + engine.Quote(l.User.Key)}}
	if err := (&Filter{Active: &yes, Superuser: &yes}).whereOwner(l, l.User, q); err != nil {
		return err
	}
	return tx.Exec(ctx, q.SQL()+" for no key update", q.Args...)
}
