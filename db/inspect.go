package db

import (
	"context"
	"slices"
	"strings"
)

// This file and inspect_postgres.go look at a database for doctor. What they
// return holds names, numbers and settings, never a row's values.

// Inspect runs f in a read-only transaction, also when the layout cannot be
// made out: tx.Layout is nil then and unknown says why.
func (s *Store) Inspect(ctx context.Context, f func(tx *Tx, unknown error) error) error {
	return s.transact(ctx, mode{readOnly: true, bare: true}, func(tx *Tx) error {
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

// Try runs f so that the transaction can go on when f fails.
func (tx *Tx) Try(ctx context.Context, f func() error) error {
	if err := tx.exec(ctx, "savepoint part"); err != nil {
		return err
	}
	if err := f(); err != nil {
		if back := tx.exec(context.WithoutCancel(ctx), "rollback to savepoint part; release savepoint part"); back != nil {
			return back
		}
		return tx.explain(ctx, err)
	}
	return tx.exec(ctx, "release savepoint part")
}

// KnownTables are the tables of the kinds of credentials and of the users that
// the database has.
func (l *Layout) KnownTables() []*Table {
	var list []*Table
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
			list = append(list, t)
		}
	}
	return list
}

// UsernameCandidates are the columns that could be the USERNAME_FIELD.
func (u *UserTable) UsernameCandidates() []string { return slices.Clone(u.usernames) }

// AbsentColumns are the columns of AbstractUser that the model does without.
func (u *UserTable) AbsentColumns() []string {
	var absent []string
	for _, name := range []string{"email", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "date_joined", "last_login"} {
		if u.Column(name) == nil {
			absent = append(absent, name)
		}
	}
	return absent
}

// FlagsRequired are the flags without which no user can be created, such as
// "--set tenant_id=VALUE": CreateUser has no value for these columns.
func (u *UserTable) FlagsRequired() []string {
	tables := append([]*Table{u.Table}, u.Children...)
	sets := make([]map[string]any, len(tables))
	for i := range sets {
		sets[i] = map[string]any{}
	}
	for _, name := range []string{"password", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "date_joined", u.Username} {
		sets[0][name] = nil
	}
	if c := u.Column("email"); c != nil && !c.Unique {
		sets[0]["email"] = nil
	}
	if u.KeyType == KeyUUID {
		sets[0][u.Key] = nil
	}
	var flags []string
	for i, t := range tables {
		for _, c := range t.Columns {
			_, given := sets[i][c.Name]
			switch flag, known := userFlag(c.Name); {
			case !c.NotNull || c.HasDefault || given || i > 0 && c.PrimaryKey:
			case known:
				flags = append(flags, flag+" VALUE")
			default:
				flags = append(flags, setFlag(c.Name))
			}
		}
	}
	return flags
}

// PasswordUse is how the newest users' passwords are stored.
type PasswordUse struct {
	Users      int            // looked at
	Algorithms map[string]int // how many have a password of this algorithm
	Iterations int            // the most of any pbkdf2_sha256
}

// sampleSize is how many users PasswordUse looks at.
const sampleSize = 1000

// PasswordUse looks at the 1,000 newest users where the database can tell who
// they are, else at any 1,000. No more of a hash leaves the database than its
// beginning.
func (tx *Tx) PasswordUse(ctx context.Context) (PasswordUse, error) {
	use := PasswordUse{Algorithms: map[string]int{}}
	u := tx.Layout.User
	q := &query{columns: []string{"substr(u.password, 1, 30)"}, from: u.From("u"), limit: sampleSize}
	switch {
	case u.KeyType == KeyInteger:
		q.order = []string{"u." + quote(u.Key) + " desc"}
	case u.Column("date_joined") != nil:
		q.order = []string{"u.date_joined desc"}
	}
	return use, tx.each(ctx, q, func(r row) error {
		var start string
		if err := r.Scan(&start); err != nil {
			return err
		}
		use.Users++
		algorithm, rest, ok := strings.Cut(start, "$")
		switch {
		case strings.HasPrefix(start, "!"), start == "":
			return nil
		case !ok:
			algorithm = "unknown"
		}
		use.Algorithms[algorithm]++
		if count, _, ok := strings.Cut(rest, "$"); ok && algorithm == "pbkdf2_sha256" {
			use.Iterations = max(use.Iterations, digits(count))
		}
		return nil
	})
}

// digits is the number that s writes, 0 when it writes none.
func digits(s string) int {
	n := 0
	for _, r := range s {
		if r < '0' || r > '9' || n > 1<<40 {
			return 0
		}
		n = 10*n + int(r-'0')
	}
	return n
}

// AppliedMigrations are the rows of django_migrations, by app; nil when there
// is no such table.
func (tx *Tx) AppliedMigrations(ctx context.Context) (map[string][]string, error) {
	t := tx.Layout.Migrations()
	if t == nil {
		return nil, nil
	}
	applied := map[string][]string{}
	q := &query{columns: []string{"app", "name"}, from: t.SQL(), order: []string{"id"}}
	return applied, tx.each(ctx, q, func(r row) error {
		var app, name string
		err := r.Scan(&app, &name)
		applied[app] = append(applied[app], name)
		return err
	})
}

// Orphans are rows of one table that refer to rows of another that are not there.
type Orphans struct {
	Table, Parent string
	Rows          int
	Look          string // the statement that shows them
}

// MaxOrphans bounds what Orphans counts.
const MaxOrphans = 1000

// Orphans are SQLite's broken foreign keys, the first 1,000 of them. It reads
// every table: the caller bounds its time.
func (tx *Tx) Orphans(ctx context.Context) (list []Orphans, err error) {
	rows, err := tx.conn.QueryContext(ctx, `
		select "table", parent, count(*)
		from (select "table", parent from pragma_foreign_key_check limit $1)
		group by 1, 2 order by 1, 2`, MaxOrphans)
	if err != nil {
		return nil, tx.explain(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		var o Orphans
		if err := rows.Scan(&o.Table, &o.Parent, &o.Rows); err != nil {
			return nil, tx.explain(ctx, err)
		}
		o.Look = "pragma foreign_key_check(" + quote(o.Table) + ")"
		list = append(list, o)
	}
	return list, tx.explain(ctx, rows.Err())
}

// JournalMode is SQLite's, such as "wal", and its version.
func (tx *Tx) JournalMode(ctx context.Context) (mode, version string, err error) {
	err = tx.conn.QueryRowContext(ctx, "select journal_mode, sqlite_version() from pragma_journal_mode").Scan(&mode, &version)
	return mode, version, tx.explain(ctx, err)
}
