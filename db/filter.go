package db

import (
	"fmt"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
)

// Filter narrows a list. The zero value is everything.
type Filter struct {
	UserIDs       []string // owners, by key
	Prefix        string   // of the owner's username
	Active        *bool    // whether the owner is active
	Staff         *bool
	Superuser     *bool
	CreatedBefore *time.Time
	CreatedAfter  *time.Time
	ExpiresBefore *time.Time
	ExpiresAfter  *time.Time
	Unexpired     *time.Time // of sessions: those that expire later, and those of which that is not known
	Without       []string   // kinds of which a user holds nothing live: "drf", "knox", "jwt"
	Now           time.Time  // what is live
	NoFactor      bool       // of users: those without a confirmed second factor
	Factors       bool       // of users: the kinds of their factors are wanted
	Statuses      []string   // nil: any
	Sort          string     // a field of the object listed; empty: by key
	Descending    bool
	Limit         int  // 0: none
	NeverExpires  bool // of knox tokens: those without an expiry
	Orphans       bool // of drf and knox tokens: those whose user is gone, and only those
	Brief         bool // of users: only key, name and IsActive are wanted
	Detailed      bool // of credentials: more of the owner than a brief list shows is wanted
	Compare       bool // of credentials: what a change compares is wanted (Ref.Row, Ref.Seen)
}

// whereOwner adds the conditions on a user table under the alias u. Users who are
// named are those of l.User.
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
		fallback bool // Django's value where the model has no such column
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

// needsNames is the error of a list that shows the users' names where the database
// does not tell them.
func (f *Filter) needsNames(u *UserTable) error {
	if f.Compare && f.Sort != "user" {
		return nil
	}
	return u.nameProblem
}

// Listable returns why no list can show the credentials of a kind; nil where one can.
func (l *Layout) Listable(kind string) error {
	if t := l.Credentials(kind); t.Owner != nil {
		return new(Filter).needsNames(t.Owner)
	}
	return nil
}

// wholeOwner reports whether a filtered list needs more of an owner than a brief one has.
func (f *Filter) wholeOwner() bool { return f.Staff != nil || f.Superuser != nil || f.Detailed }

// aboutOwner reports whether whereOwner has a condition to add.
func (f *Filter) aboutOwner() bool {
	return f.UserIDs != nil || f.Prefix != "" || f.Active != nil || f.Staff != nil || f.Superuser != nil || f.Without != nil || f.NoFactor
}

// sortBy orders q by one of the expressions that by names, bytewise where it is
// text, unknown values last, with tie as the tie-break.
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
