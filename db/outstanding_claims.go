package db

import (
	"database/sql/driver"
	"strconv"
	"strings"
	"sync"

	"modernc.org/sqlite"

	"tokenctl/django"
)

// What a list filters and sorts by, and whom a row without an owner belongs to,
// stands in the JWT itself. These expressions read it in SQL. They are null where
// the text is not a token; none of them ever fails.

// jwtFunction reads a claim on SQLite: (token, claim, form), where form is one of
// the constants below.
const jwtFunction = "tokenctl_jwt"

// The forms in which jwtFunction returns a claim. Any other is a KeyType.
const (
	jwtText = "claim"
	jwtTime = "time" // as Django writes a datetime
)

// registerJWTFunction makes jwtFunction known to connections opened later.
var registerJWTFunction = sync.OnceFunc(func() {
	sqlite.MustRegisterFunction(jwtFunction, &sqlite.FunctionImpl{NArgs: 3, Deterministic: true, VolatileArgs: true,
		Scalar: func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			token, _ := args[0].(string)
			claim, _ := args[1].(string)
			form, _ := args[2].(string)
			return jwtClaim(token, claim, form), nil
		}})
})

// jwtClaim keeps none of its arguments: their memory is SQLite's.
func jwtClaim(token, claim, form string) driver.Value {
	// The three settings are the three ways of reading a claim.
	settings := django.JWTSettings{TokenTypeClaim: claim, UserIDClaim: claim, SlidingTokenRefreshExpClaim: claim}
	if form != jwtText && form != jwtTime {
		t, err := settings.DecodeUnverified(token)
		u := UserTable{Table: &Table{Columns: []Column{{Name: "key"}}}, Key: "key", KeyType: KeyType(form)}
		if err == nil && t.UserID != "" {
			if key, ok := u.keyArg(SQLite, t.UserID); ok {
				return key
			}
		}
		return nil
	}
	switch t, err := settings.GlanceUnverified(token); {
	case err != nil:
	case form == jwtText && t.Type != "":
		return t.Type
	case form == jwtTime && !t.RefreshExpires.IsZero():
		return django.FormatSQLiteTime(t.RefreshExpires)
	}
	return nil
}

// payloadAlias is where a query on PostgreSQL keeps a row's decoded payload.
const payloadAlias = "p.payload"

// payload decodes the middle part of o.token on PostgreSQL, with a comma for the
// bracket before its first name. Bytes that are not ASCII are escaped, so that
// every text can be read; simplejwt writes none. replace is several times faster
// here than translate, and one short regular expression than ltrim of 64 letters.
func payload() string {
	const part = "split_part(o.token, '.', 2)"
	return "case when o.token ~ '^[^.]*[.][A-Za-z0-9_-]+[.][^.]*$' and mod(length(" + part + "), 4) <> 1 then ',' || " +
		"substr(encode(decode(replace(replace(" + part + ", '-', '+'), '_', '/') || repeat('=', -length(" + part + ") & 3), 'base64'), 'escape'), 2) end"
}

// claim is the expression of a claim; from is the payload on PostgreSQL. There
// simplejwt's own claims come first, before any that are nested in a custom one.
func (l *Layout) claim(name, form, from string) string {
	if l.Engine == SQLite {
		// query.and reads a % as a placeholder's.
		quoted := strings.NewReplacer("'", "''", "%", "' || char(37) || '").Replace(name)
		return jwtFunction + "(o.token, '" + quoted + "', '" + form + "')"
	}
	// As json.dumps writes it, with the backslashes that encode doubles. What
	// one means in a literal depends on the server.
	member := strings.ReplaceAll(","+strconv.QuoteToASCII(name)+":", `\`, `\\`)
	member = strings.NewReplacer("'", "''", "%", "' || chr(37) || '", `\`, "' || chr(92) || '").Replace(member)
	if form == jwtText {
		return "nullif(split_part(split_part(" + from + ", '" + member + `"', 2), '"', 1), '')`
	}
	value := "rtrim(split_part(split_part(" + from + ", '" + member + "', 2), ',', 1), '}')"
	if form == jwtTime {
		return "case when " + value + " ~ '^[0-9]{1,12}([.][0-9]{1,9})?$' then to_timestamp(cast(" + value + " as double precision)) end"
	}
	value = "btrim(" + value + `, '"')`
	switch KeyType(form) {
	case KeyInteger:
		return "case when " + value + " ~ '^[0-9]{1,18}$' then cast(" + value + " as bigint) end"
	case KeyUUID:
		return "case when " + value + " ~* '^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$' then cast(" + value + " as uuid) end"
	}
	return "nullif(" + value + ", '')"
}

// jwtExpressions are what a query says of a row of OutstandingToken.
type jwtExpressions struct {
	typ     string
	issued  string // null where the text does not tell
	sliding string // when a sliding token can be refreshed for the last time; null for others
	status  string // with two %s for the time before which tokens are expired: see expiryArgs
}

func (l *Layout) jwtExpressions(s django.JWTSettings) jwtExpressions {
	e := jwtExpressions{typ: l.claim(s.TokenTypeClaim, jwtText, payloadAlias), issued: l.claim("iat", jwtTime, payloadAlias)}
	e.sliding = "case when " + e.typ + " = 'sliding' then " + l.claim(s.SlidingTokenRefreshExpClaim, jwtTime, payloadAlias) + " end"
	e.status = "case"
	if l.User.Column("is_active") != nil {
		e.status += " when not u.is_active then 'disabled'"
	}
	if l.tables[tableBlacklisted] != nil {
		e.status += " when b.token_id is not null then 'blacklisted'"
	}
	e.status += " when " + e.compare(e.sliding, "o.expires_at", "<=") + " then 'expired' else 'active' end"
	return e
}

// compare compares a time out of the text where there is one, the column
// otherwise. Its two arguments are jwtTimes': a column may be off by the zone.
func (jwtExpressions) compare(claim, column, operator string) string {
	return "coalesce(" + claim + " " + operator + " %s, " + column + " " + operator + " %s)"
}
