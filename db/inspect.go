package db

import (
	"context"
	"slices"

	"tokenctl/db/engine"
)

// This file and inspect_tables.go inspect a database for doctor. They return names, numbers and settings,
// and never the values of a row.

// Inspect runs f in a read-only transaction, even if the layout cannot be detected: then tx.Layout is nil,
// and unknown is the reason.
func (s *Store) Inspect(ctx context.Context, f func(tx *Tx, unknown error) error) error {
	return s.Transact(ctx, engine.Mode{ReadOnly: true}, func(t *engine.Tx) error {
		tx := s.newTx(t)
		unknown := tx.Try(ctx, func() error {
			l, err := tx.detect(ctx)
			if err == nil {
				tx.Layout = l
			}
			return err
		})
		return f(tx, unknown)
	})
}

// KnownTables returns the database's tables of credentials and users.
func (l *Layout) KnownTables() []*engine.Table {
	var list []*engine.Table
	if l.User != nil {
		list = append(append(list, l.User.Table), l.User.Children...)
	}
	for _, c := range kindTables {
		if t := l.tables[c.table]; t != nil && t.Owner != nil && !t.Owner.same(l.User) && !slices.Contains(list, t.Owner.Table) {
			list = append(list, t.Owner.tables()...)
		}
	}
	for _, name := range []string{tableAuthToken, tableKnox, tableOutstanding, tableBlacklisted, tableSession} {
		if t := l.tables[name]; t != nil {
			list = append(list, t.Table)
		}
	}
	return list
}

// MissingColumns returns the columns of AbstractUser that the model does not have.
func (u *UserTable) MissingColumns() []string {
	var missing []string
	for _, name := range []string{"email", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "date_joined", "last_login"} {
		if u.Column(name) == nil {
			missing = append(missing, name)
		}
	}
	return missing
}

// AppliedMigrations returns the names in django_migrations, by app. It is nil without that table.
func (tx *Tx) AppliedMigrations(ctx context.Context) (map[string][]string, error) {
	t := tx.Layout.Migrations()
	if t == nil {
		return nil, nil
	}
	applied := map[string][]string{}
	q := &engine.Query{Columns: []string{"app", "name"}, From: t.SQL(), Order: []string{"id"}}
	return applied, tx.Each(ctx, q, func(r engine.Row) error {
		var app, name string
		err := r.Scan(&app, &name)
		applied[app] = append(applied[app], name)
		return err
	})
}
