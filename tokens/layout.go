package tokens

import (
	"fmt"
	"strings"

	"tokenctl/db"
	"tokenctl/db/engine"
)

// Needs is the table and the privilege that a verb needs besides reading; no privilege
// where it needs none.
func (k *Kind) Needs(l *db.Layout, verb string) (t *db.Table, privilege string) {
	if k.Can("unblacklist") { // blacklisted and successors are rows of their own
		switch verb {
		case "blacklist":
			return l.Blacklisted(), "insert"
		case "unblacklist":
			return l.Blacklisted(), "delete"
		case "rotate":
			verb = "mint"
		}
	}
	return l.Credentials(k.Name), map[string]string{"mint": "insert", "rotate": "update", "blacklist": "delete", "purge": "delete"}[verb]
}

// describeKnox follows the migrations of django-rest-knox. 4.2.0 removed the salt
// and 5.0.0 widened token_key; each made every older token void.
func describeKnox(l *db.Layout) string {
	t := l.Credentials("knox")
	key := t.Column("token_key")
	switch {
	case key == nil && t.Column("salt") == nil:
		return t.String() + " without token_key and without a salt: so it is not known how the application's knox makes digests, so tokenctl tries those of knox 4.2 and 5, and makes none"
	case key == nil || t.Column("expiry") == nil:
		return t.String() + " as knox 2 or 3 has it"
	case t.Column("salt") != nil:
		return t.String() + " as knox 4.0 and 4.1 have it, with salted digests"
	case key.Length == 8:
		return t.String() + " as knox 4.2 has it, with 8 characters of token_key"
	}
	return fmt.Sprintf("%s as knox 5 has it, with %d characters of token_key", t, key.Length)
}

// describeJWT follows the migrations of token_blacklist: 0008 made the ids bigint.
func describeJWT(l *db.Layout) string {
	t := l.Outstanding()
	ids := t.Column("id").Type
	if l.Engine == engine.SQLite {
		return t.String() + " with jti as text"
	}
	if strings.HasPrefix(ids, "int8") || ids == "bigint" {
		return t.String() + " with jti as text and bigint ids, as simplejwt 4.7 or newer has it"
	}
	return t.String() + " with jti as text and " + ids + " ids, as simplejwt before 4.7 has it"
}
