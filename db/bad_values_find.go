package db

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// BadRows are the rows of a table in which a column has values that cannot be read.
type BadRows struct {
	Table  *engine.Table
	Column string
	What   string // describes the values
	Rows   int    // MaxOrphans means so many or more
	// For a table of credentials Kind is their kind, and First has some references. For a table of users
	// Kind is empty, and Users has some primary keys.
	Kind  string
	First []Ref
	Users []string
	Mend  string // the statement that corrects the values
}

// mostBadRows is the largest number of rows whose keys a result has.
const mostBadRows = 5

// suspect is a column, and the condition that its value cannot be read.
type suspect struct {
	column, what, where, mend string
}

// Unreadable returns the rows with values that cannot be read. It reads whole tables, so the caller bounds
// its time. With an error it returns the rows that it has found before.
func (tx *Tx) Unreadable(ctx context.Context) (list []BadRows, err error) {
	l := tx.Layout
	for _, c := range kindTables {
		t := l.tables[c.table]
		if t == nil || l.problems[c.table] != nil {
			continue
		}
		dates := map[string][]string{"drf": {"created"}, "knox": {"created", t.expiry()}, "jwt": {"created_at", "expires_at"}, "session": {"expire_date"}}[c.kind]
		texts := map[string][]string{"drf": {"key"}, "knox": {"digest"}, "jwt": {"jti", "token"}, "session": {"session_key", "session_data"}}[c.kind]
		owner := "''"
		if t.Column("user_id") != nil {
			owner = "coalesce(cast(t.user_id as text), '')"
		}
		key := "coalesce(cast(t." + engine.Quote(texts[0]) + " as text), '')"
		found, err := tx.suspects(ctx, t.Table, append(l.suspectDates(t.Table, dates), l.suspectTexts(t.Table, nil, texts)...), []string{key, owner}, func(u *BadRows, r *engine.Row) {
			u.Kind = c.kind
			ref := Ref{Key: tokenctl.NewSecret(r.Text()), Owner: r.Text()}
			if t.Owner != nil {
				ref.Owner = t.Owner.keyText(ref.Owner)
			}
			if len(u.First) < mostBadRows {
				u.First = append(u.First, ref.Clone())
			}
		})
		if list = append(list, found...); err != nil {
			return list, err
		}
	}
	for _, u := range l.userTables() {
		for _, t := range u.tables() {
			key := t.PrimaryKey()
			if key == nil {
				continue
			}
			mine := func(names ...string) []string {
				return slices.DeleteFunc(names, func(name string) bool { return u.holder(name) != t })
			}
			all := slices.Concat(l.suspectDates(t, mine("date_joined", "last_login")), l.suspectFlags(t, mine("is_active", "is_staff", "is_superuser")))
			if u.Username != "" {
				all = append(all, l.suspectTexts(t, key, mine(u.Username))...)
			}
			found, err := tx.suspects(ctx, t, all, []string{"cast(t." + engine.Quote(key.Name) + " as text)"}, func(found *BadRows, r *engine.Row) {
				if id, _ := r.TextOrNull(); len(found.Users) < mostBadRows {
					found.Users = append(found.Users, strings.Clone(u.keyText(id)))
				}
			})
			if list = append(list, found...); err != nil {
				return list, err
			}
		}
	}
	return list, nil
}

// userTables returns the tables of users, each once.
func (l *Layout) userTables() (list []*UserTable) {
	add := func(u *UserTable) {
		if u != nil && !slices.ContainsFunc(list, u.same) {
			list = append(list, u)
		}
	}
	add(l.User)
	for _, c := range kindTables {
		if t := l.tables[c.table]; t != nil {
			add(t.Owner)
		}
	}
	return list
}

// suspects reads a table once for several columns. The rows of the result have the conditions, and after
// them the columns in names.
func (tx *Tx) suspects(ctx context.Context, t *engine.Table, all []suspect, names []string, read func(*BadRows, *engine.Row)) (list []BadRows, err error) {
	if len(all) == 0 {
		return nil, nil
	}
	found := make([]BadRows, len(all))
	q := &engine.Query{From: t.SQL() + " t", Limit: engine.MaxOrphans}
	var where []string
	for i, s := range all {
		found[i] = BadRows{Table: t, Column: s.column, What: s.what, Mend: s.mend}
		q.Columns = append(q.Columns, "("+s.where+") is true")
		where = append(where, s.where)
	}
	q.Columns = append(q.Columns, names...)
	q.Where = []string{"(" + strings.Join(where, " or ") + ")"}
	err = tx.Each(ctx, q, func(r engine.Row) error {
		var here []int
		for i := range all {
			if flag := r.Flag(); flag != nil && *flag {
				here = append(here, i)
			}
		}
		rest := r
		for _, i := range here {
			r = rest
			found[i].Rows++
			read(&found[i], &r)
		}
		return r.Err
	})
	return slices.DeleteFunc(found, func(u BadRows) bool { return u.Rows == 0 }), err
}

// suspectDates returns the suspects among date columns. The statement sets a date to now, and last_login to
// null.
func (l *Layout) suspectDates(t *engine.Table, names []string) (list []suspect) {
	for _, name := range names {
		c := t.Column(name)
		if c == nil || !l.Engine.Dates(c) {
			continue
		}
		expr := "t." + engine.Quote(name)
		s := suspect{column: name, what: engine.NoDate, where: expr + " is not null and not (" + l.Engine.IsDate(expr) + ")"}
		odd := "not (" + l.Engine.IsDate(engine.Quote(name)) + ")"
		if l.Engine == engine.SQLite {
			// sqlite3 does not have tokenctl's function, so this condition describes Django's forms of a date.
			odd = fmt.Sprintf("%s is not null and (typeof(%[1]s) <> 'text' or coalesce(datetime(substr(%[1]s, 1, 19)), 'none') not in (replace(substr(%[1]s, 1, 19), 'T', ' '), substr(%[1]s, 1, 19) || ' 00:00:00', substr(%[1]s, 1, 19) || ':00'))", engine.Quote(name))
		}
		value := "current_timestamp"
		if name == "last_login" {
			value = "null"
		}
		s.mend = "update " + t.SQL() + " set " + engine.Quote(name) + " = " + value + " where " + odd
		list = append(list, s)
	}
	return list
}

// suspectTexts returns the suspects among text columns that identify a row or have its secret. For a table
// of users they are names, and key is its primary key.
func (l *Layout) suspectTexts(t *engine.Table, key *engine.Column, names []string) (list []suspect) {
	for _, name := range names {
		c := t.Column(name)
		if c == nil || l.Engine == engine.PostgreSQL && c.NotNull {
			continue
		}
		expr, own := "t."+engine.Quote(name), engine.Quote(name)
		odd := own + " is null"
		s := suspect{column: name, what: "no text", where: expr + " is null"}
		if l.Engine == engine.SQLite {
			is := engine.IsText + "(" + expr + ")"
			s.where += " or " + is + " = 0"
			// sqlite3 does not have tokenctl's function, but every text other than a name is ASCII.
			broken := "cast(" + own + " as text) glob '*[^ -~]*'"
			bytes := "typeof(" + own + ") = 'blob'"
			if key == nil {
				odd += " or " + broken
				bytes += " and not " + broken
			}
			list = append(list, suspect{column: name, what: engine.AsBytes, where: "typeof(" + expr + ") = 'blob' and " + is + " = 1",
				mend: "update " + t.SQL() + " set " + own + " = cast(" + own + " as text) where " + bytes})
		}
		switch {
		case name == "token": // the application never reads it
			s.mend = "update " + t.SQL() + " set token = '' where " + odd
		case key != nil:
			s.mend = "update " + t.SQL() + " set " + own + " = 'user-' || " + engine.Quote(key.Name) + " where " + odd
		default:
			s.mend = "delete from " + t.SQL() + " where " + odd
		}
		list = append(list, s)
	}
	return list
}

// suspectFlags returns the suspects among boolean columns, which must be 0 or 1 on SQLite. PostgreSQL has
// only valid values.
func (l *Layout) suspectFlags(t *engine.Table, names []string) (list []suspect) {
	for _, name := range names {
		if c := t.Column(name); c != nil && l.Engine == engine.SQLite && c.Type == "bool" {
			odd := " is not null and cast(%s as text) not in ('0', '1')"
			is := func(expr string) string { return expr + strings.Replace(odd, "%s", expr, 1) }
			list = append(list, suspect{column: name, what: "neither 0 nor 1, which Django reads as false", where: is("t." + engine.Quote(name)),
				mend: "update " + t.SQL() + " set " + engine.Quote(name) + " = 0 where " + is(engine.Quote(name))})
		}
	}
	return list
}

// Unfindable reports whether the jti of a recorded token is stored as bytes, according to its values that
// cannot be read. The application then finds neither the row nor its entry of the blacklist.
func Unfindable(list []engine.BadValue) bool {
	return slices.ContainsFunc(list, func(u engine.BadValue) bool {
		return u.What == engine.AsBytes && strings.HasSuffix(u.Column, ".jti")
	})
}
