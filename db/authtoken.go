package db

import (
	"context"
	"iter"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// Token is a row of the table of rest_framework.authtoken. Its key is the secret.
type Token struct {
	Key       tokenctl.Secret
	Created   time.Time
	User      User
	BadValues []engine.BadValue
	Masked    *MaskedKey // nil: Key is the key
	Orphan    bool       // the user does not exist; known only if the filter asks for orphans
}

// Ref returns the reference to the row.
func (t *Token) Ref() Ref { return Ref{Key: t.Key, Owner: t.User.ID} }

// authTokenQuery returns the query for tokens with their owners.
func (l *Layout) authTokenQuery(brief bool) (*engine.Query, error) {
	t, u, err := l.ownedCredentials("drf")
	if err != nil {
		return nil, err
	}
	page := "t.key"
	if owner := t.Column("user_id"); owner.Unique || owner.PrimaryKey {
		page = "t.user_id"
	}
	q := &engine.Query{Columns: append(l.ownerColumns(u, brief), "t.key", l.Engine.Time("t.created")), From: withOwners(t, u), PageBy: page}
	if t.Masked() && !brief {
		q.Columns = append(q.Columns, "t."+formColumn, "t."+halfColumn)
	}
	return q, nil
}

// tokenStatus returns the expression for the status of a token.
func (l *Layout) tokenStatus() string {
	return "case when " + l.isFlag(l.AuthToken().Owner, "is_active", true, true) + " then 'active' else 'disabled' end"
}

func scanToken(l *Layout, r *engine.Row, brief bool) Token {
	t := l.AuthToken()
	u := scanOwner(t.Owner, r, brief)
	token := Token{User: u, Key: tokenctl.NewSecret(r.Stored(t, "key")), Created: r.Moment(django.DjangoTime, t, "created")}
	token.BadValues = r.BadValues
	if t.Masked() && !brief {
		token.Masked = scanMasked(r)
	}
	return token
}

// Tokens yields the tokens that f selects, sorted as in f, or by owner.
func (s *Store) Tokens(ctx context.Context, f Filter) iter.Seq2[Token, error] {
	return stream(ctx, s, func(l *Layout) (*engine.Query, error) {
		if t := l.AuthToken(); f.Rights && t != nil && t.Masked() { // the forms of keys are wanted, too
			f.Detailed, f.Rights = true, false
		}
		q, err := l.authTokenQuery(!f.Detailed)
		if err != nil {
			return nil, err
		}
		t := l.AuthToken()
		// An id is drf:USER_ID@…, so USER_ID@ sorts like the whole id. The dashes of UUIDs have fixed places, so
		// UUIDs sort alike with and without them.
		id := l.Engine.Bytewise("cast(u." + engine.Quote(t.Owner.Key) + " as text) || '@'")
		sorts, err := f.listOwned(l, t, q, id)
		if err == nil {
			err = f.whereOwner(l, t.Owner, q)
		}
		if err != nil {
			return nil, err
		}
		f.whereCreated(l, t, q)
		sorts["kind"], sorts["type"], sorts["expires"] = id, id, id
		sorts["status"] = l.tokenStatus()
		return q, f.sortBy(l, q, id, sorts)
	}, func(l *Layout, r *engine.Row) Token {
		t := scanToken(l, r, !f.Detailed)
		t.Orphan = f.scanOwned(l.AuthToken(), r, &t.User)
		return t
	})
}

// whereCreated adds the conditions on the column created of a table with the alias t.
func (f *Filter) whereCreated(l *Layout, t *Table, q *engine.Query) {
	l.between(q, t.Column("created"), "t.created", f.CreatedAfter, f.CreatedBefore)
}

// TokensOf returns the tokens of the users with these primary keys, by owner and key.
func (tx *Tx) TokensOf(ctx context.Context, userIDs []string) ([]Token, error) {
	q, err := tx.Layout.authTokenQuery(false)
	if err != nil {
		return nil, err
	}
	q.Order = []string{"t.user_id", "t.key"}
	keys := tx.Layout.AuthToken().Owner.keyArgs(tx.Layout.Engine, userIDs)
	if len(keys) == 0 {
		return nil, nil
	}
	q.Among(tx.Layout.Engine, "t.user_id", tx.Layout.AuthToken().Column("user_id").Type, keys)
	return tx.tokens(ctx, q)
}

// TokenKeysOf returns the keys of the users' tokens, by the primary key of the user. It leaves out users without a
// token.
func (tx *Tx) TokenKeysOf(ctx context.Context, users []User) (map[string][]tokenctl.Secret, error) {
	l := tx.Layout
	q, err := l.authTokenQuery(true)
	if err != nil {
		return nil, err
	}
	q.Columns, q.From, q.PageBy = []string{"cast(t.user_id as text)", "t.key"}, l.AuthToken().SQL()+" t", ""
	if err := l.ownedBy(q, l.AuthToken(), users); err != nil {
		return nil, err
	}
	keys := map[string][]tokenctl.Secret{}
	return keys, tx.Each(ctx, q, func(r engine.Row) error {
		id := l.User.keyText(r.Text())
		key, _ := r.TextOrNull()
		keys[id] = append(keys[id], tokenctl.NewSecret(key))
		return r.Err
	})
}

// TokensWithKeys returns the tokens with these keys, in the order of the keys, and nil for a key without
// a row. As in Django, the lookup is exact and case-sensitive.
func (tx *Tx) TokensWithKeys(ctx context.Context, secrets []tokenctl.Secret) ([]*Token, error) {
	q, err := tx.Layout.authTokenQuery(false)
	if err != nil {
		return nil, err
	}
	if tx.Layout.AuthToken().Masked() {
		secrets = standIns(secrets, func(string) string { return "" })
	}
	return exactly(tx, q, "t.key", secrets, func(q *engine.Query) ([]Token, error) { return tx.tokens(ctx, q) },
		func(t *Token) tokenctl.Secret { return t.Key })
}

// tokens returns the tokens that q selects.
func (tx *Tx) tokens(ctx context.Context, q *engine.Query) ([]Token, error) {
	return engine.Collect(ctx, tx.Tx, q, func(r *engine.Row) Token { return scanToken(tx.Layout, r, false) })
}

// InsertTokens adds a token for each user; users must be distinct. If the table allows one token for each user, a
// user who already has one gets none, even if another process has just added it. skipped is then true for these users'
// ids.
func (tx *Tx) InsertTokens(ctx context.Context, users []User, keys []tokenctl.Secret, further Further) (skipped map[string]bool, err error) {
	l := tx.Layout
	t := l.AuthToken()
	values, err := l.newValues("drf", users, further)
	if err != nil {
		return nil, err
	}
	// Without the conflict target a collision of random keys would count as a token of the user.
	conflict := "on conflict (user_id) do nothing"
	if l.SeveralTokens() || !t.Column("user_id").Unique {
		conflict = ""
	}
	q := l.Engine.Insertion(t.Table, conflict+" returning cast(user_id as text)", append(values,
		engine.Values{Column: "key", Each: revealed(keys)}, engine.Values{Column: "created", Same: l.timeArg(tx.Now)})...)
	got, err := tx.keySet(ctx, l.User, q)
	if err != nil || len(got) == len(users) {
		return nil, t.furtherError(err, further) // nil if err is nil
	}
	skipped = map[string]bool{}
	for _, u := range users {
		skipped[u.ID] = !got[u.ID]
	}
	return skipped, nil
}

// TokenOwners returns the primary keys of users who have a DRF token, for the completion of "drf:12": at
// most limit keys that begin with prefix.
func (s *Store) TokenOwners(ctx context.Context, prefix string, limit int) ([]string, error) {
	var keys []string
	err := s.Read(ctx, func(tx *Tx) error {
		t, u, err := tx.Layout.ownedCredentials("drf")
		if err != nil {
			return err
		}
		if u.KeyType == KeyUUID && s.Engine == engine.SQLite {
			prefix = strings.ReplaceAll(prefix, "-", "")
		}
		q := &engine.Query{Columns: []string{"cast(user_id as text)"}, From: t.SQL(), Order: []string{"user_id"}, Limit: limit}
		q.And("substr(cast(user_id as text), 1, %s) = %s", len([]rune(prefix)), prefix)
		keys, err = engine.Collect(ctx, tx.Tx, q, func(r *engine.Row) string { return u.keyText(r.Text()) })
		return err
	})
	return keys, err
}
