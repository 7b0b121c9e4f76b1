package db

import (
	"context"
	"iter"
	"time"

	"tokenctl"
	"tokenctl/django"
)

// Token is a row of rest_framework.authtoken's table. Its key is the secret.
type Token struct {
	Key     tokenctl.Secret
	Created time.Time
	User    User
	Unread  []Unread
}

// Ref names the row.
func (t *Token) Ref() Ref { return Ref{Key: t.Key, Owner: t.User.ID} }

// authTokens is the query for tokens with their owners.
func (l *Layout) authTokens(brief bool) (*query, error) {
	t, u, err := l.ownedCredentials("drf")
	if err != nil {
		return nil, err
	}
	return &query{columns: append(l.ownerColumns(u, brief), "t.key", l.time("t.created")),
		from: withOwners(t, u), key: t.pageKey("user_id", "key")}, nil
}

// pageKey is the expression to page by: the column, with another behind it where it
// is not unique.
func (t *Table) pageKey(column, other string) string {
	if t.Column(column).Unique || t.Column(column).PrimaryKey {
		return "t." + column
	}
	return "t." + other
}

func scanToken(l *Layout, r *row, brief bool) Token {
	t := l.AuthToken()
	u := scanOwner(t.Owner, r, brief)
	token := Token{User: u, Key: tokenctl.NewSecret(r.stored(t, "key")), Created: r.moment(django.DjangoTime, t, "created")}
	token.Unread = r.unread
	return token
}

// Tokens yields the tokens that f selects, by owner where f does not sort.
func (s *Store) Tokens(ctx context.Context, f Filter) iter.Seq2[Token, error] {
	return stream(ctx, s, func(l *Layout) (*query, error) {
		q, err := l.authTokens(true)
		if err == nil {
			err = f.needsNames(l.AuthToken().Owner)
		}
		if err != nil {
			return nil, err
		}
		q.limit = f.Limit
		if err := f.whereOwner(l, l.AuthToken().Owner, q); err != nil {
			return nil, err
		}
		f.whereCreated(l, l.AuthToken(), q)
		u := l.AuthToken().Owner
		owner := "u." + quote(u.Key)
		// An id is drf:KEY@…, so KEY@ orders as the whole id does. UUIDs without
		// their dashes, which stand at fixed places, order alike.
		id := l.bytewise("cast(" + owner + " as text) || '@'")
		status := "case when " + l.isFlag(l.AuthToken().Owner, "is_active", true, true) + " then 'active' else 'disabled' end"
		return q, f.sortBy(l, q, id, map[string]string{"id": id, "user": l.bytewise(l.AuthToken().Owner.nameOf("u")), "user_id": owner,
			"created": l.knownDate(l.AuthToken().Column("created"), "t.created"), "status": status, "kind": id, "type": id, "expires": id})
	}, func(l *Layout, r *row) Token { return scanToken(l, r, true) })
}

// whereCreated adds the conditions on the column created of a table under the alias t.
func (f *Filter) whereCreated(l *Layout, t *Table, q *query) {
	if f.CreatedBefore != nil {
		q.and(l.dated(t.Column("created"), "t.created", "<", "%s"), l.timeArg(*f.CreatedBefore))
	}
	if f.CreatedAfter != nil {
		q.and(l.dated(t.Column("created"), "t.created", ">", "%s"), l.timeArg(*f.CreatedAfter))
	}
}

// TokensOf returns the tokens of the users with these primary keys, by owner and key.
func (tx *Tx) TokensOf(ctx context.Context, userIDs []string) ([]Token, error) {
	q, err := tx.Layout.authTokens(false)
	if err != nil {
		return nil, err
	}
	q.order = []string{"t.user_id", "t.key"}
	keys := tx.Layout.AuthToken().Owner.keyArgs(tx.Layout.Engine, userIDs)
	if len(keys) == 0 {
		return nil, nil
	}
	if err := q.among(tx.Layout, "t.user_id", tx.Layout.AuthToken().Column("user_id").Type, keys); err != nil {
		return nil, err
	}
	return tx.tokens(ctx, q)
}

// TokenKeysOf returns the keys of those of the users who have a token, by id.
func (tx *Tx) TokenKeysOf(ctx context.Context, users []User) (map[string]tokenctl.Secret, error) {
	l := tx.Layout
	q, err := l.authTokens(true)
	if err != nil {
		return nil, err
	}
	q.columns, q.from, q.key = []string{"cast(t.user_id as text)", "t.key"}, l.AuthToken().SQL()+" t", ""
	if err := q.ownedBy(l, l.AuthToken(), users); err != nil {
		return nil, err
	}
	keys := map[string]tokenctl.Secret{}
	return keys, tx.each(ctx, q, func(r row) error {
		id := l.User.keyText(r.text())
		key, _ := r.maybe()
		keys[id] = tokenctl.NewSecret(key)
		return r.err
	})
}

// TokensWithKeys returns the tokens whose keys are among the secrets, in their
// order; nil where a key is nobody's. Django looks a key up exactly and
// case-sensitively, as this does.
func (tx *Tx) TokensWithKeys(ctx context.Context, secrets []tokenctl.Secret) ([]*Token, error) {
	q, err := tx.Layout.authTokens(false)
	if err != nil {
		return nil, err
	}
	return exactly(tx, q, "t.key", secrets, func(q *query) ([]Token, error) { return tx.tokens(ctx, q) },
		func(t *Token) tokenctl.Secret { return t.Key })
}

// tokens are what q finds.
func (tx *Tx) tokens(ctx context.Context, q *query) ([]Token, error) {
	list := make([]Token, 0, q.most)
	err := tx.each(ctx, q, func(r row) error {
		list = append(list, scanToken(tx.Layout, &r, false))
		return r.err
	})
	return list, err
}

// InsertTokens adds a token for each of the users, each named once. Who has one
// already, whoever was first, gets none and is in taken, by id.
func (tx *Tx) InsertTokens(ctx context.Context, users []User, keys []tokenctl.Secret) (taken map[string]bool, err error) {
	l := tx.Layout
	if err := l.Mintable("drf"); err != nil {
		return nil, err
	}
	if err := l.named(l.AuthToken()); err != nil {
		return nil, err
	}
	owners, err := l.keysOf(l.User, users)
	if err != nil {
		return nil, err
	}
	// Without the conflict target a key that somebody has by an astronomical
	// chance would count as the user's own.
	conflict := "on conflict (user_id) do nothing"
	if l.SeveralTokens() || !l.AuthToken().Column("user_id").Unique {
		conflict = ""
	}
	text, args, err := l.insertion(l.AuthToken(), conflict+" returning cast(user_id as text)",
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
