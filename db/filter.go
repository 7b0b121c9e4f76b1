package db

import (
	"fmt"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
)

// Filter selects the rows of a list, sorts them, and says what is read of them. The zero value selects all rows. A
// field that is for some lists says so; the other lists ignore it.
type Filter struct {
	// Which rows are selected. The conditions of all fields must be true.
	UserIDs       []string // primary keys of owners; nil: any owner
	Prefix        string   // the first characters of the owner's username
	Active        *bool    // the owner's is_active
	Staff         *bool    // the owner's is_staff
	Superuser     *bool    // the owner's is_superuser
	NoFactor      bool     // only if the owner has no confirmed second factor
	CreatedBefore *time.Time
	CreatedAfter  *time.Time
	ExpiresBefore *time.Time
	ExpiresAfter  *time.Time
	Unexpired     *time.Time // for sessions: only those that expire later than this, or whose expiry is not known
	NeverExpires  bool       // for knox tokens: only those without an expiry
	Statuses      []string   // nil: any
	Orphans       bool       // for credentials: only those whose user does not exist
	AndOrphans    bool       // for drf and knox: also credentials whose user does not exist
	Without       []string   // for users: only those without a live credential of these kinds ("drf", "knox", "jwt")
	Now           time.Time  // the time at which Without counts a credential as live

	// In which order, and how many.
	Sort       string // a field of the listed object; empty: by primary key
	Descending bool
	Limit      int  // 0: no limit
	AnyOrder   bool // for sessions, and for knox with Rights: the order in which the database reads them fastest

	// What is read of each row.
	Brief    bool // for users: only key, name and is_active
	Factors  bool // for users: also the kinds of their second factors
	Detailed bool // for credentials: all columns of the owner
	Rights   bool // for drf and knox: the columns of the owner that an audit needs
	Used     bool // for JWTs: when they were blacklisted
	Compare  bool // for credentials: the values that a change compares ([Ref]), also if the column of usernames is not known
}

// whereOwner adds the conditions on a user table with the alias u. UserIDs are keys of l.User.
func (f *Filter) whereOwner(l *Layout, u *UserTable, q *engine.Query) error {
	if f.UserIDs != nil {
		q.OneOf(l.Engine, "u."+engine.Quote(u.Key), u.keyArgs(l.Engine, f.UserIDs))
	}
	if f.Prefix != "" {
		if u.nameProblem != nil {
			return u.nameProblem
		}
		q.And("substr(cast(u."+engine.Quote(u.Username)+" as text), 1, %s) = %s", len([]rune(f.Prefix)), f.Prefix)
	}
	for _, flag := range []struct {
		column   string
		want     *bool
		fallback bool // Django's value for a model without the column
	}{{"is_active", f.Active, true}, {"is_staff", f.Staff, false}, {"is_superuser", f.Superuser, false}} {
		if flag.want != nil {
			q.Where = append(q.Where, l.isFlag(u, flag.column, *flag.want, flag.fallback))
		}
	}
	if f.NoFactor {
		q.Where = append(q.Where, "not "+l.hasFactor(u))
	}
	for _, kind := range f.Without {
		if from, condition, args := l.live(kind, f.Now); from != "" && u.same(l.User) {
			q.And("not exists (select 1 from "+from+" where "+condition+" and t.user_id = u."+engine.Quote(u.Key)+")", args...)
		}
	}
	return nil
}

// between adds the conditions that a date is between two times, as far as these are given. expr is the
// expression of the column.
func (l *Layout) between(q *engine.Query, c *engine.Column, expr string, after, before *time.Time) {
	if before != nil {
		q.And(l.Engine.Dated(c, expr, "<", "%s"), l.timeArg(*before))
	}
	if after != nil {
		q.And(l.Engine.Dated(c, expr, ">", "%s"), l.timeArg(*after))
	}
}

// needsNames returns an error if the list shows users' names and the column of the names is not known. A change needs
// no names.
func (f *Filter) needsNames(u *UserTable) error {
	if f.Compare && f.Sort != "user" {
		return nil
	}
	return u.nameProblem
}

// listOwned completes a query for a list of credentials in t with their owners. It returns the expressions
// of the fields for sortBy, of which the caller sets the others; id sorts like an id.
func (f *Filter) listOwned(l *Layout, t *Table, q *engine.Query, id string) (sorts map[string]string, err error) {
	u := t.Owner
	q.Limit = f.Limit
	if f.Rights {
		q.Columns = append(q.Columns, l.rightsColumns(u)...)
	}
	if f.Orphans || f.AndOrphans {
		l.orphans(q, t, f.Orphans)
	}
	return map[string]string{"id": id, "user": l.Engine.Bytewise(u.nameOf("u")), "user_id": "u." + engine.Quote(u.Key),
		"created": l.Engine.KnownDate(t.Column("created"), "t.created")}, f.needsNames(u)
}

// scanOwned reads the columns that listOwned adds.
func (f *Filter) scanOwned(t *Table, r *engine.Row, owner *User) (orphan bool) {
	if f.Rights {
		scanRights(t.Owner, r, owner)
	}
	return (f.Orphans || f.AndOrphans) && scanOwnerless(t, r, owner)
}

// Listable returns the error that prevents lists of the credentials of a kind, or nil.
func (l *Layout) Listable(kind string) error {
	if t := l.Credentials(kind); t.Owner != nil {
		return new(Filter).needsNames(t.Owner)
	}
	return nil
}

// wholeOwner reports whether a filtered list needs more columns of an owner than a brief one.
func (f *Filter) wholeOwner() bool { return f.Staff != nil || f.Superuser != nil || f.Detailed }

// aboutOwner reports whether whereOwner has a condition to add.
func (f *Filter) aboutOwner() bool {
	return f.UserIDs != nil || f.Prefix != "" || f.Active != nil || f.Staff != nil || f.Superuser != nil || f.Without != nil || f.NoFactor
}

// sortBy sorts q by f.Sort. by has the expressions of the fields, and tie decides between equal values.
// Unknown values come last.
func (f *Filter) sortBy(l *Layout, q *engine.Query, tie string, by map[string]string) error {
	if f.Sort == "" {
		return nil
	}
	expr, ok := by[f.Sort]
	if !ok {
		return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: fmt.Sprintf("cannot sort by %q", f.Sort)}
	}
	direction := ""
	if f.Descending {
		direction = " desc"
	}
	// PostgreSQL does not sort by a constant.
	constant := expr == "null" || strings.HasPrefix(expr, "'")
	if expr != tie && !constant {
		q.Order = append(q.Order, expr+direction+" nulls last")
		direction = ""
	}
	q.Order = append(q.Order, tie+direction)
	return nil
}
