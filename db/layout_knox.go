package db

import (
	"slices"
	"strings"

	"tokenctl/django"
)

// knoxColumns are those of AbstractAuthToken (knox/models.py, 5.0.2). The table
// of a model that KNOX_TOKEN_MODEL puts in its place has them too, whatever else
// it has and however it is called.
var knoxColumns = []string{"created", "digest", "expiry", "token_key", "user_id"}

// findKnox settles which table is knox's: the one that the setting names, else
// knox_authtoken or the one with its columns. Knox makes knox_authtoken also
// where another model is in its place, and it stays empty then: where both are
// there, only a setting can tell.
func (l *Layout) findKnox(all []*Table, named string) {
	if named != "" {
		t := l.tables[named]
		if t == nil {
			l.problem = &django.Error{Code: django.CodeTableMissing, Message: "the database has no table " + named,
				Hint: "correct token_table under [knox] in tokenctl.toml"}
			delete(l.tables, tableKnox)
			return
		}
		l.tables[tableKnox] = t
		return
	}
	var names []string
	knox := l.tables[tableKnox]
	if knox != nil {
		names = append(names, knox.Name)
	}
	for _, t := range all {
		if t == knox || !t.looksLikeKnox() {
			continue
		}
		names = append(names, t.Name)
		if known := l.tables[tableKnox]; known == nil || known != knox && t.Name < known.Name {
			l.tables[tableKnox] = t
		}
	}
	if len(names) > 1 {
		slices.Sort(names)
		l.knoxProblem = &django.Error{Code: django.CodeLayoutUnsupported,
			Message: "more than one table looks like knox's: " + strings.Join(names, ", "),
			Hint:    "set token_table under [knox] in tokenctl.toml to the one of KNOX_TOKEN_MODEL"}
	}
}

// looksLikeKnox reports whether Django made the table for a model with knox's
// fields. A copy of knox's table has no keys.
func (t *Table) looksLikeKnox() bool {
	if slices.ContainsFunc(knoxColumns, func(name string) bool { return t.Column(name) == nil }) {
		return false
	}
	return t.Column("digest").PrimaryKey && t.Column("user_id").refers != nil
}

// KnoxProblem says why knox's tokens cannot be worked with although a table for
// them is there; nil where they can.
func (l *Layout) KnoxProblem() error { return l.knoxProblem }

// KnoxScheme is how the application's knox derives a row from a token, by the
// columns of its table. There must be one.
func (l *Layout) KnoxScheme() django.KnoxScheme {
	t := l.Knox()
	if t.Column("token_key") == nil {
		return django.KnoxSalted
	}
	return django.KnoxSchemeOf(t.Column("salt") != nil, t.Column("token_key").Length)
}

// knoxTable returns knox's table, or why there is none to work with.
func (l *Layout) knoxTable() (*Table, error) {
	t := l.Knox()
	switch {
	case t == nil:
		return nil, &django.Error{Code: django.CodeTableMissing, Message: "the database has no table knox_authtoken",
			Hint: `add "knox" to INSTALLED_APPS and run manage.py migrate; for another schema give --schema`}
	case l.knoxProblem != nil:
		return nil, l.knoxProblem
	}
	for _, name := range []string{"digest", "created", "user_id"} {
		if t.Column(name) == nil {
			return nil, &django.Error{Code: django.CodeLayoutUnsupported, Message: "the table " + t.Name + " has no column " + name + ": its layout is not one that tokenctl knows",
				Hint: "tokenctl doctor says more"}
		}
	}
	return t, nil
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
