package db

import (
	"context"
	"iter"
	"time"

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

// Ref names the row.
func (t *Token) Ref() Ref { return Ref{Key: t.Key, Owner: t.User.ID} }

// authTokens is the query for tokens with their owners.
func (l *Layout) authTokens(brief bool) (*query, error) {
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
	return &query{columns: append(l.ownerColumns(brief), "t.key", l.time("t.created")),
		from: t.SQL() + " t join " + u.SQL() + " u on u." + quote(u.Key) + " = t.user_id", key: "t.user_id"}, nil
}

func scanToken(l *Layout, r *row, brief bool) Token {
	u := scanOwner(l, r, brief)
	return Token{User: u, Key: django.NewSecret(r.text()), Created: r.moment(django.DjangoTime)}
}

// Tokens yields the tokens that f selects, by owner where f does not sort.
func (s *Store) Tokens(ctx context.Context, f Filter) iter.Seq2[Token, error] {
	return stream(ctx, s, func(l *Layout) (*query, error) {
		q, err := l.authTokens(true)
		if err != nil {
			return nil, err
		}
		q.limit = f.Limit
		if err := f.whereOwner(l, q); err != nil {
			return nil, err
		}
		f.whereCreated(l, q)
		owner := "u." + quote(l.User.Key)
		// An id is drf:KEY@…, so KEY@ orders as the whole id does. UUIDs without
		// their dashes, which stand at fixed places, order alike.
		id := l.bytewise("cast(" + owner + " as text) || '@'")
		status := "case when " + l.isFlag("is_active", true, true) + " then 'active' else 'disabled' end"
		return q, f.sortBy(l, q, id, map[string]string{"id": id, "user": l.bytewise("u." + quote(l.User.Username)), "user_id": owner,
			"created": "t.created", "status": status, "kind": id, "type": id, "expires": id})
	}, func(l *Layout, r *row) Token { return scanToken(l, r, true) })
}

// whereCreated adds the conditions on t.created.
func (f *Filter) whereCreated(l *Layout, q *query) {
	if f.CreatedBefore != nil {
		q.and("t.created < %s", l.timeArg(*f.CreatedBefore))
	}
	if f.CreatedAfter != nil {
		q.and("t.created > %s", l.timeArg(*f.CreatedAfter))
	}
}

// TokensOf returns the tokens of the users with these primary keys, by owner and key.
func (tx *Tx) TokensOf(ctx context.Context, userIDs []string) ([]Token, error) {
	q, err := tx.Layout.authTokens(false)
	if err != nil {
		return nil, err
	}
	q.order = []string{"t.user_id", "t.key"}
	var keys []any
	for _, id := range userIDs {
		if key, ok := tx.Layout.User.keyArg(tx.Layout.Engine, id); ok {
			keys = append(keys, key)
		}
	}
	if keys == nil {
		return nil, nil
	}
	if err := q.among(tx.Layout, "t.user_id", tx.Layout.AuthToken().Column("user_id").Type, keys); err != nil {
		return nil, err
	}
	return tx.tokens(ctx, q)
}

// TokenKeysOf returns the keys of those of the users who have a token, by id.
func (tx *Tx) TokenKeysOf(ctx context.Context, users []User) (map[string]django.Secret, error) {
	l := tx.Layout
	q, err := l.authTokens(true)
	if err != nil {
		return nil, err
	}
	q.columns, q.from, q.key = []string{"cast(t.user_id as text)", "t.key"}, l.AuthToken().SQL()+" t", ""
	if err := q.ownedBy(l, users); err != nil {
		return nil, err
	}
	keys := map[string]django.Secret{}
	return keys, tx.each(ctx, q, func(r row) error {
		id := l.User.keyText(r.text())
		keys[id] = django.NewSecret(r.text())
		return r.err
	})
}

// TokensWithKeys returns the tokens whose keys are among the secrets, in their
// order; nil where a key is nobody's. Django looks a key up exactly and
// case-sensitively, as this does.
func (tx *Tx) TokensWithKeys(ctx context.Context, secrets []django.Secret) ([]*Token, error) {
	q, err := tx.Layout.authTokens(false)
	if err != nil {
		return nil, err
	}
	return exactly(tx, q, "t.key", secrets, func(q *query) ([]Token, error) { return tx.tokens(ctx, q) },
		func(t *Token) django.Secret { return t.Key })
}

// tokens are what q finds.
func (tx *Tx) tokens(ctx context.Context, q *query) (list []Token, err error) {
	err = tx.each(ctx, q, func(r row) error {
		list = append(list, scanToken(tx.Layout, &r, false))
		return r.err
	})
	return list, err
}

// InsertTokens adds a token for each of the users, each named once. Who has one
// already, whoever was first, gets none and is in taken, by id.
func (tx *Tx) InsertTokens(ctx context.Context, users []User, keys []django.Secret) (taken map[string]bool, err error) {
	l := tx.Layout
	if _, err := l.authTokens(false); err != nil {
		return nil, err
	}
	if !l.AuthToken().Column("user_id").Unique {
		return nil, &django.Error{Code: django.CodeLayoutUnsupported, Message: "authtoken_token.user_id has lost its unique constraint",
			Hint: "restore it: two tokens of one user break obtain_auth_token"}
	}
	owners, err := l.keysOf(users)
	if err != nil {
		return nil, err
	}
	// Without the conflict target a key that somebody has by an astronomical
	// chance would count as the user's own.
	text, args, err := l.insertion(l.AuthToken(), "on conflict (user_id) do nothing returning cast(user_id as text)",
		values{column: "key", each: revealed(keys)}, values{column: "created", same: l.timeArg(tx.Now)}, values{column: "user_id", each: owners})
	if err != nil {
		return nil, err
	}
	got := make(map[string]bool, len(users))
	err = tx.each(ctx, &query{text: text, args: args}, func(r row) error {
		got[l.User.keyText(r.text())] = true
		return r.err
	})
	if err != nil || len(got) == len(users) {
		return nil, err
	}
	taken = map[string]bool{}
	for _, u := range users {
		taken[u.ID] = !got[u.ID]
	}
	return taken, nil
}
