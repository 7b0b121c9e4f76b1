package db

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// KnoxToken is a row of knox's table. It does not contain the secret.
type KnoxToken struct {
	Digest    string
	TokenKey  string // the first characters of the secret
	Salt      string // only before knox 4.2
	Created   time.Time
	Expires   time.Time // zero: never
	Status    string    // "active", "expired", "disabled" or "dead"
	Old       bool      // made before knox 5, in a table of knox 5
	User      User
	Orphan    bool   // the user does not exist; known only if the filter asks for orphans
	Seen      string // the expiry as it is stored
	BadValues []engine.BadValue
}

// Ref returns the reference to the row.
func (t *KnoxToken) Ref() Ref {
	return Ref{Key: tokenctl.NewSecret(t.Digest), Owner: t.User.ID, Seen: t.Seen}
}

// knoxKeyLength is CONSTANTS.TOKEN_KEY_LENGTH of knox/settings.py (5.0.2). knox looks up a token by so
// many characters. It never finds a row with fewer, as releases before 5.0 have written.
const knoxKeyLength = 15

// KnoxIDLength is the number of characters of the digest in the id of a token.
const KnoxIDLength = 16

// unordered lets a query read the rows of t as the database reads them fastest.
func (l *Layout) unordered(q *engine.Query, t *Table) {
	switch {
	case l.Engine == engine.PostgreSQL:
		q.PageBy = ""
	case t.Stored():
		q.PageBy = "t.rowid"
	}
}

// knoxTokens returns the query for knox tokens with their owners. status is its expression for the status
// at now.
func (l *Layout) knoxTokens(now time.Time, brief bool) (q *engine.Query, status string, err error) {
	t, u, err := l.ownedCredentials("knox")
	if err != nil {
		return nil, "", err
	}
	q = &engine.Query{From: withOwners(t, u), PageBy: "t.digest"}
	status = l.knoxStatus(q, now)
	expiry := "null"
	if name := t.expiry(); name != "" {
		expiry = l.Engine.Time("t." + engine.Quote(name))
	}
	q.Columns = append(l.ownerColumns(u, brief), "t.digest", l.Engine.Time("t.created"), expiry, status)
	if !brief {
		q.Columns = append(q.Columns, t.Column("token_key").Expr("t.%s"), t.Column("salt").Expr("t.%s"), l.knoxSeen())
	}
	return q, status, nil
}

// knoxStatus returns the expression for the status of a token in q.
func (l *Layout) knoxStatus(q *engine.Query, now time.Time) string {
	status := "case "
	if name := l.Knox().expiry(); name != "" {
		status += q.Expr("when "+l.Engine.Dated(l.Knox().Column(name), "t."+engine.Quote(name), "<", "%s")+" then 'expired' ", l.timeArg(now))
	}
	if l.knoxByText() {
		status += "when length(t.token_key) < " + strconv.Itoa(knoxKeyLength) + " then 'dead' "
	}
	return status + "when " + l.isFlag(l.Knox().Owner, "is_active", false, true) + " then 'disabled' else 'active' end"
}

func scanKnox(l *Layout, r *engine.Row, brief bool) KnoxToken {
	table := l.Knox()
	u := scanOwner(table.Owner, r, brief)
	t := KnoxToken{User: u, Digest: r.Stored(table, "digest"), Created: r.Moment(django.DjangoTime, table, "created"), Expires: r.Moment(django.DjangoTime, table, table.expiry()), Status: r.Text()}
	if c := table.Column("digest"); c.Type == "bpchar" && len(t.Digest) < c.Length {
		r.AddBadValue(table, "digest", "blanks behind its text, which knox compares", true) // hmac.compare_digest of knox/auth.py (5.0.2)
	}
	t.BadValues = r.BadValues
	if !brief {
		t.TokenKey, _ = r.TextOrNull()
		t.Salt, _ = r.TextOrNull()
		t.Seen = r.Text()
		t.Old = utf8.RuneCountInString(t.TokenKey) < knoxKeyLength && l.knoxByText()
	}
	return t
}

// KnoxTokens yields the knox tokens that f selects, sorted as in f, or by digest.
func (s *Store) KnoxTokens(ctx context.Context, f Filter) iter.Seq2[KnoxToken, error] {
	return stream(ctx, s, func(l *Layout) (*engine.Query, error) {
		q, status, err := l.knoxTokens(s.Now(), !f.Detailed)
		if err != nil {
			return nil, err
		}
		if f.Compare && !f.Detailed { // otherwise the columns have it already
			q.Columns = append(q.Columns, l.knoxSeen())
		}
		id := l.Engine.Bytewise("t.digest") // the id is the beginning of the digest
		sorts, err := f.listOwned(l, l.Knox(), q, id)
		if err == nil {
			err = f.whereKnox(l, q, status)
		}
		if err != nil {
			return nil, err
		}
		if f.AnyOrder && f.Rights && f.Sort == "" {
			l.unordered(q, l.Knox())
			if l.Knox().Column("digest").Type != "bpchar" { // an audit only names the token
				q.Columns[slices.Index(q.Columns, "t.digest")] = "substr(t.digest, 1, " + strconv.Itoa(KnoxIDLength) + ")"
			}
		}
		sorts["kind"], sorts["type"], sorts["expires"] = "cast(null as text)", "cast(null as text)", "null"
		if name := l.Knox().expiry(); name != "" {
			sorts["expires"] = l.Engine.KnownDate(l.Knox().Column(name), "t."+engine.Quote(name))
		}
		sorts["status"] = l.Engine.Bytewise("(" + status + ")")
		return q, f.sortBy(l, q, id, sorts)
	}, func(l *Layout, r *engine.Row) KnoxToken {
		t := scanKnox(l, r, !f.Detailed)
		if f.Compare && !f.Detailed {
			t.Seen = r.Text()
		}
		t.Orphan = f.scanOwned(l.Knox(), r, &t.User)
		return t
	})
}

// whereKnox adds a filter's conditions; status is the expression of the status.
func (f *Filter) whereKnox(l *Layout, q *engine.Query, status string) error {
	if err := f.whereOwner(l, l.Knox().Owner, q); err != nil {
		return err
	}
	f.whereCreated(l, l.Knox(), q)
	switch name := l.Knox().expiry(); {
	case name == "" && f.ExpiresBefore != nil:
		q.Where = append(q.Where, "1 = 0")
	case name != "":
		c, expiry := l.Knox().Column(name), "t."+engine.Quote(name)
		l.between(q, c, expiry, nil, f.ExpiresBefore)
		// A token without an expiry expires never, and so after every time.
		if f.ExpiresAfter != nil {
			q.And("("+expiry+" is null or "+l.Engine.Dated(c, expiry, ">", "%s")+")", l.timeArg(*f.ExpiresAfter))
		}
		if f.NeverExpires {
			q.Where = append(q.Where, expiry+" is null")
		}
	}
	if f.Statuses != nil {
		q.OneOf(l.Engine, "("+status+")", engine.Anys(f.Statuses))
	}
	return nil
}

// KnoxTokensFrom returns, for each prefix in lower-case hexadecimal, the tokens whose digests begin with
// it.
func (tx *Tx) KnoxTokensFrom(ctx context.Context, prefixes []string) ([][]KnoxToken, error) {
	q, _, err := tx.Layout.knoxTokens(tx.Now, false)
	if err != nil {
		return nil, err
	}
	q.StartingWith(tx.Layout.Engine, "t.digest", prefixes, "g")
	found := make([][]KnoxToken, len(prefixes))
	return found, tx.Each(ctx, q, func(r engine.Row) error {
		index := r.Integer()
		t := scanKnox(tx.Layout, &r, false)
		if r.Err == nil {
			found[index] = append(found[index], t)
		}
		return r.Err
	})
}

// KnoxTokensKeyed returns the tokens whose token_key is one of keys, as knox finds them. A table of knox
// before 2.2 has no token_key: there it returns all tokens, because knox compared all of them.
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

// knoxAmong returns the tokens whose column has one of the texts. An empty column means all tokens.
func (tx *Tx) knoxAmong(ctx context.Context, column string, texts []string) ([]KnoxToken, error) {
	q, _, err := tx.Layout.knoxTokens(tx.Now, false)
	if err != nil {
		return nil, err
	}
	q.PageBy = ""
	if column != "" {
		values := make([]any, 0, len(texts))
		for _, text := range texts {
			if engine.Storable(text) {
				values = append(values, text)
			}
		}
		q.Most = len(values)
		q.Among(tx.Layout.Engine, column, "text", values)
	}
	return tx.allKnox(ctx, q)
}

// KnoxTokensOf returns the users' tokens, by digest.
func (tx *Tx) KnoxTokensOf(ctx context.Context, users ...User) ([]KnoxToken, error) {
	q, _, err := tx.Layout.knoxTokens(tx.Now, false)
	if err == nil {
		err = tx.Layout.ownedBy(q, tx.Layout.Knox(), users)
	}
	if err != nil {
		return nil, err
	}
	return tx.allKnox(ctx, q)
}

func (tx *Tx) allKnox(ctx context.Context, q *engine.Query) ([]KnoxToken, error) {
	return engine.Collect(ctx, tx.Tx, q, func(r *engine.Row) KnoxToken { return scanKnox(tx.Layout, r, false) })
}
