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
	Seen     string // the expiry as it is stored
	Place    Place  // in a list for a change: where it stood
}

// knoxKeyLength is CONSTANTS.TOKEN_KEY_LENGTH of knox/settings.py (5.0.2): knox
// looks a token up by so many characters, so it never finds a row with fewer,
// which are those made before 5.0.
const knoxKeyLength = 15

// knoxTokens is the query for knox tokens with their owners, as things are now;
// status is its expression for the status.
func (l *Layout) knoxTokens(now time.Time, brief bool) (q *query, status string, err error) {
	u, err := l.Users()
	if err != nil {
		return nil, "", err
	}
	t, err := l.knoxTable()
	if err != nil {
		return nil, "", err
	}
	q = &query{from: t.SQL() + " t join " + u.SQL() + " u on u." + quote(u.Key) + " = t.user_id", key: "t.digest"}
	status = l.knoxStatus(q, now)
	expiry, seen := "null", "''"
	if name := t.knoxExpiry(); name != "" {
		expiry, seen = l.time("t."+name), knoxSeen("t."+name)
	}
	q.columns = append(l.ownerColumns(brief), "t.digest", l.time("t.created"), expiry, status)
	if !brief {
		q.columns = append(q.columns, t.expr("token_key", "t.%s"), t.expr("salt", "t.%s"), seen)
	}
	return q, status, nil
}

// knoxStatus is the expression for the status of a token in q.
func (l *Layout) knoxStatus(q *query, now time.Time) string {
	status := "case "
	if l.User.Column("is_active") != nil {
		status += "when not u.is_active then 'disabled' "
	}
	if l.KnoxScheme() == django.KnoxText {
		status += "when length(t.token_key) < " + strconv.Itoa(knoxKeyLength) + " then 'dead' "
	}
	if name := l.Knox().knoxExpiry(); name != "" {
		q.args = append(q.args, l.timeArg(now))
		status += "when t." + name + " < $" + strconv.Itoa(len(q.args)) + " then 'expired' "
	}
	if status == "case " {
		status += "when 1 = 0 then '' "
	}
	return status + "else 'active' end"
}

// knoxSeen is an expression that tells any two expiries apart.
func knoxSeen(column string) string { return "coalesce(cast(" + column + " as text), '')" }

func scanKnox(l *Layout, r *row, brief bool) KnoxToken {
	u := scanOwner(l, r, brief)
	t := KnoxToken{User: u, Digest: r.text(), Created: r.moment(django.DjangoTime), Expires: r.moment(django.DjangoTime), Status: r.text()}
	if !brief {
		t.TokenKey, _ = r.maybe()
		t.Salt, _ = r.maybe()
		t.Seen = r.text()
		t.Old = l.KnoxScheme() == django.KnoxText && utf8.RuneCountInString(t.TokenKey) < knoxKeyLength
	}
	return t
}

// KnoxTokens yields the knox tokens that f selects, by digest where f neither
// sorts nor wants places.
func (s *Store) KnoxTokens(ctx context.Context, f Filter) iter.Seq2[KnoxToken, error] {
	return stream(ctx, s, func(l *Layout) (*query, error) {
		q, status, err := l.knoxTokens(s.Now(), f.Brief)
		if err != nil {
			return nil, err
		}
		q.limit = f.Limit
		if f.Places {
			seen := "''"
			if name := l.Knox().knoxExpiry(); name != "" {
				seen = knoxSeen("t." + name)
			}
			q.columns = append(q.columns, seen)
			q.placed(l, "t")
			if l.Engine == PostgreSQL {
				q.key = "" // the table's own order, which a change of many goes through it in
			}
		}
		if err := f.whereKnox(l, q, func() string { return status }); err != nil {
			return nil, err
		}
		expiry := "null"
		if name := l.Knox().knoxExpiry(); name != "" {
			expiry = "t." + name
		}
		// An id is the beginning of the digest.
		id := l.bytewise("t.digest")
		return q, f.sortBy(l, q, id, map[string]string{"id": id, "kind": "cast(null as text)", "type": "cast(null as text)", "created": "t.created", "expires": expiry,
			"status": l.bytewise("(" + status + ")"), "user": l.bytewise("u." + quote(l.User.Username)), "user_id": "u." + quote(l.User.Key)})
	}, func(l *Layout, r *row) KnoxToken {
		t := scanKnox(l, r, f.Brief)
		if f.Places {
			t.Seen, t.Place = r.text(), r.placeIfAny()
		}
		return t
	})
}

// whereKnox adds a filter's conditions; status makes the expression for it.
func (f *Filter) whereKnox(l *Layout, q *query, status func() string) error {
	if err := f.whereOwner(l, q); err != nil {
		return err
	}
	f.whereCreated(l, q)
	switch name := l.Knox().knoxExpiry(); {
	case name == "" && !f.ExpiresBefore.IsZero():
		q.where = append(q.where, "1 = 0")
	case name != "":
		if !f.ExpiresBefore.IsZero() {
			q.and("t."+name+" < %s", l.timeArg(f.ExpiresBefore))
		}
		// Without an expiry it is never, which is after everything.
		if !f.ExpiresAfter.IsZero() {
			q.and("(t."+name+" is null or t."+name+" > %s)", l.timeArg(f.ExpiresAfter))
		}
	}
	if f.Statuses == nil {
		return nil
	}
	arg, err := l.textsArg(f.Statuses)
	if err != nil {
		return err
	}
	q.and(l.anyOf("("+status()+")", "%s"), arg)
	return nil
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
	q, _, err := tx.Layout.knoxTokens(tx.Now, false)
	if err != nil {
		return nil, err
	}
	q.between(tx.Layout.Engine, "t.digest", prefix, prefix+"g")
	q.limit = 2
	return tx.allKnox(ctx, q)
}

// KnoxTokensKeyed returns the tokens whose rows show one of these first
// characters of their secrets, as knox finds them. Before 2.2 no row did, and
// knox tried all of them.
func (tx *Tx) KnoxTokensKeyed(ctx context.Context, keys []string) ([]KnoxToken, error) {
	q, _, err := tx.Layout.knoxTokens(tx.Now, false)
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

// KnoxTokensOf returns the users' tokens, by digest.
func (tx *Tx) KnoxTokensOf(ctx context.Context, users ...User) ([]KnoxToken, error) {
	q, _, err := tx.Layout.knoxTokens(tx.Now, false)
	if err == nil {
		err = q.ownedBy(tx.Layout, users)
	}
	if err != nil {
		return nil, err
	}
	return tx.allKnox(ctx, q)
}

func (tx *Tx) allKnox(ctx context.Context, q *query) ([]KnoxToken, error) {
	var found []KnoxToken
	err := tx.each(ctx, q, func(r row) error {
		found = append(found, scanKnox(tx.Layout, &r, false))
		return r.err
	})
	return found, err
}
