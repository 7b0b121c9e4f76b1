package db

import (
	"strings"

	"tokenctl"
)

// insertedColumns are the columns that an insertion gives, by kind.
var insertedColumns = map[string][]string{
	"drf":     {"key", "created", "user_id"},
	"knox":    {"digest", "token_key", "created", "expiry", "user_id"},
	"jwt":     {"token", "created_at", "expires_at", "user_id", "jti"},
	"session": {"session_key", "session_data", "expire_date"},
}

// Mintable returns an error when no credential of a kind can be made because of its
// table: columns that tokenctl has no value for, for example.
func (l *Layout) Mintable(kind string) error {
	t, err := l.credentials(kind)
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
	if extra := t.Required(insertedColumns[kind]...); extra != nil {
		return &tokenctl.Error{Code: tokenctl.CodeColumnsRequired, Message: "the table " + t.String() + " has further columns that need a value: " + strings.Join(extra, ", "),
			Hint: "tokenctl does not know what belongs there; let the Django application make the token, or give the columns a default in the database"}
	}
	return nil
}
