package db

import (
	"context"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/django"
)

// User is a row of the user table. A nil pointer or zero time is NULL or a
// column that the model does not have.
type User struct {
	ID          string // primary key; UUIDs dashed
	Username    string // value of USERNAME_FIELD
	Email       *string
	FirstName   *string
	LastName    *string
	IsActive    *bool
	IsStaff     *bool
	IsSuperuser *bool
	DateJoined  time.Time
	LastLogin   time.Time
	password    string // encoded
	nullActive  bool   // is_active is there, and NULL
	Unread      []Unread
}

// Active reports whether Django counts the user as active: NULL is false, but a model
// without is_active has it as a class attribute that is true (AbstractBaseUser).
func (u *User) Active() bool {
	if u.IsActive == nil {
		return !u.nullActive
	}
	return *u.IsActive
}

// MayLogIn is user_can_authenticate of django/contrib/auth/backends.py. Before 4.2 it
// lets in whose is_active is NULL.
func (u *User) MayLogIn(release tokenctl.Version) bool {
	return u.Active() || u.nullActive && !release.AtLeast("4.2")
}

// HasUsablePassword is Django's method of the same name.
func (u *User) HasUsablePassword() bool { return django.HasUsablePassword(u.password) }

// VerifyPassword is [django.Hasher.Verify] against the stored hash.
func (u *User) VerifyPassword(h django.Hasher, random io.Reader, password string) (ok, update bool, err error) {
	return h.Verify(random, password, u.password)
}

// Owner is a user of whom no more is known than what a set of credentials keeps.
func Owner(id, username string, active *bool, usablePassword bool) User {
	u := User{ID: id, Username: username, IsActive: active}
	if !usablePassword {
		u.password = "!"
	}
	return u
}

// userColumns are the expressions that scanUser reads, from alias u.
func (l *Layout) userColumns(u *UserTable) []string {
	columns := l.ownerColumns(u, true)
	password := "u.password"
	if u.Column("password") == nil {
		password = "'!'" // which is no usable one
	}
	columns = append(columns, password)
	for _, name := range []string{"email", "first_name", "last_name"} {
		columns = append(columns, u.expr(name, "cast(u.%s as text)"))
	}
	for _, name := range []string{"is_staff", "is_superuser"} {
		columns = append(columns, l.truth(u, name))
	}
	for _, name := range []string{"date_joined", "last_login"} {
		columns = append(columns, u.expr(name, l.time("u.%s")))
	}
	return columns
}

// ownerColumns are those of a credential's owner: of a brief list no more than
// it shows.
func (l *Layout) ownerColumns(u *UserTable, brief bool) []string {
	if !brief {
		return l.userColumns(u)
	}
	return []string{"cast(u." + quote(u.Key) + " as text)", "coalesce(cast(" + u.nameOf("u") + " as text), '')", l.truth(u, "is_active")}
}

// truth is the condition that a flag under the alias u is true as Django reads it, null
// where it is. Of a bool on SQLite Django's own converter takes 1 for true and all else for
// false (django/db/backends/sqlite3/base.py, 5.2); of another type Python's truth counts.
func (l *Layout) truth(u *UserTable, column string) string {
	c := u.Column(column)
	if c == nil {
		return "null"
	}
	expr := "u." + quote(column)
	switch {
	case l.Engine == SQLite && c.Type == "bool":
		return "nullif(cast(" + expr + " as text), '') = '1'"
	case l.Engine == SQLite:
		return "case when typeof(" + expr + ") in ('text', 'blob') then " + expr + " not in ('', x'') else " + expr + " <> 0 end"
	case c.Type == "bool":
		return expr
	case c.Text:
		return expr + " <> ''"
	}
	return expr + " <> 0"
}

// isFlag is the condition that there is a user, one of whose flags Django counts as want:
// NULL is false. absent is the flag of a model without such a column.
func (l *Layout) isFlag(u *UserTable, column string, want, absent bool) string {
	there := "u." + quote(u.Key) + " is not null"
	if u.Column(column) == nil {
		if want == absent {
			return there
		}
		return "1 = 0"
	}
	truth := "(" + l.truth(u, column) + ") is true"
	if want {
		return truth
	}
	return there + " and not (" + truth + ")"
}

// expr is format with the quoted column in it, or null when there is none.
func (t *Table) expr(column, format string) string {
	if t.Column(column) == nil {
		return "null"
	}
	return strings.ReplaceAll(format, "%s", quote(column))
}

// scanUser reads userColumns.
func scanUser(u *UserTable, r *row) User { return scanOwner(u, r, false) }

// scanOwner reads ownerColumns. Of a user who is not there it is the zero User.
func scanOwner(table *UserTable, r *row, brief bool) (u User) {
	id, there := r.maybe()
	u.ID = table.keyText(id)
	u.Username = r.stored(table.Table, table.Username)
	u.IsActive = r.flag()
	u.nullActive = u.IsActive == nil && table.Column("is_active") != nil
	if !brief {
		u.password, _ = r.maybe()
		u.Email, u.FirstName, u.LastName = r.optional(), r.optional(), r.optional()
		u.IsStaff, u.IsSuperuser = r.flag(), r.flag()
		u.DateJoined, u.LastLogin = r.moment(django.DjangoTime, table.Table, "date_joined"), r.moment(django.DjangoTime, table.Table, "last_login")
	}
	u.Unread, r.unread = r.unread, nil
	if !there {
		return User{}
	}
	return u
}

// UserFields are the fields of a user that a list can be sorted by.
func UserFields() []string { return slices.Sorted(maps.Keys(userSorts(nil))) }

func userSorts(l *Layout) map[string]string {
	sorts := map[string]string{"id": "", "username": "", "email": "", "is_active": "", "is_staff": "", "is_superuser": "", "date_joined": "", "last_login": ""}
	if l == nil {
		return sorts
	}
	u := l.User
	for _, name := range []string{"is_active", "is_staff", "is_superuser"} {
		sorts[name] = l.truth(u, name)
	}
	for _, name := range []string{"date_joined", "last_login"} {
		if sorts[name] = "null"; u.Column(name) != nil {
			sorts[name] = l.knownDate(u.Column(name), "u."+quote(name))
		}
	}
	sorts["email"] = "null"
	sorts["id"] = "u." + quote(u.Key)
	sorts["username"] = l.bytewise(u.nameOf("u"))
	if u.Column("email") != nil {
		sorts["email"] = l.bytewise("u.email")
	}
	return sorts
}

// ListUsers yields the users that f selects.
func (s *Store) ListUsers(ctx context.Context, f Filter) iter.Seq2[User, error] {
	return stream(ctx, s, func(l *Layout) (*query, error) {
		u, err := l.Users()
		if err != nil {
			return nil, err
		}
		key := "u." + quote(u.Key)
		q := &query{columns: l.ownerColumns(u, f.Brief), from: u.From("u"), key: key, limit: f.Limit}
		if err := f.whereOwner(l, u, q); err != nil {
			return nil, err
		}
		return q, f.sortBy(l, q, key, userSorts(l))
	}, func(l *Layout, r *row) User { return scanOwner(l.User, r, f.Brief) })
}

// PasswordIterations returns how many PBKDF2 iterations the application uses:
// the most among its 1,000 newest users' hashes, 0 when none of them is
// pbkdf2_sha256. Hashes with fewer would be rewritten at the next login, which
// ends the user's sessions.
func (tx *Tx) PasswordIterations(ctx context.Context) (int, error) {
	u, err := tx.Layout.UserTable()
	if err != nil {
		return 0, err
	}
	q := &query{columns: []string{"u.password"}, from: u.From("u"), limit: 1000}
	switch {
	case u.KeyType == KeyInteger:
		q.order = []string{"u." + quote(u.Key) + " desc"}
	case u.Column("date_joined") != nil:
		q.order = []string{"u.date_joined desc"}
	}
	most := 0
	err = tx.each(ctx, q, func(r row) error {
		var encoded string
		err := r.Scan(&encoded)
		if n, ok := django.PBKDF2Iterations(encoded); ok && strings.HasPrefix(encoded, "pbkdf2_sha256$") {
			most = max(most, n)
		}
		return err
	})
	return most, err
}
