package db

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// Only the database can compare names with usernames: citext and collations that ignore case
// give other results than Go, and without a unique index several users can have one name. So the
// database compares, as it does for Django. It returns which names are equal to each other, and to
// which users. PostgreSQL gives the list the type of a text that is compared with the column. In the
// union the names get the column's collation on both engines.

// Match is a user who was found by a name or key of a list.
type Match struct {
	At   int // the index of the name or key in the list
	User User
}

// match returns the users whose column field.Key equals one of the texts, in the order of the texts;
// users of one text are in the order of their keys. If a text equals an earlier one, repeated maps
// its index to the index of the first. A text that the column cannot hold matches no user.
func (tx *Tx) match(ctx context.Context, field *UserTable, texts []string) (list []Match, repeated map[int]int, err error) {
	l := tx.Layout
	var values []any
	var indexes []int
	for i, text := range texts {
		if value, ok := field.keyArg(l.Engine, text); ok {
			values, indexes = append(values, value), append(indexes, i)
		}
	}
	if values == nil {
		return nil, nil, nil
	}
	column, from := "u."+engine.Quote(field.Key), "unnest($1) with ordinality as n (value, i)"
	if l.Engine == engine.SQLite {
		from = "(select value, key + 1 as i from json_each($1)) n"
	}
	// A user gets the index 0, and so comes before the texts that are equal to the name.
	users := &engine.Query{Columns: []string{column + " as value", "0 as i", "u." + engine.Quote(l.User.Key) + " as k"}, From: l.User.From("u"), Where: []string{l.Engine.AnyOf(column, "$1")}}
	names := &engine.Query{Columns: []string{"n.value", "n.i", "null"}, From: from}
	q := &engine.Query{Columns: []string{"dense_rank() over (order by value)", "i"}, Order: []string{"1", "i", "k"}}
	for i, c := range l.userColumns(l.User) {
		alias := "c" + strconv.Itoa(i)
		users.Columns, names.Columns, q.Columns = append(users.Columns, c+" as "+alias), append(names.Columns, "null"), append(q.Columns, alias)
	}
	q.From, q.Args = "("+users.SQL()+" union all "+names.SQL()+") m", []any{l.Engine.ListArg(values)}
	repeated = map[int]int{}
	var group, first int64
	var found []User
	err = tx.Each(ctx, q, func(r engine.Row) error {
		rank, i := r.Integer(), r.Integer()
		if r.Err == nil && rank != group {
			group, first, found = rank, 0, nil
		}
		if i == 0 {
			found = append(found, scanOwner(l.User, &r, false))
			return r.Err
		}
		at := indexes[i-1]
		for _, u := range found {
			list = append(list, Match{at, u})
		}
		if first == 0 {
			first = i
		} else {
			repeated[at] = indexes[first-1]
		}
		return r.Err
	})
	slices.SortStableFunc(list, func(a, b Match) int { return cmp.Compare(a.At, b.At) })
	return list, repeated, err
}

// UsersNamed returns the users who have one of the names, in the order of the names. If the database treats a name as
// equal to an earlier one, repeated maps the index of the name to the index of the earlier one.
func (tx *Tx) UsersNamed(ctx context.Context, names []string) (list []Match, repeated map[int]int, err error) {
	if len(names) == 0 {
		return nil, nil, nil
	}
	l := tx.Layout
	u, err := l.Users()
	if err != nil {
		return nil, nil, err
	}
	c := u.Column(u.Username)
	return tx.match(ctx, &UserTable{Table: u.Table, Key: c.Name, KeyType: keyTypeOf(c, l.Engine)}, names)
}

// Found is the result of a search for users by names and primary keys.
type Found struct {
	Users        []User      // each once: first those with the names, then those with the keys
	Ambiguous    []Ambiguity // names and keys that several users have
	MissingNames []string    // names that no user has
	MissingKeys  []string    // primary keys that no user has
}

// Ambiguity is a name that several users have.
type Ambiguity struct {
	Name string
	IDs  []string
}

// FindUsers finds the users with these names and primary keys. A repeated name or key counts once.
func (tx *Tx) FindUsers(ctx context.Context, names, ids []string) (*Found, error) {
	u, err := tx.Layout.UserTable()
	if err != nil {
		return nil, err
	}
	f := &Found{}
	seen := map[string]bool{}
	byName, _, err := tx.UsersNamed(ctx, names)
	if err != nil {
		return nil, err
	}
	f.MissingNames = f.assign(names, byName, seen)
	byKey, _, err := tx.match(ctx, u, ids)
	if err != nil {
		return nil, err
	}
	f.MissingKeys = f.assign(ids, byKey, seen)
	return f, nil
}

// assign adds each user whom a text identifies, unless seen contains the user, and each text
// that several users have. It returns the texts that no user has.
func (f *Found) assign(texts []string, list []Match, seen map[string]bool) (missing []string) {
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
			missing = append(missing, text)
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
	return missing
}

// Missing returns the names and primary keys that no user has.
func (f *Found) Missing() []string {
	return append(f.MissingNames[:len(f.MissingNames):len(f.MissingNames)], f.MissingKeys...)
}

// Err returns the error of [UserLookupError] for the ambiguous and missing names and primary keys.
func (f *Found) Err() error { return UserLookupError(f.Ambiguous, f.Missing()) }

// UserIDs returns the primary keys of the users with these names and keys. Without names and keys it returns nil,
// which means all users in a [Filter]. The error is that of [Found.Err].
func (tx *Tx) UserIDs(ctx context.Context, names, ids []string) ([]string, error) {
	found, err := tx.FindUsers(ctx, names, ids)
	if err == nil {
		err = found.Err()
	}
	if err != nil || found.Users == nil {
		return nil, err // nil means all users
	}
	return IDsOf(found.Users), nil
}

// UserByID returns the user with a primary key; a UUID may have dashes or not. If no user has the key, the error
// is that of [UserNotFound].
func (tx *Tx) UserByID(ctx context.Context, id string) (User, error) {
	found, err := tx.FindUsers(ctx, nil, []string{id})
	if err == nil {
		err = found.Err()
	}
	if err != nil {
		return User{}, err
	}
	return found.Users[0], nil
}

// IDsOf returns the primary keys of users. The list is not nil, which may mean all users.
func IDsOf(users []User) []string {
	return tokenctl.Mapped(users, func(u User) string { return u.ID })
}

// mostIDs is the largest number of ids that an error names for users who share a name.
const mostIDs = 5

// UserLookupError returns the error for names that several users have and names that no user has. Its code is
// [tokenctl.CodeAmbiguousUser], or [tokenctl.CodeUserNotFound] if no name is ambiguous. It returns nil if there
// are no such names.
func UserLookupError(ambiguous []Ambiguity, missing []string) error {
	if len(ambiguous) == 0 {
		if len(missing) == 0 {
			return nil
		}
		return UserNotFound(missing)
	}
	var parts []string
	for _, a := range ambiguous {
		text := fmt.Sprintf("%d users have the name %s: ids %s", len(a.IDs), a.Name, strings.Join(a.IDs[:min(mostIDs, len(a.IDs))], ", "))
		if more := len(a.IDs) - mostIDs; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		parts = append(parts, text)
	}
	if len(missing) > 0 {
		parts = append(parts, UserNotFound(missing).Error())
	}
	return &tokenctl.Error{Code: tokenctl.CodeAmbiguousUser, Message: strings.Join(parts, "; "),
		Hint: "name the user by primary key: --user-id " + ambiguous[0].IDs[0]}
}

// MissingUsersError is wrapped by errors with the code [tokenctl.CodeUserNotFound].
type MissingUsersError struct {
	Names []string // the names and primary keys that no user has
}

// Error implements error.
func (e *MissingUsersError) Error() string { return "no user " + strings.Join(e.Names, ", ") }

// UserNotFound returns the error for names that no user has. Its code is [tokenctl.CodeUserNotFound].
func UserNotFound(names []string) error {
	noun := "user"
	if len(names) > 1 {
		noun = "users"
	}
	return &tokenctl.Error{Code: tokenctl.CodeUserNotFound, Message: "no " + noun + " " + strings.Join(names, ", "),
		Hint: "tokenctl user list shows all users; in most databases Ann and ann are two names", Err: &MissingUsersError{names}}
}

// likeLiteral escapes a text for "like … escape '\'", as prep_for_like_query of
// django/db/backends/base/operations.py (4.2) does.
var likeLiteral = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// UsersWithEmail returns the users with an e-mail address, with any case of its letters, like Django's lookup
// iexact. On SQLite this lookup ignores only the case of ASCII letters (django/db/backends/sqlite3/base.py and
// postgresql/base.py, 4.2).
func (tx *Tx) UsersWithEmail(ctx context.Context, email string) ([]User, error) {
	l := tx.Layout
	u, err := l.UserTable()
	if err != nil || u.Column("email") == nil {
		return nil, err
	}
	q := &engine.Query{Columns: l.userColumns(u), From: u.From("u")}
	if l.Engine == engine.SQLite {
		q.And(`u.email like %s escape '\'`, likeLiteral.Replace(email))
	} else {
		q.And("upper(cast(u.email as text)) = upper(%s)", email)
	}
	return engine.Collect(ctx, tx.Tx, q, func(r *engine.Row) User { return scanOwner(u, r, false) })
}
