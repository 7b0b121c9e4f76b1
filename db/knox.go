package db

import (
	"context"
	"iter"
	"strconv"
	"time"
	"unicode/utf8"

	"tokenctl"
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
	Unread   []Unread
}

// Ref names the row.
func (t *KnoxToken) Ref() Ref {
	return Ref{Key: tokenctl.NewSecret(t.Digest), Owner: t.User.ID, Seen: t.Seen}
}

// knoxKeyLength is CONSTANTS.TOKEN_KEY_LENGTH of knox/settings.py (5.0.2): knox
// looks a token up by so many characters, so it never finds a row with fewer,
// which are those made before 5.0.
const knoxKeyLength = 15

// knoxTokens is the query for knox tokens with their owners, as things are now;
// status is its expression for the status.
func (l *Layout) knoxTokens(now time.Time, brief bool) (q *query, status string, err error) {
	t, u, err := l.ownedCredentials("knox")
	if err != nil {
		return nil, "", err
	}
	q = &query{from: withOwners(t, u), key: "t.digest"}
	status = l.knoxStatus(q, now)
	expiry := "null"
	if name := t.knoxExpiry(); name != "" {
		expiry = l.time("t." + quote(name))
	}
	q.columns = append(l.ownerColumns(u, brief), "t.digest", l.time("t.created"), expiry, status)
	if !brief {
		q.columns = append(q.columns, t.expr("token_key", "t.%s"), t.expr("salt", "t.%s"), l.knoxSeen())
	}
	return q, status, nil
}

// knoxStatus is the expression for the status of a token in q.
func (l *Layout) knoxStatus(q *query, now time.Time) string {
	status := "case "
	if name := l.Knox().knoxExpiry(); name != "" {
		status += q.expr("when "+l.dated(l.Knox().Column(name), "t."+quote(name), "<", "%s")+" then 'expired' ", l.timeArg(now))
	}
	if l.knoxByText() {
		status += "when length(t.token_key) < " + strconv.Itoa(knoxKeyLength) + " then 'dead' "
	}
	return status + "when " + l.isFlag(l.Knox().Owner, "is_active", false, true) + " then 'disabled' else 'active' end"
}

func scanKnox(l *Layout, r *row, brief bool) KnoxToken {
	table := l.Knox()
	u := scanOwner(table.Owner, r, brief)
	t := KnoxToken{User: u, Digest: r.stored(table, "digest"), Created: r.moment(django.DjangoTime, table, "created"), Expires: r.moment(django.DjangoTime, table, table.knoxExpiry()), Status: r.text()}
	if c := table.Column("digest"); c.Type == "bpchar" && len(t.Digest) < c.Length {
		r.lose(table, "digest", padded, true) // hmac.compare_digest of knox/auth.py (5.0.2)
	}
	t.Unread = r.unread
	if !brief {
		t.TokenKey, _ = r.maybe()
		t.Salt, _ = r.maybe()
		t.Seen = r.text()
		t.Old = utf8.RuneCountInString(t.TokenKey) < knoxKeyLength && l.knoxByText()
	}
	return t
}

// KnoxTokens yields the knox tokens that f selects, by digest where f does not sort.
func (s *Store) KnoxTokens(ctx context.Context, f Filter) iter.Seq2[KnoxToken, error] {
	return stream(ctx, s, func(l *Layout) (*query, error) {
		q, status, err := l.knoxTokens(s.Now(), true)
		if err == nil {
			err = f.needsNames(l.Knox().Owner)
		}
		if err != nil {
			return nil, err
		}
		q.limit = f.Limit
		if f.Compare {
			q.columns = append(q.columns, l.knoxSeen())
		}
		if err := f.whereKnox(l, q, status); err != nil {
			return nil, err
		}
		expiry := "null"
		if name := l.Knox().knoxExpiry(); name != "" {
			expiry = l.knownDate(l.Knox().Column(name), "t."+quote(name))
		}
		// An id is the beginning of the digest.
		id := l.bytewise("t.digest")
		return q, f.sortBy(l, q, id, map[string]string{"id": id, "kind": "cast(null as text)", "type": "cast(null as text)", "created": l.knownDate(l.Knox().Column("created"), "t.created"), "expires": expiry,
			"status": l.bytewise("(" + status + ")"), "user": l.bytewise(l.Knox().Owner.nameOf("u")), "user_id": "u." + quote(l.Knox().Owner.Key)})
	}, func(l *Layout, r *row) KnoxToken {
		t := scanKnox(l, r, true)
		if f.Compare {
			t.Seen = r.text()
		}
		return t
	})
}

// whereKnox adds a filter's conditions; status is the expression of the status.
func (f *Filter) whereKnox(l *Layout, q *query, status string) error {
	if err := f.whereOwner(l, l.Knox().Owner, q); err != nil {
		return err
	}
	f.whereCreated(l, l.Knox(), q)
	switch name := l.Knox().knoxExpiry(); {
	case name == "" && f.ExpiresBefore != nil:
		q.where = append(q.where, "1 = 0")
	case name != "":
		c, expiry := l.Knox().Column(name), "t."+quote(name)
		if f.ExpiresBefore != nil {
			q.and(l.dated(c, expiry, "<", "%s"), l.timeArg(*f.ExpiresBefore))
		}
		// Without an expiry it is never, which is after everything.
		if f.ExpiresAfter != nil {
			q.and("("+expiry+" is null or "+l.dated(c, expiry, ">", "%s")+")", l.timeArg(*f.ExpiresAfter))
		}
	}
	if f.Statuses == nil {
		return nil
	}
	return q.oneOf(l, "("+status+")", texts(f.Statuses))
}

// KnoxTokensFrom returns for each prefix, which is lower-case hexadecimal, the tokens
// whose digests begin with it.
func (tx *Tx) KnoxTokensFrom(ctx context.Context, prefixes []string) ([][]KnoxToken, error) {
	q, _, err := tx.Layout.knoxTokens(tx.Now, false)
	if err == nil {
		err = q.startingWith(tx.Layout, "t.digest", prefixes, "g")
	}
	if err != nil {
		return nil, err
	}
	found := make([][]KnoxToken, len(prefixes))
	return found, tx.each(ctx, q, func(r row) error {
		place := r.integer()
		t := scanKnox(tx.Layout, &r, false)
		if r.err == nil {
			found[place] = append(found[place], t)
		}
		return r.err
	})
}

// KnoxTokensKeyed returns the tokens whose rows show one of these first characters of
// their secrets, as knox finds them. Before 2.2 no row did, and knox tried all of them.
func (tx *Tx) KnoxTokensKeyed(ctx context.Context, keys []string) ([]KnoxToken, error) {
	if tx.Layout.Knox().Column("token_key") == nil {
		return tx.knoxAmong(ctx, "", nil)
	}
	return tx.knoxAmong(ctx, "t.token_key", keys)
}

// KnoxTokensWithDigests returns the tokens that have one of the digests.
func (tx *Tx) KnoxTokensWithDigests(ctx context.Context, digests []string) ([]KnoxToken, error) {
	return tx.knoxAmong(ctx, "t.digest", digests)
}

// knoxAmong returns the tokens of which a column has one of the texts; without a column,
// all tokens.
func (tx *Tx) knoxAmong(ctx context.Context, column string, texts []string) ([]KnoxToken, error) {
	q, _, err := tx.Layout.knoxTokens(tx.Now, false)
	if err != nil {
		return nil, err
	}
	q.key = ""
	if column != "" {
		values := make([]any, 0, len(texts))
		for _, text := range texts {
			if storable(text) {
				values = append(values, text)
			}
		}
		q.most = len(values)
		if err := q.among(tx.Layout, column, "text", values); err != nil {
			return nil, err
		}
	}
	return tx.allKnox(ctx, q)
}

// KnoxTokensOf returns the users' tokens, by digest.
func (tx *Tx) KnoxTokensOf(ctx context.Context, users ...User) ([]KnoxToken, error) {
	q, _, err := tx.Layout.knoxTokens(tx.Now, false)
	if err == nil {
		err = q.ownedBy(tx.Layout, tx.Layout.Knox(), users)
	}
	if err != nil {
		return nil, err
	}
	return tx.allKnox(ctx, q)
}

func (tx *Tx) allKnox(ctx context.Context, q *query) ([]KnoxToken, error) {
	found := make([]KnoxToken, 0, q.most)
	err := tx.each(ctx, q, func(r row) error {
		found = append(found, scanKnox(tx.Layout, &r, false))
		return r.err
	})
	return found, err
}
