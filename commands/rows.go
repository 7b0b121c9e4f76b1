package commands

import (
	"slices"

	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

// The fields of every object are frozen: scripts name them. A test holds them
// against the contract.

var credentialColumns = []output.Column{{Name: "id", Decides: true}, {Name: "kind", Within: "id"}, {Name: "type", Extra: true}, {Name: "user", Decides: true},
	{Name: "user_id", Extra: true}, statusColumn, {Name: "created"}, {Name: "expires"}, {Name: "signature", Extra: true}}

var statusColumn = output.Column{Name: "status", Decides: true, Colors: map[string]string{
	string(tokens.Active): green, string(tokens.Expired): faint, string(tokens.Disabled): yellow, string(tokens.Dead): red, string(tokens.Blacklisted): red}}

// The parameters of SGR sequences.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	faint  = "2"
)

func credentialRow(c *tokens.Credential) []output.Value { return appendCredential(nil, c) }

// appendCredential appends the row to others' memory: a list may have a million.
func appendCredential(row []output.Value, c *tokens.Credential) []output.Value {
	return append(row, output.String(c.ID), output.String(c.Kind), output.OptString(c.Type), output.OptString(c.Owner.Username),
		output.OptString(c.Owner.ID), output.String(string(c.Status)), output.Time(c.Created), endValue(c), output.OptString(c.Signature))
}

// endValue is when a credential ends. One whose end cannot be read does not live for ever.
func endValue(c *tokens.Credential) output.Value {
	if c.Expires.IsZero() && !c.EndUnknown() {
		return output.Never()
	}
	return output.Time(c.Expires)
}

// tokenColumn is what --reveal adds.
var tokenColumn = output.Column{Name: "token", Whole: true}

func tokenValue(c *tokens.Credential) output.Value { return output.OptString(c.Secret().Reveal()) }

var ownerFields = []string{"is_active", "is_staff", "is_superuser", "has_usable_password", "last_login"}

var showColumns = slices.Concat(credentialColumns, []output.Column{{Name: "owner", Fields: ownerFields}, {Name: "claims", Extra: true, Fields: output.AnyField}, {Name: "notes"}})

func showRow(c *tokens.Credential) []output.Value {
	owner := output.Null()
	if c.Owner.ID != "" {
		owner = output.Object(ownerFields,
			[]output.Value{output.OptBool(c.Owner.IsActive), output.OptBool(c.Owner.IsStaff), output.OptBool(c.Owner.IsSuperuser),
				output.Bool(c.Owner.HasUsablePassword()), output.Time(c.Owner.LastLogin)})
	}
	return append(credentialRow(c), owner, output.Raw(c.Claims), output.Strings(slices.Concat(c.Notes, c.BadValueNotes())))
}

var verifyColumns = []output.Column{{Name: "id", Decides: true}, {Name: "kind", Within: "id"}, {Name: "type", Extra: true}, statusColumn, {Name: "reason", Whole: true},
	{Name: "user", Decides: true}, {Name: "expires"}}

// reasonColumn is what --keep-going adds: why nothing was done, null where it was.
var reasonColumn = output.Column{Name: "reason", Whole: true}

var userColumns = []output.Column{{Name: "id", Decides: true}, {Name: "username", Decides: true}, {Name: "email", Within: "username"}, right("is_active", "inactive", ""),
	right("is_staff", "", "staff"), right("is_superuser", "", "superuser"), {Name: "has_usable_password", Extra: true}, {Name: "date_joined", Extra: true}, {Name: "last_login"}}

// right is a column about what a user may do. A table at a terminal has one column for all of them.
func right(name, no, yes string) output.Column {
	return output.Column{Name: name, Group: "rights", Words: [2]string{no, yes}}
}

// rowsOf returns a row for each element of a list.
func rowsOf[T any](list []T, row func(*T) []output.Value) (rows [][]output.Value) {
	for i := range list {
		rows = append(rows, row(&list[i]))
	}
	return rows
}

// refRows returns the rows of the credentials that refs name.
func refRows(refs *tokens.Refs) (rows [][]output.Value) {
	for r := range refs.All() {
		c := r.Credential()
		rows = append(rows, credentialRow(&c))
	}
	return rows
}

// orNull returns the value of what p points to. It is null without that.
func orNull[T any](p *T, value func(T) output.Value) output.Value {
	if p == nil {
		return output.Null()
	}
	return value(*p)
}

func intValue(n int) output.Value { return output.Int(int64(n)) }

// positive returns a number. It is null for 0, which means that there is no number.
func positive(n int) output.Value {
	if n == 0 {
		return output.Null()
	}
	return intValue(n)
}

func userRow(u *db.User) []output.Value {
	return []output.Value{output.String(u.ID), output.String(u.Username), orNull(u.Email, output.String), output.OptBool(u.IsActive), output.OptBool(u.IsStaff),
		output.OptBool(u.IsSuperuser), output.Bool(u.HasUsablePassword()), output.Time(u.DateJoined), output.Time(u.LastLogin)}
}

// newUserRow is a user who is yet to be created.
func newUserRow(n *db.NewUser) []output.Value {
	row := make([]output.Value, len(userColumns))
	row[1], row[2] = output.String(n.Username), output.OptString(n.Email)
	row[3], row[4], row[5] = output.Bool(n.IsActive), output.Bool(n.IsStaff), output.Bool(n.IsSuperuser)
	return row
}

// mintedColumns are the fields of a new credential whose secrets, which are
// columns of their own, have these names.
func mintedColumns(names []string, replaces bool) []output.Column {
	columns := slices.Clone(credentialColumns)
	for _, name := range names {
		columns = append(columns, output.Column{Name: name})
	}
	if replaces {
		columns = append(columns, output.Column{Name: "replaces"})
	}
	return columns
}

var secretColumns = []output.Column{{Name: "token"}, {Name: "refresh"}, {Name: "access"}}

func mintedRow(m *tokens.Minted, names []string, replaces bool) []output.Value {
	row := credentialRow(&m.Credential)
	secrets := ownedSecrets{secrets: m.Secrets}
	for _, name := range names {
		row = append(row, secrets.named(name))
	}
	if replaces {
		row = append(row, output.OptString(m.Replaces))
	}
	return row
}
