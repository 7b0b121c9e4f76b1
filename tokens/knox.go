package tokens

import "tokenctl/db"

// Knox is django-rest-knox: several tokens a user, stored as digests, with
// expiry.
var Knox = &Kind{
	Name:      "knox",
	Title:     "knox tokens",
	App:       "knox",
	IDForm:    "knox:DIGEST_PREFIX",
	Present:   func(l *db.Layout) bool { return l.Knox() != nil },
	LooksLike: func(text string) bool { return len(text) == 64 && isHex(text) },
}
