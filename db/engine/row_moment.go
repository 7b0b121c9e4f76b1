package engine

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"tokenctl/django"
)

// Moment reads a datetime that the family computed. The zero time means NULL, or a value that Django
// cannot read: a text that is not a date, infinity, or a year outside Python's range. Such a value is
// added to BadValues, as the column name of the table of. On SQLite the query selects the column as text
// (see [Dialect.Time]), because the driver would guess its form.
func (r *Row) Moment(family django.Family, of fmt.Stringer, name string) time.Time {
	var t time.Time
	ok, breaks := false, false
	if r.columns == nil {
		text, is := r.NextSQLite().(string)
		if !is {
			return time.Time{}
		}
		var err error
		t, err = r.zone.ParseSQLite(text, family)
		ok, breaks = err == nil, errors.Is(err, django.ErrDateBreaks)
	} else {
		c, value, is := r.next()
		if !is {
			return time.Time{}
		}
		t, ok = r.postgresMoment(c, value, family)
	}
	if !ok || !readable(t) {
		r.AddBadValue(of, name, NoDate, breaks)
		return time.Time{}
	}
	if t.IsZero() {
		t = t.Add(time.Nanosecond) // the zero time would mean NULL
	}
	return t
}

// readable reports whether Python's datetime can hold a time.
func readable(t time.Time) bool { return t.Year() >= 1 && t.Year() <= 9999 }

func (r *Row) postgresMoment(c column, value string, family django.Family) (_ time.Time, ok bool) {
	if (c.oid == pgtype.TimestamptzOID || c.oid == pgtype.TimestampOID) && len(value) == 8 {
		n := bigEndian(value)
		if n == math.MaxInt64 || n == math.MinInt64 {
			return time.Time{}, false // infinity
		}
		// PostgreSQL counts microseconds from the year 2000.
		const epoch = 946684800
		return r.zone.FromPostgres(time.Unix(n/1e6+epoch, n%1e6*1e3), family), true
	}
	var t time.Time // declared here because it escapes to the heap
	if err := c.types.Scan(c.oid, pgtype.BinaryFormatCode, []byte(value), &t); err != nil {
		return time.Time{}, false
	}
	return r.zone.FromPostgres(t, family), true
}
