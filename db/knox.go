package db

import (
	"context"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tokenctl/django"
)

// KnoxToken is a row of knox's table. It does not hold the secret.
type KnoxToken struct {
	Digest   string
	TokenKey string // the first characters of the secret
	Salt     string // before knox 4.2
	Created  time.Time
	Expires  time.Time // zero: never
	Status   string    // "active", "expired", "disabled" or "dead"
	Old      bool      // made before knox 5, in a table of knox 5
	User     User
	seen     string // the expiry as it is stored
}

// knoxKeyLength is CONSTANTS.TOKEN_KEY_LENGTH of knox/settings.py (5.0.2): knox
// looks a token up by so many characters, so it never finds a row with fewer,
// which are those made before 5.0.
const knoxKeyLength = 15

// knoxTokens is the query for knox tokens with their owners, as things are now;
// status is its expression for the status.
func (l *Layout) knoxTokens(now time.Time) (q *query, status string, err error) {
	u, err := l.Users()
	if err != nil {
		return nil, "", err
	}
	t, err := l.knoxTable()
	if err != nil {
		return nil, "", err
	}
	q = &query{from: t.SQL() + " t join " + u.SQL() + " u on u." + quote(u.Key) + " = t.user_id", key: "t.digest"}
	status = "case "
	if u.Column("is_active") != nil {
		status += "when not u.is_active then 'disabled' "
	}
	if l.KnoxScheme() == django.KnoxText {
		status += "when length(t.token_key) < " + strconv.Itoa(knoxKeyLength) + " then 'dead' "
	}
	expiry, seen := "null", "''"
	if name := t.knoxExpiry(); name != "" {
		expiry, seen = l.time("t."+name), knoxSeen("t."+name)
		q.args = append(q.args, l.timeArg(now))
		status += "when t." + name + " < $1 then 'expired' "
	}
	if status == "case " {
		status += "when 1 = 0 then '' "
	}
	status += "else 'active' end"
	q.columns = append(l.userColumns(), "t.digest", t.expr("token_key", "coalesce(t.%s, '')"), t.expr("salt", "t.%s"),
		l.time("t.created"), expiry, seen, status)
	return q, status, nil
}

// knoxSeen is an expression that tells any two expiries apart.
func knoxSeen(column string) string { return "coalesce(cast(" + column + " as text), '')" }

func scanKnox(l *Layout, r row) (KnoxToken, error) {
	var t KnoxToken
	var key, salt *string
	var created, expires timestamp
	var err error
	t.User, err = scanUser(l, r, &t.Digest, &key, &salt, &created, &expires, &t.seen, &t.Status)
	if key != nil {
		t.TokenKey = *key
	}
	if salt != nil {
		t.Salt = *salt
	}
	t.Created, t.Expires = created.Time, expires.Time
	t.Old = l.KnoxScheme() == django.KnoxText && utf8.RuneCountInString(t.TokenKey) < knoxKeyLength
	return t, err
}

// KnoxTokens yields the knox tokens that f selects, by digest where f does not
// sort.
func (s *Store) KnoxTokens(ctx context.Context, f Filter) iter.Seq2[KnoxToken, error] {
	return stream(ctx, s, func(l *Layout) (*query, error) {
		q, status, err := l.knoxTokens(s.Now())
		if err != nil {
			return nil, err
		}
		q.limit = f.Limit
		if err := f.whereOwner(l, q); err != nil {
			return nil, err
		}
		expiry := "null"
		if name := l.Knox().knoxExpiry(); name != "" {
			expiry = "t." + name
		}
		if !f.CreatedBefore.IsZero() {
			q.and("t.created < %s", l.timeArg(f.CreatedBefore))
		}
		if !f.CreatedAfter.IsZero() {
			q.and("t.created > %s", l.timeArg(f.CreatedAfter))
		}
		switch {
		case expiry == "null" && !f.ExpiresBefore.IsZero():
			q.where = append(q.where, "1 = 0")
		case expiry != "null":
			if !f.ExpiresBefore.IsZero() {
				q.and(expiry+" < %s", l.timeArg(f.ExpiresBefore))
			}
			// Without an expiry it is never, which is after everything.
			if !f.ExpiresAfter.IsZero() {
				q.and("("+expiry+" is null or "+expiry+" > %s)", l.timeArg(f.ExpiresAfter))
			}
		}
		if f.Statuses != nil {
			arg, err := l.textsArg(f.Statuses)
			if err != nil {
				return nil, err
			}
			q.and(l.anyOf("("+status+")", "%s"), arg)
		}
		// An id is the beginning of the digest.
		id := l.bytewise("t.digest")
		return q, f.sortBy(l, q, id, map[string]string{"id": id, "kind": "cast(null as text)", "type": "cast(null as text)", "created": "t.created", "expires": expiry,
			"status": l.bytewise("(" + status + ")"), "user": l.bytewise("u." + quote(l.User.Username)), "user_id": "u." + quote(l.User.Key)})
	}, scanKnox)
}

// textsArg is the parameter for anyOf with texts.
func (l *Layout) textsArg(texts []string) (any, error) {
	values := make([]any, len(texts))
	for i, text := range texts {
		values[i] = text
	}
	return l.listArg(nil, values)
}

// KnoxTokensFrom returns the tokens whose digests begin with the prefix, which
// is lower-case hexadecimal: two at most, which is enough to know that it does
// not name one.
func (tx *Tx) KnoxTokensFrom(ctx context.Context, prefix string) ([]KnoxToken, error) {
	q, _, err := tx.Layout.knoxTokens(tx.Now)
	if err != nil {
		return nil, err
	}
	// In some languages aa sorts behind z; these operators compare bytes, and
	// Django makes an index for them beside every text key.
	from, to := "t.digest ~>=~ %s", "t.digest ~<~ %s"
	if tx.Layout.Engine == SQLite {
		from, to = "t.digest >= %s", "t.digest < %s"
	}
	q.and(from, prefix)
	q.and(to, prefix+"g")
	q.limit = 2
	return tx.allKnox(ctx, q)
}

// KnoxTokensKeyed returns the tokens whose rows show one of these first
// characters of their secrets, as knox finds them. Before 2.2 no row did, and
// knox tried all of them.
func (tx *Tx) KnoxTokensKeyed(ctx context.Context, keys []string) ([]KnoxToken, error) {
	q, _, err := tx.Layout.knoxTokens(tx.Now)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		// What PostgreSQL could not even be asked is no key of its.
		if !utf8.ValidString(key) || strings.ContainsRune(key, 0) {
			return nil, nil
		}
	}
	if tx.Layout.Knox().Column("token_key") != nil {
		arg, err := tx.Layout.textsArg(keys)
		if err != nil {
			return nil, err
		}
		q.and(tx.Layout.anyOf("t.token_key", "%s"), arg)
	}
	return tx.allKnox(ctx, q)
}

// KnoxTokensOf returns a user's tokens.
func (tx *Tx) KnoxTokensOf(ctx context.Context, u User) ([]KnoxToken, error) {
	q, _, err := tx.Layout.knoxTokens(tx.Now)
	if err != nil {
		return nil, err
	}
	owner, ok := tx.Layout.User.keyArg(tx.Layout.Engine, u.ID)
	if !ok {
		return nil, nil
	}
	q.and("t.user_id = %s", owner)
	return tx.allKnox(ctx, q)
}

func (tx *Tx) allKnox(ctx context.Context, q *query) ([]KnoxToken, error) {
	var found []KnoxToken
	err := tx.each(ctx, q, func(r row) error {
		t, err := scanKnox(tx.Layout, r)
		found = append(found, t)
		return err
	})
	return found, err
}
