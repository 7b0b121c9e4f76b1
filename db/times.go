package db

import (
	"fmt"
	"time"

	"tokenctl/django"
)

// timestamp scans a datetime column of either engine; NULL is the zero time.
// On SQLite the column is selected as text (see Tx.time): the driver would
// guess at its form.
type timestamp struct {
	time.Time
	family django.Family // who computed it
	zone   django.Zone   // set by row.Scan
}

// Scan implements sql.Scanner.
func (t *timestamp) Scan(v any) (err error) {
	switch v := v.(type) {
	case nil:
		t.Time = time.Time{}
	case time.Time:
		t.Time = t.zone.FromPostgres(v, t.family)
	case string:
		t.Time, err = t.zone.ParseSQLite(v, t.family)
	case []byte:
		t.Time, err = t.zone.ParseSQLite(string(v), t.family)
	default:
		err = fmt.Errorf("a datetime column holds a %T", v)
	}
	return err
}

// time is the expression that selects a datetime column.
func (l *Layout) time(column string) string {
	if l.Engine == SQLite {
		return "cast(" + column + " as text)"
	}
	return column
}

// timeArg is the parameter for a datetime column.
func (l *Layout) timeArg(t time.Time) any { return l.timeArgOf(t, django.DjangoTime) }

// jwtTimeArg is the parameter for a datetime column that simplejwt itself fills.
func (l *Layout) jwtTimeArg(t time.Time) any { return l.timeArgOf(t, django.SimpleJWTTime) }

func (l *Layout) timeArgOf(t time.Time, f django.Family) any {
	if l.Engine == SQLite {
		return l.zone.FormatSQLite(t, f)
	}
	return l.zone.Postgres(t, f)
}

// zoned tells the datetimes among the destinations of a scan how the application
// stores them.
func (r row) zoned(dest []any) {
	for _, d := range dest {
		if t, ok := d.(*timestamp); ok {
			t.zone = r.zone
		}
	}
}
