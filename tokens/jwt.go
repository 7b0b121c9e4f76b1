package tokens

import (
	"strings"

	"tokenctl/db"
)

// JWT is djangorestframework-simplejwt with its token_blacklist app: signed
// tokens, of which the refresh and sliding ones are recorded.
var JWT = &Kind{
	Name:    "jwt",
	Title:   "jwt tokens",
	App:     "rest_framework_simplejwt.token_blacklist",
	IDForm:  "jwt:JTI",
	Present: func(l *db.Layout) bool { return l.Outstanding() != nil },
	LooksLike: func(text string) bool {
		// A compact JWS starts with the encoding of {" (RFC 7519 section 3.1).
		return strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") == 2
	},
}
