package django

import (
	"time"
	_ "time/tzdata" // a minimal container has no zones of its own
)

// TimeSettings are Django's USE_TZ and TIME_ZONE.
type TimeSettings struct {
	UseTZ    *bool  `toml:"use_tz"`    // USE_TZ; true when nil
	TimeZone string `toml:"time_zone"` // TIME_ZONE; "America/Chicago" when empty, as in Django
}

// defaultTimeZone is TIME_ZONE of django/conf/global_settings.py (3.2 to 5.2).
const defaultTimeZone = "America/Chicago"

// Zone returns how the application's datetimes are stored.
func (s TimeSettings) Zone() (Zone, error) {
	if s.UseTZ == nil || *s.UseTZ {
		return Zone{}, nil
	}
	name := s.TimeZone
	if name == "" {
		name = defaultTimeZone
	}
	if name == "Local" { // Go's word for this machine's zone
		name = ""
	}
	location, err := time.LoadLocation(name)
	if err != nil || name == "" {
		return Zone{}, &Error{Code: CodeConfigInvalid, Message: "time.time_zone is not the name of a time zone",
			Hint: `write it as Django's TIME_ZONE has it, such as "Europe/Berlin"`}
	}
	return Zone{location}, nil
}

// Validate returns a [CodeConfigInvalid] error for a zone that is unknown, also
// where USE_TZ makes it irrelevant.
func (s TimeSettings) Validate() error {
	naive := false
	_, err := TimeSettings{&naive, s.TimeZone}.Zone()
	return err
}

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
func (s TimeSettings) Representation(t time.Time) string {
	layout := "2006-01-02T15:04:05.000000"
	if t.Nanosecond()/1000 == 0 {
		layout = "2006-01-02T15:04:05"
	}
	if zone, err := s.Zone(); err == nil && zone.location != nil {
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
