package db

import (
	"time"

	"tokenctl/db/engine"
	"tokenctl/django"
)

// timeArg is the parameter for a datetime column.
func (l *Layout) timeArg(t time.Time) any { return l.timeArgOf(t, django.DjangoTime) }

// timeText is timeArg for lists, which hold texts, and jwtTimeText is jwtTimeArg.
func (l *Layout) timeText(t time.Time) string { return textOf(l.timeArg(t)) }

func (l *Layout) jwtTimeText(t time.Time) string { return textOf(l.jwtTimeArg(t)) }

func textOf(arg any) string {
	if t, ok := arg.(time.Time); ok {
		return t.Format(time.RFC3339Nano)
	}
	return arg.(string)
}

// jwtTimeArg is the parameter for a datetime column that simplejwt itself fills.
func (l *Layout) jwtTimeArg(t time.Time) any { return l.timeArgOf(t, django.SimpleJWTTime) }

func (l *Layout) timeArgOf(t time.Time, f django.Family) any {
	if l.Engine == engine.SQLite {
		return l.zone.FormatSQLite(t, f)
	}
	return l.zone.Postgres(t, f)
}
