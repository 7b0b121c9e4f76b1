package db

import (
	"fmt"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// credentials is what is known about the table of a kind of credentials before the
// database is looked at.
type credentials struct {
	kind     string
	table    string   // Django's own
	app      string   // the entry of INSTALLED_APPS that makes it
	setting  string   // names the table of a model in its place; empty: there is no such model
	model    string   // what names that model in the project
	required []string // the columns without which nothing can be done
}

// kindTables are the tables of the kinds of credentials.
var kindTables = []credentials{
	{"drf", tableAuthToken, "rest_framework.authtoken", "token_table under [drf]", "the model of the project's TokenAuthentication", []string{"key", "created", "user_id"}},
	{"knox", tableKnox, "knox", "token_table under [knox]", "KNOX_TOKEN_MODEL", []string{"digest", "created", "user_id"}},
	{"jwt", tableOutstanding, "rest_framework_simplejwt.token_blacklist", "", "", []string{"id", "jti", "token", "created_at", "expires_at", "user_id"}},
	{"session", tableSession, "django.contrib.sessions", "session_table under [session]", "the model of SESSION_ENGINE", []string{"session_key", "session_data", "expire_date"}},
}

func credentialsOf(kind string) credentials {
	return kindTables[slices.IndexFunc(kindTables, func(c credentials) bool { return c.kind == kind })]
}

// Credentials is the table of a kind; nil when it is not there.
func (l *Layout) Credentials(kind string) *Table { return l.tables[credentialsOf(kind).table] }

// Has reports whether the database has a kind, or should: a setting may name a table
// that is not there, which must not pass for having no such credentials.
func (l *Layout) Has(kind string) bool {
	return l.Credentials(kind) != nil || l.problems[credentialsOf(kind).table] != nil
}

// Problem says why a kind cannot be worked with although the database has it, or
// should; nil where it can.
func (l *Layout) Problem(kind string) error {
	if !l.Has(kind) {
		return nil
	}
	_, err := l.credentials(kind)
	return err
}

// credentials returns the table of a kind, or why there is none to work with.
func (l *Layout) credentials(kind string) (*Table, error) {
	c := credentialsOf(kind)
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
			"tokenctl cannot tell whose these rows are; use the Django application for them")
	}
	return t, nil
}

// foreignColumn is the column that user_id refers to where that is not the primary
// key.
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

// ownedCredentials returns the table of a kind and that of its users.
func (l *Layout) ownedCredentials(kind string) (*Table, *UserTable, error) {
	t, err := l.credentials(kind)
	if err != nil {
		return nil, nil, err
	}
	if t.Owner == nil {
		return nil, nil, l.userProblem
	}
	return t, t.Owner, nil
}

// withOwners is for a from clause: a table under the alias t, and the owners of its rows
// under the alias u.
func withOwners(t *Table, u *UserTable) string {
	return t.SQL() + " t join " + u.From("u") + " on u." + engine.Quote(u.Key) + " = t.user_id"
}

// orphans changes a query for credentials and their owners into one for the credentials whose
// user is gone. Its last column is the primary key of the user whom the row names.
func (l *Layout) orphans(q *engine.Query, t *Table) {
	u := t.Owner
	q.From = t.SQL() + " t left join " + u.From("u") + " on u." + engine.Quote(u.Key) + " = t.user_id"
	q.Where = append(q.Where, "u."+engine.Quote(u.Key)+" is null")
	q.Columns = append(q.Columns, "cast(t.user_id as text)")
}

// ownerGone is the condition that the user whom a row under an alias names does not exist.
func (t *Table) ownerGone(alias string) string {
	return "not exists (select 1 from " + t.Owner.From("u") + " where u." + engine.Quote(t.Owner.Key) + " = " + alias + ".user_id)"
}

// tokenGone is the condition that the outstanding token which a row of the blacklist names
// does not exist.
func (l *Layout) tokenGone(alias string) string {
	return "not exists (select 1 from " + l.Outstanding().SQL() + " o where o.id = " + alias + ".token_id)"
}

// scanOrphan reads the user whom the row of an orphan names.
func scanOrphan(t *Table, r *engine.Row) User {
	id, there := r.Maybe()
	if !there {
		return User{}
	}
	return User{ID: t.Owner.keyText(id)}
}

// findCredentials settles which tables are those of the kinds: the one that the
// setting names, else Django's own or the one with its columns. Django makes its own
// also where another model is in its place, and it stays empty then: where both are
// there, only a setting can tell.
func (l *Layout) findCredentials(all []*Table, o Options) {
	named := map[string]string{"drf": o.AuthTokenTable, "knox": o.TokenTable, "session": o.SessionTable}
	for _, c := range kindTables {
		if c.setting == "" {
			continue
		}
		if name := named[c.kind]; name != "" {
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

// listed are tables' names for a sentence.
func listed[T fmt.Stringer](tables []T) string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.String()
	}
	return strings.Join(names, ", ")
}

// looksLike reports whether Django made the table for a model with the fields of a
// kind: Token of rest_framework/authtoken/models.py (3.16), AbstractAuthToken of
// knox/models.py (5.0.2) or AbstractBaseSession of
// django/contrib/sessions/base_session.py (5.2), whatever else it has and however it is
// called. A copy of such a table has no keys.
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
		// Of the rest no release has all.
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

// copyOf reports whether a table is what a table of Django's own was before, under
// another name, or what is behind it where that is a view.
func (t *Table) copyOf(own *Table) bool {
	if own == nil {
		return false
	}
	for v := own.Table; v.Base() != nil; v = v.Base() {
		if v.Base() == t.Table {
			return true
		}
	}
	// A model of the project's own that is in the place of drf's has further columns: with
	// the same ones, as a subclass of an abstract Token, there is no table of drf's.
	return own.Name == tableAuthToken && len(t.Columns) == len(own.Columns)
}

// SeveralTokens reports whether a user may have several drf tokens, as with a model
// of the project's own. Django's own table has at most one a user.
func (l *Layout) SeveralTokens() bool {
	t := l.AuthToken()
	return t != nil && t.Name != tableAuthToken && t.Column("user_id") != nil && !t.Column("user_id").Unique
}

// KnoxScheme is how the application's knox derives a row from a token, by the
// columns of its table. There must be one.
func (l *Layout) KnoxScheme() django.KnoxScheme {
	schemes, _ := l.KnoxSchemes()
	return schemes[0]
}

// KnoxSchemes are the schemes that rows may be of, the application's first. Where the
// columns do not tell which is the application's, told is false.
func (l *Layout) KnoxSchemes() (schemes []django.KnoxScheme, told bool) {
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

// knoxByText reports whether the application's knox is known to be 5 or newer.
func (l *Layout) knoxByText() bool {
	schemes, told := l.KnoxSchemes()
	return told && schemes[0] == django.KnoxText
}

// knoxExpiry is the column of the expiry, which was called expires before knox
// 4.0, and empty where there is none, as before 2.1.
func (t *Table) knoxExpiry() string {
	for _, name := range []string{"expiry", "expires"} {
		if t.Column(name) != nil {
			return name
		}
	}
	return ""
}
