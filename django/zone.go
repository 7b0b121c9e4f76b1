package django

import (
	"time"
	_ "time/tzdata" // a minimal container has no zones of its own

	"tokenctl"
)

// Zone converts between moments and what an application's database holds. The
// zero value is that of USE_TZ=True: what is stored is UTC, and nothing is
// converted.
//
// With USE_TZ=False everything of Django, DRF and knox reckons in TIME_ZONE:
// SQLite holds the naive local time, and PostgreSQL, whose session Django sets to
// TIME_ZONE, the right moment. simplejwt however takes UTC and drops the zone
// (datetime_from_epoch and aware_utcnow in rest_framework_simplejwt/utils.py,
// 5.2.2): SQLite holds naive UTC, and PostgreSQL, which takes that for local time,
// a moment that is wrong by the zone's offset.
type Zone struct {
	location *time.Location // nil: USE_TZ=True
}

// Family is who computed a datetime that is stored.
type Family int

// The families.
const (
	DjangoTime    Family = iota // django.utils.timezone.now()
	SimpleJWTTime               // created_at and expires_at of simplejwt's outstanding tokens
)

// FormatSQLite is what SQLite holds for a moment.
func (z Zone) FormatSQLite(t time.Time, f Family) string {
	if z.location != nil && f == DjangoTime {
		t = wall(t.In(z.location), time.UTC)
	}
	return FormatSQLiteTime(t)
}

// ParseSQLite is the moment behind a text that SQLite holds.
func (z Zone) ParseSQLite(text string, f Family) (time.Time, error) {
	t, naive, err := parseSQLiteTime(text)
	if err == nil && naive && z.location != nil && f == DjangoTime {
		t = z.local(t)
	}
	return t, err
}

// Postgres is the moment that PostgreSQL holds for another.
func (z Zone) Postgres(t time.Time, f Family) time.Time {
	if z.location == nil || f == DjangoTime {
		return t
	}
	return z.local(t.UTC())
}

// FromPostgres undoes [Zone.Postgres].
func (z Zone) FromPostgres(t time.Time, f Family) time.Time {
	if z.location == nil || f == DjangoTime {
		return t.UTC()
	}
	return wall(t.In(z.location), time.UTC)
}

// wall is the moment at which a clock in the zone shows what t shows.
func wall(t time.Time, zone *time.Location) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
}

// local is the moment at which a clock in the zone shows what t shows in UTC.
// Where the clock is set forward and never shows it, or is set back and shows it
// twice, standard time counts, as for PostgreSQL (DetermineTimeZoneOffset in
// src/backend/utils/adt/datetime.c).
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

// Representation is how DRF's DateTimeField shows a moment: ISO 8601 in
// TIME_ZONE, with microseconds unless there are none, "Z" for UTC, and without an
// offset where USE_TZ is False (to_representation in rest_framework/fields.py,
// 3.16.0). An unset TIME_ZONE is UTC, which every new project sets.
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

// NewZone returns how the application's datetimes are stored.
func NewZone(s tokenctl.TimeSettings) (Zone, error) {
	if s.UseTZ == nil || *s.UseTZ {
		return Zone{}, nil
	}
	location, err := s.Location()
	return Zone{location}, err
}
