package django

import (
	"time"
	_ "time/tzdata" // a minimal container has no zones of its own

	"tokenctl"
)

// Zone converts between moments and the datetimes that an application's database stores. The zero
// value is for USE_TZ=True: the database stores UTC, and nothing is converted.
//
// With USE_TZ=False Django, DRF and knox compute in TIME_ZONE. SQLite then stores the naive local time.
// PostgreSQL stores the right moment, because Django sets TIME_ZONE in its connection. simplejwt however
// computes in UTC and drops the zone (datetime_from_epoch and aware_utcnow in
// rest_framework_simplejwt/utils.py, 5.2.2). SQLite then stores naive UTC. PostgreSQL reads it as local
// time and stores a moment that is wrong by the zone's offset.
type Zone struct {
	location *time.Location // nil: USE_TZ=True
}

// Family names the software that computed a stored datetime.
type Family int

// The families.
const (
	DjangoTime    Family = iota // django.utils.timezone.now()
	SimpleJWTTime               // created_at and expires_at of simplejwt's outstanding tokens
)

// FormatSQLite returns the text that SQLite stores for a moment.
func (z Zone) FormatSQLite(t time.Time, f Family) string {
	if z.location != nil && f == DjangoTime {
		t = wall(t.In(z.location), time.UTC)
	}
	return FormatSQLiteTime(t)
}

// ParseSQLite returns the moment for a text that SQLite stores. Its errors are those of
// [ParseSQLiteTime].
func (z Zone) ParseSQLite(text string, f Family) (time.Time, error) {
	t, naive, err := parseSQLiteTime(text)
	if err == nil && naive && z.location != nil && f == DjangoTime {
		t = z.local(t)
	}
	return t, err
}

// Postgres returns the moment that PostgreSQL stores for t.
func (z Zone) Postgres(t time.Time, f Family) time.Time {
	if z.location == nil || f == DjangoTime {
		return t
	}
	return z.local(t.UTC())
}

// FromPostgres is the inverse of [Zone.Postgres].
func (z Zone) FromPostgres(t time.Time, f Family) time.Time {
	if z.location == nil || f == DjangoTime {
		return t.UTC()
	}
	return wall(t.In(z.location), time.UTC)
}

// wall returns the moment at which a clock in zone shows the date and time of t.
func wall(t time.Time, zone *time.Location) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
}

// local returns the moment at which a clock in the zone shows the date and time of t in UTC. When the
// clock is set forward it skips an hour, and when it is set back it shows an hour twice. For both hours
// standard time counts, as in PostgreSQL (DetermineTimeZoneOffset in
// src/backend/utils/adt/datetime.c, 15).
func (z Zone) local(t time.Time) time.Time {
	offset := func(at time.Time) time.Duration {
		_, seconds := at.In(z.location).Zone()
		return time.Duration(seconds) * time.Second
	}
	before, after := offset(t.Add(-24*time.Hour)), offset(t.Add(24*time.Hour))
	if late := t.Add(-after); offset(late) == after {
		return late.UTC()
	}
	return t.Add(-before).UTC()
}

// Representation writes a moment like DRF's DateTimeField: ISO 8601 in TIME_ZONE, with microseconds
// unless these are zero, with "Z" for UTC, and without an offset if USE_TZ is False (to_representation
// in rest_framework/fields.py, 3.16.0). Without a TIME_ZONE it is UTC, as in every new project.
func Representation(s tokenctl.TimeSettings, t time.Time) string {
	layout := "2006-01-02T15:04:05.000000"
	if t.Nanosecond()/1000 == 0 {
		layout = "2006-01-02T15:04:05"
	}
	if zone, err := NewZone(s); err == nil && zone.location != nil {
		return t.In(zone.location).Format(layout)
	}
	location := time.UTC
	if s.TimeZone != "" {
		if named, err := time.LoadLocation(s.TimeZone); err == nil {
			location = named
		}
	}
	return t.In(location).Format(layout + "Z07:00")
}

// NewZone returns the zone of the application's datetimes. An unknown TIME_ZONE is an error.
func NewZone(s tokenctl.TimeSettings) (Zone, error) {
	if s.UseTZ == nil || *s.UseTZ {
		return Zone{}, nil
	}
	location, err := s.Location()
	return Zone{location}, err
}
