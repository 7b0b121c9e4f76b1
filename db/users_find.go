package db

import (
	"context"
	"fmt"
	"strings"

	"tokenctl/django"
)

// Only the database knows which users a name means: citext, collations that ignore
// case and columns without a unique index all decide differently. So the comparison
// of a list of names with the column is the database's, and the same statement says
// which name each user answers to. The names are compared as Django compares one:
// PostgreSQL gives the parameter the type that it gives to a text that stands beside
// the column.

// Match is a user, and the place in a list of the name or key that means the user.
type Match struct {
	At   int
	User User
}

// listed is a list parameter as a table: n.value and, from 0 on, place. Where
// PostgreSQL reads "unnest($1)" it must know the type of $1; the comparison in with,
// which is never run, tells it.
func (l *Layout) listed(column string) (with, from, place string) {
	if l.Engine == SQLite {
		return "", "json_each($1) n", "n.key"
	}
	return "with typed as (select from " + l.User.SQL() + " u where " + column + " = any($1))",
		"unnest($1) with ordinality as n (value, i)", "n.i - 1"
}

// fieldArg is the parameter for texts that a column of the users is compared with,
// and their places. A text that the column cannot hold is left out: it is nobody's.
func (l *Layout) fieldArg(field *UserTable, texts []string) (arg any, places []int, err error) {
	var values []any
	for i, text := range texts {
		if value, ok := field.keyArg(l.Engine, text); ok {
			values, places = append(values, value), append(places, i)
		}
	}
	arg, err = l.listArg(field, values)
	return arg, places, err
}

// matches returns the users whose column equals one of the texts, in the order of the
// texts; those of one text are in the order of their keys.
func (tx *Tx) matches(ctx context.Context, field *UserTable, texts []string) (list []Match, err error) {
	l := tx.Layout
	arg, places, err := l.fieldArg(field, texts)
	if err != nil || places == nil {
		return nil, err
	}
	column := "u." + quote(field.Key)
	with, from, place := l.listed(column)
	// On SQLite a cross join reads the list first, and once.
	q := &query{columns: append([]string{place}, l.userColumns()...), from: from + " cross join " + l.User.SQL() + " u",
		where: []string{column + " = n.value"}, order: []string{"1", "u." + quote(l.User.Key)}}
	q = &query{text: with + " " + q.sql(), args: []any{arg}}
	return list, tx.each(ctx, q, func(r row) error {
		at := r.integer()
		u := scanUser(l, &r)
		if r.err == nil {
			list = append(list, Match{places[at], u})
		}
		return r.err
	})
}

// field is the user table with another column in the place of its key.
func (l *Layout) field(c *Column) *UserTable {
	return &UserTable{Table: l.User.Table, Key: c.Name, KeyType: c.keyType(l.Engine)}
}

// UsersNamed returns the users who have one of the names, by the place of the name.
func (tx *Tx) UsersNamed(ctx context.Context, names []string) ([]Match, error) {
	u, err := tx.Layout.Users()
	if err != nil {
		return nil, err
	}
	return tx.matches(ctx, tx.Layout.field(u.Column(u.Username)), names)
}

// Repeated finds the names that the database takes for the same as one before them in
// the list: their places, and that of the first.
func (tx *Tx) Repeated(ctx context.Context, names []string) (map[int]int, error) {
	l := tx.Layout
	u, err := l.Users()
	if err != nil {
		return nil, err
	}
	field := l.field(u.Column(u.Username))
	arg, places, err := l.fieldArg(field, names)
	if err != nil || len(places) < 2 {
		return nil, err
	}
	column := "u." + quote(field.Key)
	with, from, place := l.listed(column)
	if with == "" {
		with = "with"
	} else {
		with += ","
	}
	// The first part of names has no rows. It gives them the column's type and collation.
	q := &query{args: []any{arg}, text: with + " names as (select " + column + " as value, 0 as i from " + u.SQL() + " u where 1 = 0 union all select n.value, " + place + " from " + from + `),
		shared as (select value, min(i) as first from names group by value having count(*) > 1)
		select cast(names.i as bigint), cast(shared.first as bigint) from names join shared on names.value = shared.value where names.i > shared.first`}
	repeated := map[int]int{}
	return repeated, tx.each(ctx, q, func(r row) error {
		at, first := r.integer(), r.integer()
		if r.err == nil {
			repeated[places[at]] = places[first]
		}
		return r.err
	})
}

// Found is who is meant by names and by primary keys.
type Found struct {
	Users     []User      // each once: by name, then by key
	Ambiguous []Ambiguity // names and keys that several users have
	Missing   []string    // names that nobody has
	Lost      []string    // keys that nobody has
}

// Ambiguity is a name that several users have.
type Ambiguity struct {
	Name string
	IDs  []string
}

// FindUsers finds out who is meant. Of the names and keys each counts once.
func (tx *Tx) FindUsers(ctx context.Context, names, ids []string) (*Found, error) {
	u, err := tx.Layout.Users()
	if err != nil {
		return nil, err
	}
	f := &Found{}
	seen := map[string]bool{}
	named, err := tx.UsersNamed(ctx, names)
	if err != nil {
		return nil, err
	}
	f.Missing = f.sort(names, named, seen)
	byKey, err := tx.matches(ctx, u, ids)
	if err != nil {
		return nil, err
	}
	f.Lost = f.sort(ids, byKey, seen)
	return f, nil
}

// sort adds the users whom a text means alone, unless they were seen, and the texts
// that mean several, and returns those that mean nobody.
func (f *Found) sort(texts []string, list []Match, seen map[string]bool) (absent []string) {
	told := make(map[string]bool, len(texts))
	for i, text := range texts {
		n := 0
		for n < len(list) && list[n].At == i {
			n++
		}
		here := list[:n]
		list = list[n:]
		if n != 1 && told[text] {
			continue
		}
		told[text] = true
		switch {
		case n == 0:
			absent = append(absent, text)
		case n > 1:
			a := Ambiguity{Name: text}
			for _, m := range here {
				a.IDs = append(a.IDs, m.User.ID)
			}
			f.Ambiguous = append(f.Ambiguous, a)
		case !seen[here[0].User.ID]:
			seen[here[0].User.ID] = true
			f.Users = append(f.Users, here[0].User)
		}
	}
	return absent
}

// Absent are the names and keys that nobody has.
func (f *Found) Absent() []string {
	return append(f.Missing[:len(f.Missing):len(f.Missing)], f.Lost...)
}

// Refusal is RefuseUsers for all who are not exactly one user.
func (f *Found) Refusal() error { return RefuseUsers(f.Ambiguous, f.Absent()) }

// UserIDs returns the primary keys of the users with these names and keys. One that is
// not exactly one user's is an error that names all such.
func (tx *Tx) UserIDs(ctx context.Context, names, ids []string) ([]string, error) {
	found, err := tx.FindUsers(ctx, names, ids)
	if err == nil {
		err = found.Refusal()
	}
	if err != nil {
		return nil, err
	}
	var list []string
	for _, u := range found.Users {
		list = append(list, u.ID)
	}
	return list, nil
}

// UsersByID returns the users with these primary keys; UUIDs may have dashes or not.
// Keys that nobody has are an error that names them.
func (tx *Tx) UsersByID(ctx context.Context, ids []string) ([]User, error) {
	found, err := tx.FindUsers(ctx, nil, ids)
	if err == nil {
		err = found.Refusal()
	}
	if err != nil {
		return nil, err
	}
	return found.Users, nil
}

// mostIDs is how many ids are told of users who share a name.
const mostIDs = 5

// RefuseUsers is the error about names that several users have, CodeAmbiguousUser, and
// about those that nobody has; alone they are CodeUserNotFound. It is nil without any.
func RefuseUsers(ambiguous []Ambiguity, absent []string) error {
	if len(ambiguous) == 0 {
		if len(absent) == 0 {
			return nil
		}
		return UserNotFound(absent)
	}
	var parts []string
	for _, a := range ambiguous {
		text := fmt.Sprintf("%d users have the name %s: ids %s", len(a.IDs), a.Name, strings.Join(a.IDs[:min(mostIDs, len(a.IDs))], ", "))
		if more := len(a.IDs) - mostIDs; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		parts = append(parts, text)
	}
	if len(absent) > 0 {
		parts = append(parts, UserNotFound(absent).Error())
	}
	return &django.Error{Code: django.CodeAmbiguousUser, Message: strings.Join(parts, "; "),
		Hint: "say whom you mean by primary key: --user-id " + ambiguous[0].IDs[0]}
}

// UserNotFound is the CodeUserNotFound error for these names.
func UserNotFound(names []string) error {
	noun := "user"
	if len(names) > 1 {
		noun = "users"
	}
	return &django.Error{Code: django.CodeUserNotFound, Message: "no " + noun + " " + strings.Join(names, ", "),
		Hint: "tokenctl user list shows who there is; in most databases Ann and ann are two names"}
}
