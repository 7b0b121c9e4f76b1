package db

import (
	"fmt"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// kindTable describes the table of a kind of credentials, for all databases.
type kindTable struct {
	kind     string
	table    string   // Django's own
	app      string   // the entry of INSTALLED_APPS that makes it
	setting  string   // names the table of a project's own model; empty: a project cannot replace the model
	model    string   // the setting or class of the project that names its own model
	required []string // columns that tokenctl needs for all commands
}

// kindTables are the tables of the kinds of credentials.
var kindTables = []kindTable{
	{"drf", tableAuthToken, "rest_framework.authtoken", "token_table under [drf]", "the model of the project's TokenAuthentication", []string{"key", "created", "user_id"}},
	{"knox", tableKnox, "knox", "token_table under [knox]", "KNOX_TOKEN_MODEL", []string{"digest", "created", "user_id"}},
	{"jwt", tableOutstanding, "rest_framework_simplejwt.token_blacklist", "", "", []string{"id", "jti", "token", "created_at", "expires_at", "user_id"}},
	{"session", tableSession, "django.contrib.sessions", "session_table under [session]", "the model of SESSION_ENGINE", []string{"session_key", "session_data", "expire_date"}},
}

func kindTableOf(kind string) kindTable {
	return kindTables[slices.IndexFunc(kindTables, func(c kindTable) bool { return c.kind == kind })]
}

// Credentials returns the table of a kind, or nil if the database does not have it.
func (l *Layout) Credentials(kind string) *Table { return l.tables[kindTableOf(kind).table] }

// Has reports whether the database has a kind, or should have it: if a setting names a missing table, the
// application has credentials of this kind somewhere.
func (l *Layout) Has(kind string) bool {
	return l.Credentials(kind) != nil || l.problems[kindTableOf(kind).table] != nil
}

// Problem returns the reason why the credentials of a kind cannot be used although [Layout.Has] reports
// the kind; nil if they can.
func (l *Layout) Problem(kind string) error {
	if !l.Has(kind) {
		return nil
	}
	_, err := l.usableTable(kind)
	return err
}

// usableTable returns the table of a kind, or the reason why its credentials cannot be used.
func (l *Layout) usableTable(kind string) (*Table, error) {
	c := kindTableOf(kind)
	t := l.tables[c.table]
	switch err := l.problems[c.table]; {
	case err != nil:
		return nil, err
	case t == nil:
		return nil, &tokenctl.Error{Code: tokenctl.CodeTableMissing, Message: "the database has no table " + c.table,
			Hint: `add "` + c.app + `" to INSTALLED_APPS and run manage.py migrate; for another schema give --schema`}
	}
	unsupported := func(message, hint string) error {
		return &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: message, Hint: hint}
	}
	hint := "run manage.py migrate " + c.app[strings.LastIndexByte(c.app, '.')+1:] + "; tokenctl needs the columns " + strings.Join(c.required, ", ")
	switch kind {
	case "knox":
		hint = "upgrade django-rest-knox to 4.2 or newer and run manage.py migrate knox"
	case "jwt":
		hint = "run manage.py migrate token_blacklist; simplejwt 4.6 and newer are supported"
		if jti := t.Column("jti"); t.Column("jti_hex") != nil || jti != nil && keyTypeOf(jti, l.Engine) == KeyUUID {
			return nil, unsupported("the table "+t.String()+" has its jti as a uuid: its migration of simplejwt 3.0 was not finished", hint)
		}
	}
	for _, name := range c.required {
		if t.Column(name) == nil {
			return nil, unsupported("the table "+t.String()+" has no column "+name+": its layout is not one that tokenctl knows", hint)
		}
	}
	if to := t.foreignColumn(); to != "" {
		return nil, unsupported("the column user_id of "+t.String()+" refers to the column "+to+" of "+t.Column("user_id").Refers.String()+", which is not its primary key",
			"tokenctl cannot find the owners of these rows; use the Django application for them")
	}
	return t, nil
}

// foreignColumn returns the column to which user_id refers if that is not the primary key, else "".
func (t *Table) foreignColumn() string {
	c := t.Column("user_id")
	users := c.Target()
	if users == nil || c.RefersTo == "" {
		return ""
	}
	if key := users.PrimaryKey(); key == nil || key.Name == c.RefersTo {
		return ""
	}
	return c.RefersTo
}

// ownedCredentials returns the table of a kind and the table of its users.
func (l *Layout) ownedCredentials(kind string) (*Table, *UserTable, error) {
	t, err := l.usableTable(kind)
	if err != nil {
		return nil, nil, err
	}
	if t.Owner == nil {
		return nil, nil, l.userProblem
	}
	return t, t.Owner, nil
}

// withOwners returns a from clause: a table with the alias t, joined with the owners of its rows with the
// alias u.
func withOwners(t *Table, u *UserTable) string {
	return t.SQL() + " t join " + u.From("u") + " on u." + engine.Quote(u.Key) + " = t.user_id"
}

// findCredentials finds the table of each kind: the table that the setting names, else Django's own table
// or a table with its columns. Django makes its own table even if the project has its own model; this table
// then stays empty. If the database has both, only the setting can decide.
func (l *Layout) findCredentials(all []*Table, o Options) {
	configured := map[string]string{"drf": o.AuthTokenTable, "knox": o.TokenTable, "session": o.SessionTable}
	for _, c := range kindTables {
		if c.setting == "" {
			continue
		}
		if name := configured[c.kind]; name != "" {
			t := l.tables[name]
			if t == nil {
				l.problems[c.table] = &tokenctl.Error{Code: tokenctl.CodeTableMissing, Message: "the database has no table " + name,
					Hint: "correct " + c.setting + " in tokenctl.toml"}
				delete(l.tables, c.table)
				continue
			}
			l.tables[c.table] = t
			continue
		}
		var found []*Table
		own := l.tables[c.table]
		for _, t := range all {
			if t == own || t.looksLike(c.kind) && !t.copyOf(own) {
				found = append(found, t)
			}
		}
		slices.SortFunc(found, func(x, y *Table) int { return strings.Compare(x.String(), y.String()) })
		if own == nil && len(found) > 0 {
			l.tables[c.table] = found[0]
		}
		if len(found) > 1 {
			l.problems[c.table] = &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported,
				Message: "more than one table looks like " + c.kind + "'s: " + listed(found),
				Hint:    "set " + c.setting + " in tokenctl.toml to the one of " + c.model}
		}
	}
}

// listed returns the names of tables for a sentence.
func listed[T fmt.Stringer](tables []T) string {
	names := tokenctl.Mapped(tables, func(t T) string { return t.String() })
	return strings.Join(names, ", ")
}

// looksLike reports whether Django made the table for a model with the fields of a kind: Token of
// rest_framework/authtoken/models.py (3.16), AbstractAuthToken of knox/models.py (5.0.2) or
// AbstractBaseSession of django/contrib/sessions/base_session.py (5.2). The table may have any name and
// further columns. It must have the keys, which a mere copy of the rows does not have.
func (t *Table) looksLike(kind string) bool {
	if !t.Stored() {
		return false
	}
	has := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return t.Column(name) == nil })
	}
	unique := func(name string) bool { c := t.Column(name); return c.PrimaryKey || c.Unique }
	switch kind {
	case "drf":
		return has("key", "created", "user_id") && !has("digest") && t.Column("key").Text && unique("key") && t.Column("user_id").Refers != nil
	case "knox":
		// No release has all of these columns.
		n := 0
		for _, name := range []string{"created", "token_key", "salt", "expiry", "expires"} {
			if has(name) {
				n++
			}
		}
		return n > 1 && has("digest", "user_id") && t.Column("digest").PrimaryKey && t.Column("user_id").Refers != nil
	case "session":
		return has("session_key", "session_data", "expire_date") && unique("session_key")
	}
	return false
}

// copyOf reports whether a table is an earlier version of one of Django's own tables with another name, or
// the table behind it if that is a view.
func (t *Table) copyOf(own *Table) bool {
	if own == nil {
		return false
	}
	for v := own.Table; v.Base() != nil; v = v.Base() {
		if v.Base() == t.Table {
			return true
		}
	}
	// A project's own model that replaces drf's has further columns. A model with the same columns inherits
	// from an abstract Token, and then there is no table of drf.
	return own.Name == tableAuthToken && len(t.Columns) == len(own.Columns)
}

// SeveralTokens reports whether a user may have several drf tokens, as with some projects' own models.
// DRF's own table has at most one token of a user.
func (l *Layout) SeveralTokens() bool {
	t := l.AuthToken()
	return t != nil && t.Name != tableAuthToken && t.Column("user_id") != nil && !t.Column("user_id").Unique
}

// KnoxScheme returns the scheme of the application's knox, according to the columns of its table. There
// must be a table.
func (l *Layout) KnoxScheme() django.KnoxScheme {
	schemes, _ := l.KnoxSchemes()
	return schemes[0]
}

// KnoxSchemes returns the schemes that rows may have, the application's scheme first. known is false if the
// columns do not show the application's scheme.
func (l *Layout) KnoxSchemes() (schemes []django.KnoxScheme, known bool) {
	key, salt := l.Knox().Column("token_key"), l.Knox().Column("salt")
	width := 0
	if key != nil {
		width = key.Length
	}
	scheme := django.KnoxSchemeOf(salt != nil, width)
	if scheme == django.KnoxText {
		return []django.KnoxScheme{scheme, django.KnoxHex}, key != nil
	}
	return []django.KnoxScheme{scheme}, true
}

// knoxByText reports whether the columns show that the application's knox is 5 or newer.
func (l *Layout) knoxByText() bool {
	schemes, known := l.KnoxSchemes()
	return known && schemes[0] == django.KnoxText
}

// expiry returns the column of the expiry of a table of credentials, or "" without one. Before knox 4.0 its
// name was expires, and before 2.1 there was none.
func (t *Table) expiry() string {
	for _, name := range []string{"expiry", "expires", "expires_at", "expire_date"} {
		if t.Column(name) != nil {
			return name
		}
	}
	return ""
}
