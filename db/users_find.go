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

// Only the database can compare a name with usernames: citext, collations that ignore case
// and columns without a unique index all decide differently. So the database compares the
// names, as it does for Django, and returns which names are equal to each other and to
// which users. PostgreSQL gives the list the type that it gives to a text beside
// the column; in the union the names get the column's collation, on both engines.

// Match is a user, and the place in a list of the name or key that means the user.
type Match struct {
	At   int
	User User
}

// match returns the users whose column equals one of the texts, in the order of the texts;
// those of one text are in the order of their keys. repeated has the places of texts that
// equal one before them, and the place of the first. A text that the column cannot hold is
// nobody's.
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
	// A user stands at place 0, before the texts that are equal to the name.
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

// UsersNamed returns the users who have one of the names, by the place of the name, and
// which of the names the database takes for the same as one before: their places, and
// that of the first.
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

// Found is the users with given names and primary keys.
type Found struct {
	Users        []User      // each once: by name, then by key
	Ambiguous    []Ambiguity // names and keys that several users have
	MissingNames []string    // names that nobody has
	MissingKeys  []string    // primary keys that nobody has
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
	named, _, err := tx.UsersNamed(ctx, names)
	if err != nil {
		return nil, err
	}
	f.MissingNames = f.sort(names, named, seen)
	byKey, _, err := tx.match(ctx, u, ids)
	if err != nil {
		return nil, err
	}
	f.MissingKeys = f.sort(ids, byKey, seen)
	return f, nil
}

// sort adds each user whom a text identifies, unless seen contains the user, and each text
// that several users have. It returns the texts that nobody has.
func (f *Found) sort(texts []string, list []Match, seen map[string]bool) (missing []string) {
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

// Missing are the names and primary keys that nobody has.
func (f *Found) Missing() []string {
	return append(f.MissingNames[:len(f.MissingNames):len(f.MissingNames)], f.MissingKeys...)
}

// Refusal is the error of RefuseUsers for the ambiguous and the missing names and primary keys.
func (f *Found) Refusal() error { return RefuseUsers(f.Ambiguous, f.Missing()) }

// UserIDs returns the primary keys of the users with these names and keys, nil without any.
// One that is not exactly one user's is an error that names all such.
func (tx *Tx) UserIDs(ctx context.Context, names, ids []string) ([]string, error) {
	found, err := tx.FindUsers(ctx, names, ids)
	if err == nil {
		err = found.Refusal()
	}
	if err != nil || found.Users == nil {
		return nil, err // nobody was named: nil is everybody
	}
	return idsOf(found.Users), nil
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

// userByID returns the user with a primary key.
func (tx *Tx) userByID(ctx context.Context, id string) (User, error) {
	users, err := tx.UsersByID(ctx, []string{id})
	if err != nil {
		return User{}, err
	}
	return users[0], nil
}

// idsOf are the primary keys of users.
func idsOf(users []User) []string {
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	return ids
}

// mostIDs is how many ids are told of users who share a name.
const mostIDs = 5

// RefuseUsers is the error about names that several users have, CodeAmbiguousUser, and
// about those that nobody has; alone they are CodeUserNotFound. It is nil without any.
func RefuseUsers(ambiguous []Ambiguity, missing []string) error {
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
		Hint: "say whom you mean by primary key: --user-id " + ambiguous[0].IDs[0]}
}

// MissingUsersError is the cause of a CodeUserNotFound error.
type MissingUsersError struct {
	Names []string // the names and primary keys that nobody has
}

func (e *MissingUsersError) Error() string { return "no user " + strings.Join(e.Names, ", ") }

// UserNotFound is the CodeUserNotFound error for these names.
func UserNotFound(names []string) error {
	noun := "user"
	if len(names) > 1 {
		noun = "users"
	}
	return &tokenctl.Error{Code: tokenctl.CodeUserNotFound, Message: "no " + noun + " " + strings.Join(names, ", "),
		Hint: "tokenctl user list shows who there is; in most databases Ann and ann are two names", Err: &MissingUsersError{names}}
}

// likeLiteral makes a text match only itself in a like with the escape \, as
// prep_for_like_query of django/db/backends/base/operations.py (4.2) does.
var likeLiteral = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// UsersWithEmail returns the users with an e-mail address, whatever the case of
// its letters: the lookup iexact of Django, which on SQLite knows the case of ASCII
// alone (django/db/backends/sqlite3/base.py and postgresql/base.py, 4.2).
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
