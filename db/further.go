package db

import (
	"maps"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// Further are values for columns that only a project's own token or session model has: texts from the
// command line, by column. A column without a value gets its default, or null.
type Further map[string]string

// insertedColumns are the columns that an insertion sets, by kind.
var insertedColumns = map[string][]string{
	"drf":     {"key", "created", "user_id"},
	"knox":    {"digest", "token_key", "created", "expiry", "user_id"},
	"jwt":     {"token", "created_at", "expires_at", "user_id", "jti"},
	"session": {"session_key", "session_data", "expire_date"},
}

// Mintable returns an error if no credential of a kind can be made, because of its table or of the values
// for further columns.
func (l *Layout) Mintable(kind string, further Further) error {
	t, err := l.usableTable(kind)
	if err == nil && kind == "knox" {
		err = l.knoxMintable(t)
	}
	if err != nil {
		return err
	}
	if kind == "drf" && t.Stored() && !t.Column("user_id").Unique && !l.SeveralTokens() {
		return &tokenctl.Error{Code: tokenctl.CodeLayoutUnsupported, Message: t.String() + ".user_id has lost its unique constraint",
			Hint: "restore it: two tokens of one user break obtain_auth_token"}
	}
	if _, err := l.furtherValues(kind, further); err != nil {
		return err
	}
	missing := t.Required(slices.Concat(insertedColumns[kind], slices.Collect(maps.Keys(further)))...)
	if missing == nil {
		return nil
	}
	e := &tokenctl.Error{Code: tokenctl.CodeColumnsRequired, Message: "the table " + t.String() + " has further columns that need a value: " + strings.Join(missing, ", "),
		Hint: "tokenctl has no values for them; let the Django application make the token, or give the columns a default in the database"}
	if kindTableOf(kind).setting != "" { // the project may have its own model
		flags := tokenctl.Mapped(missing, setFlag)
		e.Hint = "give tokenctl mint " + strings.Join(flags, " ") + ", or give the columns a default in the database"
	}
	return e
}

// furtherValues returns the further values for an insertion into the table of a kind. The error names
// every column that --set cannot set.
func (l *Layout) furtherValues(kind string, further Further) (values []engine.Values, err error) {
	t := l.Credentials(kind)
	var written, generated, absent []string
	for _, name := range slices.Sorted(maps.Keys(further)) {
		c := t.Column(name)
		switch {
		case c == nil:
			absent = append(absent, name)
		case slices.Contains(insertedColumns[kind], name):
			written = append(written, name)
		case c.Generated:
			generated = append(generated, name)
		default:
			value, bad := l.textArg(c, further[name])
			if err == nil {
				err = bad
			}
			values = append(values, engine.Values{Column: name, Same: value})
		}
	}
	var faults []string
	fault := func(what string, names []string) {
		if names != nil {
			faults = append(faults, what+" "+strings.Join(names, ", "))
		}
	}
	fault("tokenctl itself writes", written)
	fault("the database generates", generated)
	fault("the table "+t.String()+" has no column", absent)
	if faults == nil {
		return values, err
	}
	e := &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "--set: " + strings.Join(faults, "; "), Hint: "the table " + t.String() + " has no further columns: leave out --set"}
	if names := t.furtherColumns(kind); names != nil {
		e.Hint = "the further columns of " + t.String() + ": " + strings.Join(names, ", ")
	}
	return nil, e
}

// furtherColumns returns the names of the columns that --set can set.
func (t *Table) furtherColumns(kind string) (names []string) {
	for _, c := range t.Columns {
		if !c.Generated && !slices.Contains(insertedColumns[kind], c.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}

// furtherError adds to the error of an insertion the values of --set that the database may have refused.
func (t *Table) furtherError(err error, further Further) error {
	var typed []string
	for _, name := range slices.Sorted(maps.Keys(further)) {
		if c := t.Column(name); !c.Text {
			typed = append(typed, name+" ("+c.Type+")")
		}
	}
	return checkSet(err, typed)
}
