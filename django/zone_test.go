package django

import (
	"testing"
	"time"

	"tokenctl"
)

func zone(t *testing.T, name string) Zone {
	t.Helper()
	naive := false
	z, err := NewZone(tokenctl.TimeSettings{UseTZ: &naive, TimeZone: name})
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// The values are what Django 4.2 with USE_TZ=False and simplejwt 5.2 stored at
// 01:03 UTC in America/Chicago, and the same by rule at the changes of the clock.
func TestZone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, zone, utc       string
		djangoText, jwtText   string // SQLite
		djangoStored, jwtHeld string // PostgreSQL, in UTC
	}{
		{"winter", "America/Chicago", "2026-11-22 01:03:00", "2026-11-21 19:03:00", "2026-11-22 01:03:00", "2026-11-22 01:03:00", "2026-11-22 07:03:00"},
		{"default", "", "2026-07-22 01:03:00.000001", "2026-07-21 20:03:00.000001", "2026-07-22 01:03:00.000001", "2026-07-22 01:03:00.000001", "2026-07-22 06:03:00.000001"},
		{"east", "Asia/Kathmandu", "2026-11-22 01:03:00", "2026-11-22 06:48:00", "2026-11-22 01:03:00", "2026-11-22 01:03:00", "2026-11-21 19:18:00"},
		{"utc", "UTC", "2026-11-22 01:03:00", "2026-11-22 01:03:00", "2026-11-22 01:03:00", "2026-11-22 01:03:00", "2026-11-22 01:03:00"},
		{"before the clock goes forward", "Europe/Berlin", "2026-03-29 00:30:00", "2026-03-29 01:30:00", "2026-03-29 00:30:00", "2026-03-29 00:30:00", "2026-03-28 23:30:00"},
		{"after it", "Europe/Berlin", "2026-03-29 03:30:00", "2026-03-29 05:30:00", "2026-03-29 03:30:00", "2026-03-29 03:30:00", "2026-03-29 01:30:00"},
		{"after the clock goes back", "Europe/Berlin", "2026-10-25 01:30:00", "2026-10-25 02:30:00", "2026-10-25 01:30:00", "2026-10-25 01:30:00", "2026-10-24 23:30:00"},
	} {
		t.Run(test.name, func(t *testing.T) {
			z := zone(t, test.zone)
			at, err := ParseSQLiteTime(test.utc)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				what, got, want string
			}{
				{"Django's text", z.FormatSQLite(at, DjangoTime), test.djangoText},
				{"simplejwt's text", z.FormatSQLite(at, SimpleJWTTime), test.jwtText},
				{"Django's moment", FormatSQLiteTime(z.Postgres(at, DjangoTime)), test.djangoStored},
				{"simplejwt's moment", FormatSQLiteTime(z.Postgres(at, SimpleJWTTime)), test.jwtHeld},
			} {
				if c.got != c.want {
					t.Errorf("%s is %s, want %s", c.what, c.got, c.want)
				}
			}
			for _, f := range []Family{DjangoTime, SimpleJWTTime} {
				back, err := z.ParseSQLite(z.FormatSQLite(at, f), f)
				if err != nil || !back.Equal(at) {
					t.Errorf("from SQLite comes %s (%v), want %s", back, err, at)
				}
				if back := z.FromPostgres(z.Postgres(at, f), f); !back.Equal(at) {
					t.Errorf("from PostgreSQL comes %s, want %s", back, at)
				}
			}
		})
	}
}

// Every hour of a year comes back, but for the hour that the clock shows twice
// or never.
func TestZoneRoundTrip(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Europe/Berlin", "America/Chicago", "Australia/Lord_Howe", "Pacific/Apia"} {
		z := zone(t, name)
		lost := 0
		for at := time.Date(2026, 1, 1, 0, 30, 0, 0, time.UTC); at.Year() == 2026; at = at.Add(time.Hour) {
			text, err := z.ParseSQLite(z.FormatSQLite(at, DjangoTime), DjangoTime)
			if err != nil || !text.Equal(at) || !z.FromPostgres(z.Postgres(at, SimpleJWTTime), SimpleJWTTime).Equal(at) {
				lost++
			}
		}
		if lost > 2 {
			t.Errorf("%s: %d hours do not come back", name, lost)
		}
	}
}

func TestZoneOfPostgresGap(t *testing.T) {
	t.Parallel()
	// 02:30 never was in Berlin on that day; PostgreSQL takes it for 03:30 CEST.
	z := zone(t, "Europe/Berlin")
	at := time.Date(2026, 3, 29, 2, 30, 0, 0, time.UTC)
	if got, want := z.Postgres(at, SimpleJWTTime), time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("stored as %s, want %s", got, want)
	}
}

func TestZoneWithOffset(t *testing.T) {
	t.Parallel()
	z := zone(t, "America/Chicago")
	got, err := z.ParseSQLite("2026-11-22 01:03:00+00:00", DjangoTime)
	if want := time.Date(2026, 11, 22, 1, 3, 0, 0, time.UTC); err != nil || !got.Equal(want) {
		t.Errorf("read as %s (%v), want %s: the text says so itself", got, err, want)
	}
}

func TestTimeSettings(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"Mars/Olympus", "Local", "../etc/passwd", "CEST+1"} {
		if _, err := tokenctl.ParseSettings([]byte("[time]\ntime_zone = \"" + bad + "\"\n")); tokenctl.CodeOf(err) != tokenctl.CodeConfigInvalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
	s, err := tokenctl.ParseSettings([]byte("[time]\nuse_tz = true\ntime_zone = \"Europe/Berlin\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := NewZone(s.Time)
	if at := time.Now().Truncate(time.Microsecond).UTC(); err != nil || z.FormatSQLite(at, DjangoTime) != FormatSQLiteTime(at) || !z.Postgres(at, SimpleJWTTime).Equal(at) {
		t.Errorf("USE_TZ=True does not store UTC: %v", err)
	}
	if _, err := tokenctl.ParseSettings([]byte("[auth]\npassword_hasher = \"md5\"\n")); tokenctl.CodeOf(err) != tokenctl.CodeConfigInvalid {
		t.Errorf("md5: %v", err)
	}
}

func TestSettingLines(t *testing.T) {
	t.Parallel()
	text := "# a comment\ndatabase = \"sqlite:///a\"\n\n[auth]\nuser_table = \"x\"\n[knox] # y\n\"token_ttl\"  = \"never\"\nauto_refresh=false\n[time]\n"
	got := tokenctl.SettingLines([]byte(text))
	for name, line := range map[string]int{"database": 2, "auth.user_table": 5, "knox.token_ttl": 7, "knox.auto_refresh": 8} {
		if got[name] != line {
			t.Errorf("%s is on line %d, want %d", name, got[name], line)
		}
	}
	if len(got) != 4 {
		t.Errorf("%v", got)
	}
	if got := tokenctl.SettingLines([]byte("time = {use_tz = false}\ndrf.keyword = \"x\"\n")); got["time"] != 1 || got["drf.keyword"] != 2 {
		t.Errorf("%v", got)
	}
}
