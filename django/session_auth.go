package django

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"tokenctl"
)

// authHashSalt is key_salt of AbstractBaseUser._get_session_auth_hash in
// django/contrib/auth/base_user.py (4.2).
const authHashSalt = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash"

// SessionAuthHash returns the _auth_user_hash of a user with this encoded password. A session ends
// when the password or only its encoding changes (get_session_auth_hash in
// django/contrib/auth/base_user.py, 4.2).
func SessionAuthHash(key tokenctl.Secret, encodedPassword string) string {
	return hex.EncodeToString(saltedHMAC(sha256.New, authHashSalt, key, encodedPassword))
}

const (
	// sessionKeyChars is VALID_KEY_CHARS of django/contrib/sessions/backends/base.py (4.2).
	sessionKeyChars  = "abcdefghijklmnopqrstuvwxyz0123456789"
	sessionKeyLength = 32
)

// NewSessionKey makes a session key, the value of the session cookie, like
// SessionBase._get_new_session_key of django/contrib/sessions/backends/base.py (4.2).
func NewSessionKey(rand io.Reader) (tokenctl.Secret, error) {
	key, err := RandomString(rand, sessionKeyLength, sessionKeyChars)
	return tokenctl.NewSecret(key), err
}

// ValidSessionKey reports whether a session key can have a row. Django looks up only keys of at least
// eight characters (SessionBase._validate_session_key, django/contrib/sessions/backends/base.py, 4.2),
// and the column holds forty.
func ValidSessionKey(key string) bool {
	n := utf8.RuneCountInString(key)
	return 8 <= n && n <= 40
}

// SessionExpiry is a session's _session_expiry, which overrides SESSION_COOKIE_AGE. The zero value
// means that the session has none.
type SessionExpiry struct {
	Set     bool
	Seconds float64   // after the session was last written; 0 means until the browser closes
	At      time.Time // set if the expiry is a date; then Seconds is not used. A date without offset is UTC
}

// readSessionExpiry reads the value that SessionBase.set_expiry of
// django/contrib/sessions/backends/base.py (4.2) stores: a number, or a date in the form of isoformat().
func readSessionExpiry(value []byte) SessionExpiry {
	if len(value) == 0 {
		return SessionExpiry{}
	}
	text := jsonText(value)
	if value[0] == '"' {
		at, err := ParseSQLiteTime(text)
		return SessionExpiry{Set: err == nil, At: at}
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return SessionExpiry{}
	}
	return SessionExpiry{Set: true, Seconds: seconds}
}

// ExpireDate is SessionBase.get_expiry_date of django/contrib/sessions/backends/base.py (4.2): the
// expire_date of a row written at modified.
func (e SessionExpiry) ExpireDate(modified time.Time, settings tokenctl.SessionSettings) time.Time {
	if !e.At.IsZero() {
		return e.At
	}
	if e.Seconds == 0 {
		return modified.Add(settings.Age())
	}
	const centuries = 8e9 // seconds; more does not fit into a time.Duration
	return modified.Add(time.Duration(math.Max(-centuries, math.Min(e.Seconds, centuries)) * float64(time.Second)))
}

// AtBrowserClose is SessionBase.get_expire_at_browser_close of
// django/contrib/sessions/backends/base.py (4.2): whether the cookie has no expiry of its own.
func (e SessionExpiry) AtBrowserClose(settings tokenctl.SessionSettings) bool {
	if !e.Set {
		return settings.ExpireAtBrowserClose
	}
	return e.Seconds == 0 && e.At.IsZero()
}
