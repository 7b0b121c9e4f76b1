package db

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// UsersByJWT returns the users with these user ids of tokens, by id. An id that several users have identifies
// none of them.
func (tx *Tx) UsersByJWT(ctx context.Context, ids []string, s tokenctl.JWTSettings) (map[string]User, error) {
	var search ownerSearch
	if !search.ask(len(ids), func(i int) string { return ids[i] }) {
		return nil, nil
	}
	u, err := tx.Layout.UserTable()
	if err != nil {
		return nil, err
	}
	field, err := tx.Layout.userIDField(u, s.WithDefaults())
	if err == nil {
		err = search.find(ctx, tx, u, field, false, false)
	}
	users := make(map[string]User, len(ids))
	for _, id := range ids {
		users[id], _ = search.user(id)
	}
	return users, err
}

// usersByField returns the users whose field has this text, at most two.
func (tx *Tx) usersByField(ctx context.Context, field *UserTable, text string) ([]User, error) {
	l := tx.Layout
	u, err := l.UserTable()
	if err != nil {
		return nil, err
	}
	key, ok := field.keyArg(l.Engine, text)
	if !ok {
		return nil, nil
	}
	q := &engine.Query{Columns: l.userColumns(u), From: u.From("u"), Limit: 2}
	q.And("u."+engine.Quote(field.Key)+" = %s", key)
	return engine.Collect(ctx, tx.Tx, q, func(r *engine.Row) User { return scanOwner(u, r, false) })
}

// KeyError is an exception of Django's ORM for a claim that cannot be a primary key. simplejwt does not catch
// it.
type KeyError struct {
	// Invalid is the message of a ValidationError, for which a serializer answers 400. It is empty for other
	// exceptions.
	Invalid string
}

// Error implements error. The text does not quote the claim.
func (*KeyError) Error() string { return "the token names its user in a way that no key is written" }

// UserByClaim returns the user that get(<USER_ID_FIELD>=claim) finds: get_prep_value in
// django/db/models/fields/__init__.py (4.2). It returns nil if the user does not exist. The error is a
// [*KeyError] if Django raises another exception than DoesNotExist.
func (tx *Tx) UserByClaim(ctx context.Context, claim json.RawMessage, s tokenctl.JWTSettings, release tokenctl.Version) (*User, error) {
	field, err := tx.Layout.userIDField(tx.Layout.User, s.WithDefaults())
	if err != nil || len(claim) == 0 || string(claim) == "null" {
		return nil, err
	}
	text := django.ClaimText(claim)
	switch field.KeyType {
	case KeyInteger:
		n, err := django.ClaimInt(claim)
		// Python's sqlite3 accepts 64 bits, and Django before 5.0 passes larger numbers to it.
		if err != nil || !n.IsInt64() && tx.Layout.Engine == engine.SQLite && !release.AtLeast("5.0") {
			return nil, &KeyError{}
		}
		text = n.String()
	case KeyUUID:
		if text = uuidOfClaim(claim); text == "" {
			return nil, &KeyError{Invalid: "“" + django.ClaimText(claim) + "” is not a valid UUID."}
		}
	case KeyText:
		if strings.ContainsRune(text, 0) && tx.Layout.Engine == engine.PostgreSQL {
			return nil, &KeyError{}
		}
	}
	found, err := tx.usersByField(ctx, field, text)
	switch {
	case err != nil || len(found) == 0:
		return nil, err
	case len(found) > 1:
		return nil, &KeyError{} // MultipleObjectsReturned
	}
	return &found[0], nil
}

// uuidOfClaim is UUIDField.to_python with Python's UUID: the claim is 32 hexadecimal digits or an integer.
// It is empty for other claims.
func uuidOfClaim(claim json.RawMessage) string {
	if claim[0] == '"' {
		return uuidHex(django.ClaimText(claim))
	}
	n, err := django.ClaimInt(claim)
	whole := claim[0] == 't' || claim[0] == 'f' || strings.Trim(string(claim), "-0123456789") == ""
	if err != nil || !whole || n.Sign() < 0 || n.BitLen() > 128 {
		return ""
	}
	return fmt.Sprintf("%032x", n)
}

// PasswordClaim returns the claim that CHECK_REVOKE_TOKEN compares: see [django.PasswordClaim].
func (u *User) PasswordClaim() string { return django.PasswordClaim(u.password) }
