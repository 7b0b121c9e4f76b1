package db

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"tokenctl/db/engine"
)

// Group is a group of credentials that are counted together: all of them have these properties.
type Group struct {
	Status           string
	Owner            string // one of OwnerGroups
	Created, Expires int    // spans of the limits: see [SpanOf]
}

// Limits are times in ascending order. They divide the times of creation, and the ends, into spans: span 0 is before
// the first limit.
type Limits struct{ Created, Expires []time.Time }

// Values of a span without a number.
const (
	UnknownSpan = -1 // the time is not known
	NeverSpan   = -2 // the credentials never end
)

// SpanOf returns the span of t: the number of limits that are not after t. For the zero time it returns none, which is
// UnknownSpan or NeverSpan.
func SpanOf(t time.Time, none int, limits []time.Time) int {
	if t.IsZero() {
		return none
	}
	n, found := slices.BinarySearchFunc(limits, t, time.Time.Compare)
	if found {
		n++
	}
	return n
}

// OwnerGroups are the groups of owners by which credentials are counted, the most powerful owners first.
var OwnerGroups = []string{"superuser", "staff", "user", "nobody"}

// OwnerGroup returns the group of OwnerGroups that a user belongs to. The zero User belongs to nobody.
func (u *User) OwnerGroup() string {
	is := func(flag *bool) bool { return flag != nil && *flag }
	switch {
	case u.ID == "":
		return "nobody"
	case is(u.IsSuperuser):
		return "superuser"
	case is(u.IsStaff):
		return "staff"
	}
	return "user"
}

// CountOwned counts all tokens of drf or knox, also the tokens whose user does not exist.
func (s *Store) CountOwned(ctx context.Context, kind string, limits Limits) (map[Group]int64, error) {
	return s.countGroups(ctx, limits, func(tx *Tx) (q *engine.Query, err error) {
		l, status := tx.Layout, ""
		if kind == "knox" {
			q, status, err = l.knoxTokens(tx.Now, true)
		} else if q, err = l.authTokenQuery(true); err == nil {
			status = l.tokenStatus()
		}
		if err == nil {
			l.groups(q, l.Credentials(kind), status, limits)
		}
		return q, err
	})
}

// groupStatuses are the statuses that the database decides.
var groupStatuses = []string{"active", "expired", "disabled", "dead"}

// groups changes a query for the credentials of t. The new query returns the group of each credential as one
// integer, because a database groups by one integer in half the time that it needs for four columns. status is
// the expression for the status of a credential that has an owner.
func (l *Layout) groups(q *engine.Query, t *Table, status string, limits Limits) {
	u, expiry := t.Owner, t.expiry()
	gone := "u." + engine.Quote(u.Key) + " is null"
	status = "case when " + gone + " and (" + status + ") <> 'expired' then 'dead' else " + status + " end"
	owner := "(case when " + gone + " then 3 when " + l.isFlag(u, "is_superuser", true, false) + " then 0 when " + l.isFlag(u, "is_staff", true, false) + " then 1 else 2 end)" // the index in OwnerGroups
	expires := strconv.Itoa(NeverSpan)
	if expiry != "" {
		at := "t." + engine.Quote(expiry)
		expires = "case when " + at + " is null then " + expires + " else " + l.span(q, t.Column(expiry), at, limits.Expires) + " end"
	}
	number := "(case (" + status + ")"
	for i, word := range groupStatuses {
		number += " when '" + word + "' then " + strconv.Itoa(i)
	}
	q.Columns = []string{fmt.Sprintf("((%s end) * %d + %s) * %d + %s) * %d + %s", number, len(OwnerGroups), owner,
		spans(limits.Created), offset(l.span(q, t.Column("created"), "t.created", limits.Created)), spans(limits.Expires), offset(expires))}
	q.From = t.SQL() + " t left join " + u.From("u") + " on u." + engine.Quote(u.Key) + " = t.user_id"
	if t.Stored() {
		q.PageBy = "t.rowid" // in the order in which SQLite stores the rows
	}
}

// groupOf returns the group that an integer of groups stands for.
func groupOf(number int, limits Limits) Group {
	expires, number := number%spans(limits.Expires), number/spans(limits.Expires)
	created, number := number%spans(limits.Created), number/spans(limits.Created)
	return Group{groupStatuses[number/len(OwnerGroups)], OwnerGroups[number%len(OwnerGroups)], created + NeverSpan, expires + NeverSpan}
}

// spans returns the number of spans, with the two spans for no time.
func spans(limits []time.Time) int { return len(limits) + 1 - NeverSpan }

// offset returns the expression of a span that counts from zero.
func offset(span string) string { return "(" + span + ") - (" + strconv.Itoa(NeverSpan) + ")" }

// span returns the expression for the span of a time in a column: see [SpanOf].
func (l *Layout) span(q *engine.Query, c *engine.Column, expr string, limits []time.Time) string {
	if !l.Engine.Dates(c) {
		return strconv.Itoa(UnknownSpan)
	}
	var between func(first, last int) string
	between = func(first, last int) string {
		if first == last {
			return strconv.Itoa(first)
		}
		middle := (first + last) / 2
		before := q.Expr("case when "+expr+" < %s then ", l.timeArg(limits[middle]))
		return before + between(first, middle) + " else " + between(middle+1, last) + " end"
	}
	return "case when (" + l.Engine.IsDate(expr) + ") is not true then " + strconv.Itoa(UnknownSpan) + " else " + between(0, len(limits)) + " end"
}

// countedRows is the number of rows that SQLite counts in one transaction. Nobody can commit during such a
// transaction.
const countedRows = 100_000

// countGroups counts the rows of the query that build returns. On SQLite it counts one part after the other.
func (s *Store) countGroups(ctx context.Context, limits Limits, build func(*Tx) (*engine.Query, error)) (map[Group]int64, error) {
	counts := map[Group]int64{}
	count := func(tx *Tx, q *engine.Query) error {
		q.Columns, q.PageBy = append(q.Columns, "count(*)"), ""
		q.Where = append(q.Where, "1 = 1 group by 1")
		return tx.Each(ctx, q, func(r engine.Row) error {
			g := groupOf(int(r.Integer()), limits)
			counts[g] += r.Integer()
			return r.Err
		})
	}
	if s.Engine == engine.PostgreSQL {
		err := s.transact(ctx, engine.Mode{ReadOnly: true, Unlimited: true}, func(tx *Tx) error {
			q, err := build(tx)
			if err != nil {
				return err
			}
			return count(tx, q)
		})
		return counts, err
	}
	var last any // the last key of the part before
	for more, first := true, true; more; first = false {
		err := s.transact(ctx, engine.Mode{ReadOnly: true, Unlimited: true}, func(tx *Tx) error {
			q, err := build(tx)
			if err != nil {
				return err
			}
			key := q.PageBy
			if !first {
				q.And(key+" > %s", last)
			}
			end := &engine.Query{Columns: []string{key}, From: q.From, Where: slices.Clone(q.Where), Args: slices.Clone(q.Args), PageBy: key, Limit: 1}
			end.Text = end.SQL() + " offset " + strconv.Itoa(countedRows-1)
			more = false
			err = tx.Each(ctx, end, func(r engine.Row) error {
				last, more = r.NextSQLite(), true
				return r.Err
			})
			if err != nil {
				return err
			}
			if more { // a key may be null, and no comparison with null is true
				q.And("("+key+" > %s) is not true", last)
			}
			return count(tx, q)
		})
		if err != nil {
			return nil, err
		}
	}
	return counts, nil
}
