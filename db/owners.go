package db

import (
	"context"

	"tokenctl/db/engine"
	"tokenctl/django"
)

// ownerSearch looks up the owners of rows that have the user id in a text. For the next page it keeps the owners
// of the pages before, because an owner often has rows in many pages.
type ownerSearch struct {
	indexes map[string]int // in users, by the text
	texts   []string       // to be looked up
	users   []User
	rows    []int // the number of users of each text
}

// maxKeptOwners is the number of owners at which an ownerSearch forgets all owners before the next page. So many
// owners take some five megabytes.
const maxKeptOwners = 10_000

// ask begins a search for the users of n texts, and reports whether any text of this search or of a search before
// is not empty.
func (o *ownerSearch) ask(n int, text func(int) string) bool {
	if o.indexes == nil {
		o.indexes = map[string]int{}
	}
	if len(o.users) >= maxKeptOwners {
		clear(o.indexes)
		clear(o.users)
		o.users, o.rows = o.users[:0], o.rows[:0]
	}
	o.texts = o.texts[:0]
	for i := range n {
		name := text(i)
		if _, asked := o.indexes[name]; name != "" && !asked {
			o.indexes[name] = len(o.users) + len(o.texts)
			o.texts = append(o.texts, name)
		}
	}
	return len(o.indexes) > 0
}

// find looks up the users whose column field.Key has one of the texts, as the database compares them. A text
// that several users have identifies none of them.
func (o *ownerSearch) find(ctx context.Context, tx *Tx, users, field *UserTable, brief, password bool) error {
	l := tx.Layout
	kept := len(o.users)
	o.users = append(o.users, make([]User, len(o.texts))...)
	o.rows = append(o.rows, make([]int, len(o.texts))...)
	var keys []any
	var indexes []int
	for i, text := range o.texts {
		if key, ok := field.keyArg(l.Engine, text); ok {
			keys, indexes = append(keys, key), append(indexes, kept+i)
		}
	}
	if keys == nil {
		return nil
	}
	q := &engine.Query{}
	from, index := q.Unnest(l.Engine, field.Column(field.Key).Type, keys)
	q.Columns = append([]string{index}, l.ownerColumns(users, brief)...)
	password = password && brief // otherwise the columns have it already
	if password {
		q.Columns = append(q.Columns, "u.password")
	}
	q.From = from + " join " + users.From("u") + " on u." + engine.Quote(field.Key) + " = n.value"
	err := tx.Each(ctx, q, func(r engine.Row) error {
		i := indexes[r.Integer()]
		u := scanOwner(users, &r, brief)
		if password {
			u.password, _ = r.TextOrNull()
		}
		if o.users[i] = u; o.rows[i] > 0 {
			o.users[i] = User{}
		}
		o.rows[i]++
		return r.Err
	})
	if err != nil {
		*o = ownerSearch{} // the owners that were not read are not known
	}
	return err
}

// user returns the user of a text. It is the zero User if the text identifies no user; several reports
// whether that is because several users have it.
func (o *ownerSearch) user(text string) (u User, several bool) {
	if i, asked := o.indexes[text]; asked {
		return o.users[i], o.rows[i] > 1
	}
	return User{}, false
}

// OwnersWithIDs returns the users of a model with these primary keys, each once.
func (tx *Tx) OwnersWithIDs(ctx context.Context, t *UserTable, ids []string) (list []User, err error) {
	var o ownerSearch
	o.ask(len(ids), func(i int) string { return ids[i] })
	if err := o.find(ctx, tx, t, t, false, false); err != nil {
		return nil, err
	}
	for _, u := range o.users {
		if u.ID != "" {
			list = append(list, u)
		}
	}
	return list, nil
}

// rightsColumns are the columns of an owner that an audit reads besides those of a brief list.
func (l *Layout) rightsColumns(u *UserTable) []string {
	return []string{l.truth(u, "is_superuser"), u.Column("date_joined").Expr(l.Engine.Time("u.%s")), u.Column("last_login").Expr(l.Engine.Time("u.%s"))}
}

// scanRights reads rightsColumns.
func scanRights(t *UserTable, r *engine.Row, u *User) {
	read := r.BadValues
	r.BadValues = nil
	is, joined, login := r.Flag(), r.Moment(django.DjangoTime, t.Table, "date_joined"), r.Moment(django.DjangoTime, t.Table, "last_login")
	if u.ID != "" {
		u.IsSuperuser, u.DateJoined, u.LastLogin = is, joined, login
		u.BadValues = append(u.BadValues, r.BadValues...)
	}
	r.BadValues = read
}
