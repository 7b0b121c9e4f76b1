package tokens

import (
	"strings"

	"tokenctl/db"
)

// Session is django.contrib.sessions with its database engine: signed session
// data under a key that is the cookie's value.
var Session = &Kind{
	Name:    "session",
	Title:   "sessions",
	App:     "django.contrib.sessions",
	IDForm:  "session:KEY_PREFIX-FINGERPRINT",
	Present: func(l *db.Layout) bool { return l.Session() != nil },
	LooksLike: func(text string) bool {
		return len(text) == 32 && strings.Trim(text, "0123456789abcdefghijklmnopqrstuvwxyz") == "" && !isHex(text)
	},
}
