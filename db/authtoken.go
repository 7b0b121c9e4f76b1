package db

import (
	"context"
	"crypto/subtle"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"tokenctl/django"
)

// MaxTokenKey is the length of authtoken_token.key, which SQLite does not
// enforce.
const MaxTokenKey = 40

// Token is a row of rest_framework.authtoken's table. Its key is the secret.
type Token struct {
	Key     django.Secret
	Created time.Time
	User    User
}

// authTokens is the query for tokens with their owners.
func (l *Layout) authTokens() (*query, error) {
	u, err := l.Users()
	if err != nil {
		return nil, err
	}
	t := l.AuthToken()
	if t == nil {
		return nil, &django.Error{Code: django.CodeTableMissing, Message: "the database has no table authtoken_token",
			Hint: `add "rest_framework.authtoken" to INSTALLED_APPS and run manage.py migrate; for another schema give --schema`}
	}
	for _, name := range []string{"key", "created", "user_id"} {
		if t.Column(name) == nil {
			return nil, &django.Error{Code: django.CodeLayoutUnsupported, Message: "the table authtoken_token has no column " + name + ": its layout is not one that tokenctl knows"}
		}
	}
	return &query{columns: append(l.userColumns(), "t.key", l.time("t.created")),
		from: t.SQL() + " t join " + u.SQL() + " u on u." + quote(u.Key) + " = t.user_id", key: "t.user_id"}, nil
}

func scanToken(l *Layout, r row) (Token, error) {
	var key string
	var created timestamp
	u, err := scanUser(l, r, &key, &created)
	return Token{Key: django.NewSecret(key), Created: created.Time, User: u}, err
}

// Tokens yields the tokens that f selects, by owner where f does not sort.
func (s *Store) Tokens(ctx context.Context, f Filter) iter.Seq2[Token, error] {
	return stream(ctx, s, func(l *Layout) (*query, error) {
		q, err := l.authTokens()
		if err != nil {
			return nil, err
		}
		q.limit = f.Limit
		if err := f.whereOwner(l, q); err != nil {
			return nil, err
		}
		if !f.CreatedBefore.IsZero() {
			q.and("t.created < %s", l.timeArg(f.CreatedBefore))
		}
		if !f.CreatedAfter.IsZero() {
			q.and("t.created > %s", l.timeArg(f.CreatedAfter))
		}
		owner := "u." + quote(l.User.Key)
		// An id is drf:KEY@…, so KEY@ orders as the whole id does. UUIDs without
		// their dashes, which stand at fixed places, order alike.
		id := l.bytewise("cast(" + owner + " as text) || '@'")
		status := "'active'"
		if l.User.Column("is_active") != nil {
			status = "case when u.is_active then 'active' else 'disabled' end"
		}
		return q, f.sortBy(l, q, id, map[string]string{"id": id, "user": l.bytewise("u." + quote(l.User.Username)), "user_id": owner,
			"created": "t.created", "status": status, "kind": id, "type": id, "expires": id})
	}, scanToken)
}

// TokenOf returns the token of a user by primary key, or nil.
func (tx *Tx) TokenOf(ctx context.Context, userID string) (*Token, error) {
	q, err := tx.Layout.authTokens()
	if err != nil {
		return nil, err
	}
	key, ok := tx.Layout.User.keyArg(tx.Layout.Engine, userID)
	if !ok {
		return nil, nil
	}
	q.and("t.user_id = %s", key)
	return tx.oneToken(ctx, q)
}

// TokenWithKey returns the token whose key is the secret, or nil. Django looks a
// key up exactly and case-sensitively, as this does.
func (tx *Tx) TokenWithKey(ctx context.Context, secret django.Secret) (*Token, error) {
	q, err := tx.Layout.authTokens()
	if err != nil {
		return nil, err
	}
	// What PostgreSQL could not even be asked is no key of its.
	if text := secret.Reveal(); !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, nil
	}
	q.and("t.key = %s", secret.Reveal())
	t, err := tx.oneToken(ctx, q)
	if t != nil && subtle.ConstantTimeCompare([]byte(t.Key.Reveal()), []byte(secret.Reveal())) == 0 {
		return nil, err
	}
	return t, err
}

func (tx *Tx) oneToken(ctx context.Context, q *query) (*Token, error) {
	var found *Token
	err := tx.each(ctx, q, func(r row) error {
		t, err := scanToken(tx.Layout, r)
		found = &t
		return err
	})
	return found, err
}

// InsertToken adds a user's token. A user who has one already is a
// CodeTokenExists error, whoever was first.
func (tx *Tx) InsertToken(ctx context.Context, u User, key django.Secret) (Token, error) {
	l := tx.Layout
	if _, err := l.authTokens(); err != nil {
		return Token{}, err
	}
	if !l.AuthToken().Column("user_id").Unique {
		return Token{}, &django.Error{Code: django.CodeLayoutUnsupported, Message: "authtoken_token.user_id has lost its unique constraint",
			Hint: "restore it: two tokens of one user break obtain_auth_token"}
	}
	owner, _ := l.User.keyArg(l.Engine, u.ID)
	// Without the conflict target a key that somebody has by an astronomical
	// chance would count as the user's own.
	n, err := tx.execRows(ctx, "insert into "+l.AuthToken().SQL()+" (key, created, user_id) values ($1, $2, $3) on conflict (user_id) do nothing",
		key.Reveal(), l.timeArg(tx.Now), owner)
	if err != nil {
		return Token{}, err
	}
	if n == 0 {
		return Token{}, &django.Error{Code: django.CodeTokenExists, Message: u.Username + " has a drf token already"}
	}
	return Token{Key: key, Created: tx.Now, User: u}, nil
}

// ReplaceToken gives a token a new key. The statement names the key that was
// seen, so of two operators at once only one succeeds; the other gets
// CodeChanged. No other table refers to the key.
func (tx *Tx) ReplaceToken(ctx context.Context, old Token, key django.Secret) (Token, error) {
	l := tx.Layout
	owner, _ := l.User.keyArg(l.Engine, old.User.ID)
	n, err := tx.execRows(ctx, "update "+l.AuthToken().SQL()+" set key = $1, created = $2 where key = $3 and user_id = $4",
		key.Reveal(), l.timeArg(tx.Now), old.Key.Reveal(), owner)
	if err != nil {
		return Token{}, err
	}
	if n == 0 {
		return Token{}, tokenChanged(old)
	}
	return Token{Key: key, Created: tx.Now, User: old.User}, nil
}

// DeleteToken removes a token, or fails with CodeChanged when it is no longer
// the one that was seen.
func (tx *Tx) DeleteToken(ctx context.Context, old Token) error {
	l := tx.Layout
	owner, _ := l.User.keyArg(l.Engine, old.User.ID)
	n, err := tx.execRows(ctx, "delete from "+l.AuthToken().SQL()+" where key = $1 and user_id = $2", old.Key.Reveal(), owner)
	if err == nil && n == 0 {
		err = tokenChanged(old)
	}
	return err
}

func tokenChanged(t Token) error {
	return &django.Error{Code: django.CodeChanged, Message: "the token of " + t.User.Username + " was changed or deleted meanwhile",
		Hint: "nothing was done; look again with tokenctl list --user"}
}
