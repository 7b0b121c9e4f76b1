package db

import (
	"time"

	"tokenctl/db/engine"
	"tokenctl/django"
)

// timeArg returns the parameter for a datetime column of Django.
func (l *Layout) timeArg(t time.Time) any { return l.timeArgOf(t, django.DjangoTime) }

// timeText is timeArg for lists of texts.
func (l *Layout) timeText(t time.Time) string { return textOf(l.timeArg(t)) }

func textOf(arg any) string {
	if t, ok := arg.(time.Time); ok {
		return t.Format(time.RFC3339Nano)
	}
	return arg.(string)
}

// jwtTimeArg returns the parameter for a datetime column of simplejwt.
func (l *Layout) jwtTimeArg(t time.Time) any { return l.timeArgOf(t, django.SimpleJWTTime) }

// timeArgFor returns the parameter for the dates of a kind.
func (l *Layout) timeArgFor(kind string, t time.Time) any {
	if kind == "jwt" {
		return l.jwtTimeArg(t)
	}
	return l.timeArg(t)
}

func (l *Layout) timeArgOf(t time.Time, f django.Family) any {
	if l.Engine == engine.SQLite {
		return l.zone.FormatSQLite(t, f)
	}
	return l.zone.Postgres(t, f)
}
