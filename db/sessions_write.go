package db

import (
	"context"
	"time"

	"tokenctl"
)

// InsertSessions adds a session for each of the users.
func (tx *Tx) InsertSessions(ctx context.Context, users []User, keys []tokenctl.Secret, data []string, expires time.Time) ([]Session, error) {
	l := tx.Layout
	if err := l.Mintable("session"); err != nil {
		return nil, err
	}
	if err := l.named(l.Session()); err != nil {
		return nil, err
	}
	expires = ownTime(expires.UTC())
	list, texts := make([]Session, len(users)), make([]any, len(users))
	for i, u := range users {
		texts[i] = data[i]
		list[i] = Session{Key: keys[i], Data: data[i], Expires: expires, UserID: u.ID, User: u}
	}
	return list, tx.insertAll(ctx, len(list), l.Session(), values{column: "session_key", each: revealed(keys)},
		values{column: "session_data", each: texts}, values{column: "expire_date", same: l.timeArg(expires)})
}

// UpdateSession gives the session with this key other contents, whoever had it,
// and reports whether there was one: SessionStore.save of
// django/contrib/sessions/backends/db.py (4.2) without must_create.
func (tx *Tx) UpdateSession(ctx context.Context, key tokenctl.Secret, data string, expires time.Time) (found bool, err error) {
	l := tx.Layout
	if _, err := l.credentials("session"); err != nil {
		return false, err
	}
	n, err := tx.execRows(ctx, "update "+l.Session().SQL()+" set session_data = $1, expire_date = $2 where session_key = $3",
		data, l.timeArg(expires), key.Reveal())
	return n > 0, err
}

// DropSession deletes the session with this key, if there is one:
// SessionStore.delete of the same file.
func (tx *Tx) DropSession(ctx context.Context, key tokenctl.Secret) error {
	if _, err := tx.Layout.credentials("session"); err != nil {
		return err
	}
	return tx.exec(ctx, "delete from "+tx.Layout.Session().SQL()+" where session_key = $1", key.Reveal())
}
