package db

import (
	"context"
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

// keyTypeOf returns the key type of a column.
func keyTypeOf(c *engine.Column, d engine.Dialect) KeyType {
	switch {
	case c.Type == "uuid", d == engine.SQLite && c.Type == "char" && c.Length == 32:
		return KeyUUID
	case c.Integer():
		return KeyInteger
	}
	return KeyText
}

// keyArg returns the parameter for a column that refers to a user. ok is false for a key that the
// column's type cannot hold: no user has it.
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

// uuidHex reads a UUID as Python's UUID does, and returns its digits. It is empty for other text.
func uuidHex(text string) string {
	text = strings.NewReplacer("urn:", "", "uuid:", "").Replace(text)
	text = strings.ToLower(strings.ReplaceAll(strings.Trim(text, "{}"), "-", ""))
	if len(text) != 32 || strings.Trim(text, "0123456789abcdef") != "" {
		return ""
	}
	return text
}

// keyText returns the printed form of a stored key: UUIDs have dashes for both engines.
func (u *UserTable) keyText(stored string) string {
	if u.KeyType == KeyUUID && len(stored) == 32 {
		return dashed(stored)
	}
	return stored
}

// OwnerKey returns the printed form of the primary key of an owner of credentials. typed may be another
// form of the key.
func (l *Layout) OwnerKey(kind, typed string) string {
	u := l.Credentials(kind).Owner
	if key, ok := u.keyArg(l.Engine, typed); ok {
		return keyString(u, key)
	}
	return typed
}

// keyString returns the printed form of a keyArg.
func keyString(u *UserTable, key any) string {
	if s, ok := key.(string); ok {
		return u.keyText(s)
	}
	return strconv.FormatInt(key.(int64), 10)
}

func dashed(hex string) string {
	return hex[:8] + "-" + hex[8:12] + "-" + hex[12:16] + "-" + hex[16:20] + "-" + hex[20:]
}

// keyArgs returns the parameters for the ids that the column's type can hold. It is never nil.
func (u *UserTable) keyArgs(d engine.Dialect, ids []string) []any {
	keys := make([]any, 0, len(ids))
	for _, id := range ids {
		if key, ok := u.keyArg(d, id); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// keySet returns the keys of users that are the only column of a query's rows.
func (tx *Tx) keySet(ctx context.Context, u *UserTable, q *engine.Query) (map[string]bool, error) {
	keys := map[string]bool{}
	return keys, tx.Each(ctx, q, func(r engine.Row) error {
		keys[u.keyText(r.Text())] = true
		return r.Err
	})
}

// keysOf returns the parameters for a column that refers to users of a table.
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

// ownedBy restricts a query for a table with the alias t to the rows of the users.
func (l *Layout) ownedBy(q *engine.Query, t *Table, users []User) error {
	if err := l.CheckOwner(t); err != nil {
		return err
	}
	keys, err := l.keysOf(l.User, users)
	if err != nil {
		return err
	}
	q.OneOf(l.Engine, "t.user_id", keys)
	return nil
}

// newValues returns the further values, and the owners, of a user's new row of a kind each.
func (l *Layout) newValues(kind string, users []User, further Further) ([]engine.Values, error) {
	err := l.Mintable(kind, further)
	if err == nil {
		err = l.CheckOwner(l.Credentials(kind))
	}
	if err != nil {
		return nil, err
	}
	values, err := l.furtherValues(kind, further)
	if err == nil && kind != "session" { // only the data of a session names its owner
		owner := engine.Values{Column: "user_id"}
		owner.Each, err = l.keysOf(l.User, users)
		values = append(values, owner)
	}
	return values, err
}
