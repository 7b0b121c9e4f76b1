package db

import (
	"context"
	"maps"
	"slices"
	"strings"

	"tokenctl/django"
)

// Attributes are what Django's password validators compare a user's password with.
func (u *User) Attributes(l *Layout) django.UserAttributes {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	a := django.UserAttributes{FirstName: text(u.FirstName), LastName: text(u.LastName), Email: text(u.Email)}
	if l.User.Username == "username" {
		a.Username = u.Username
	} else {
		a.Field, a.Value = l.User.Username, u.Username
	}
	return a
}

// likeLiteral makes a text match only itself in a like with the escape \, as
// prep_for_like_query of django/db/backends/base/operations.py (4.2) does.
var likeLiteral = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// UsersWithEmail returns the users with an e-mail address, whatever the case of
// its letters: the lookup iexact of Django, which on SQLite knows the case of ASCII
// alone (django/db/backends/sqlite3/base.py and postgresql/base.py, 4.2).
func (tx *Tx) UsersWithEmail(ctx context.Context, email string) (users []User, err error) {
	l := tx.Layout
	u, err := l.UserTable()
	if err != nil || u.Column("email") == nil {
		return nil, err
	}
	q := &query{columns: l.userColumns(u), from: u.From("u")}
	if l.Engine == SQLite {
		q.and(`u.email like %s escape '\'`, likeLiteral.Replace(email))
	} else {
		q.and("upper(cast(u.email as text)) = upper(%s)", email)
	}
	err = tx.each(ctx, q, func(r row) error {
		found := scanUser(u, &r)
		users = append(users, found)
		return r.err
	})
	return users, err
}

// UpdateUser changes text columns of a user and returns the user as it is then.
func (tx *Tx) UpdateUser(ctx context.Context, u User, values map[string]string) (User, error) {
	for _, column := range slices.Sorted(maps.Keys(values)) {
		if err := tx.updateUser(ctx, u, column, values[column]); err != nil {
			return u, err
		}
	}
	users, err := tx.UsersByID(ctx, []string{u.ID})
	if err != nil {
		return u, err
	}
	return users[0], nil
}
