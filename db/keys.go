package db

import (
	"strconv"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// KeyType is the type of a user table's primary key.
type KeyType string

// The key types. Any other type of key is read and written as text.
const (
	KeyInteger KeyType = "integer"
	KeyUUID    KeyType = "uuid"
	KeyText    KeyType = "text"
)

// keyTypeOf is the type of a column as a key.
func keyTypeOf(c *engine.Column, d engine.Dialect) KeyType {
	switch {
	case c.Type == "uuid", d == engine.SQLite && c.Type == "char" && c.Length == 32:
		return KeyUUID
	case c.Integer():
		return KeyInteger
	}
	return KeyText
}

// keyArg is the parameter for a column that refers to a user. A key that the
// column's type cannot hold belongs to nobody: ok is false.
func (u *UserTable) keyArg(d engine.Dialect, id string) (arg any, ok bool) {
	switch u.KeyType {
	case KeyInteger:
		bits := 64
		switch u.Column(u.Key).Type {
		case "int4":
			bits = 32
		case "int2":
			bits = 16
		}
		n, err := strconv.ParseInt(id, 10, bits)
		return n, err == nil
	case KeyUUID:
		hex := uuidHex(id)
		if hex == "" {
			return nil, false
		}
		if d == engine.SQLite {
			return hex, true
		}
		return dashed(hex), true
	}
	return id, engine.Storable(id)
}

// uuidHex reads a UUID as Python's UUID does, and returns its digits; empty for what is
// none.
func uuidHex(text string) string {
	text = strings.NewReplacer("urn:", "", "uuid:", "").Replace(text)
	text = strings.ToLower(strings.ReplaceAll(strings.Trim(text, "{}"), "-", ""))
	if len(text) != 32 || strings.Trim(text, "0123456789abcdef") != "" {
		return ""
	}
	return text
}

// keyText is the printed form of a stored key: UUIDs are dashed on both engines.
func (u *UserTable) keyText(stored string) string {
	if u.KeyType == KeyUUID && len(stored) == 32 {
		return dashed(stored)
	}
	return stored
}

// OwnerKey is the primary key of an owner of credentials as it is printed, however it was
// typed.
func (l *Layout) OwnerKey(kind, typed string) string {
	u := l.Credentials(kind).Owner
	if key, ok := u.keyArg(l.Engine, typed); ok {
		return keyString(u, key)
	}
	return typed
}

// keyString is a keyArg as it is printed.
func keyString(u *UserTable, key any) string {
	if s, ok := key.(string); ok {
		return u.keyText(s)
	}
	return strconv.FormatInt(key.(int64), 10)
}

func dashed(hex string) string {
	return hex[:8] + "-" + hex[8:12] + "-" + hex[12:16] + "-" + hex[16:20] + "-" + hex[20:]
}

// keyArgs are the parameters for the ids that the column's type can hold, never nil.
func (u *UserTable) keyArgs(d engine.Dialect, ids []string) []any {
	keys := make([]any, 0, len(ids))
	for _, id := range ids {
		if key, ok := u.keyArg(d, id); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// keysOf are the keys of a table's users for a column that refers to them.
func (l *Layout) keysOf(table *UserTable, users []User) ([]any, error) {
	keys := make([]any, len(users))
	for i, u := range users {
		key, ok := table.keyArg(l.Engine, u.ID)
		if !ok {
			return nil, &tokenctl.Error{Code: tokenctl.CodeUserNotFound, Message: "there is no user with the id " + u.ID}
		}
		keys[i] = key
	}
	return keys, nil
}

// ownedBy narrows a query for a table under the alias t to what belongs to users who
// were named.
func (l *Layout) ownedBy(q *engine.Query, t *Table, users []User) error {
	if err := l.named(t); err != nil {
		return err
	}
	keys, err := l.keysOf(l.User, users)
	if err != nil {
		return err
	}
	q.OneOf(l.Engine, "t.user_id", keys)
	return nil
}

// newOwners are the keys of users who were named and get new rows of a kind.
func (l *Layout) newOwners(kind string, users []User, further Further) ([]any, error) {
	err := l.Mintable(kind, further)
	if err == nil {
		err = l.named(l.Credentials(kind))
	}
	if err != nil {
		return nil, err
	}
	return l.keysOf(l.User, users)
}
