package tokenctl

import (
	"cmp"
	"time"
	_ "time/tzdata" // a minimal container has no zones of its own
)

// TimeSettings are Django's USE_TZ and TIME_ZONE.
type TimeSettings struct {
	UseTZ    *bool  `toml:"use_tz"`    // USE_TZ; true where it is not set
	TimeZone string `toml:"time_zone"` // TIME_ZONE; "America/Chicago" where it is not set, as in Django
}

// defaultTimeZone is TIME_ZONE of django/conf/global_settings.py (3.2 to 5.2).
const defaultTimeZone = "America/Chicago"

// Validate returns a [CodeConfigInvalid] error for a zone that is unknown, also
// where USE_TZ makes it irrelevant.
func (s TimeSettings) Validate() error {
	_, err := s.Location()
	return err
}

// Location returns TIME_ZONE, Django's default where it is not set. It does not ask USE_TZ.
func (s TimeSettings) Location() (*time.Location, error) {
	name := cmp.Or(s.TimeZone, defaultTimeZone)
	location, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // Go's word for this machine's zone
		return nil, ConfigError("time.time_zone is not the name of a time zone", `write it as Django's TIME_ZONE has it, such as "Europe/Berlin"`)
	}
	return location, nil
}
