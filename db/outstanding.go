package db

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tokenctl/django"
)

// maxJTI is the length of token_blacklist_outstandingtoken.jti, which SQLite
// does not enforce.
const maxJTI = 255

// OutstandingToken is a row of simplejwt's OutstandingToken and whether a
// BlacklistedToken refers to it.
type OutstandingToken struct {
	Row         int64 // primary key
	JTI         string
	Text        django.Secret // the whole JWT; may be blank
	Created     time.Time     // created_at; zero: NULL
	Expires     time.Time     // expires_at
	Blacklisted bool
	// User is the owner. A row without one belongs to the user whom the JWT
	// names: simplejwt before 5.5 writes such rows. Zero: nobody's.
	User User
}

// HasBlacklist reports whether simplejwt's BlacklistedToken has its table.
func (l *Layout) HasBlacklist() bool { return l.tables[tableBlacklisted] != nil }

// outstanding is the query for outstanding tokens with their owners.
func (l *Layout) outstanding(s django.JWTSettings, brief bool) (*query, error) {
	u, err := l.Users()
	if err != nil {
		return nil, err
	}
	o, err := l.outstandingTable()
	if err != nil {
		return nil, err
	}
	field, err := l.userIDField(s)
	if err != nil {
		return nil, err
	}
	q := &query{columns: append(l.ownerColumns(brief), "o.id", "o.jti", "o.token", l.time("o.created_at"), l.time("o.expires_at")), from: o.SQL() + " o", key: "o.id"}
	if b := l.tables[tableBlacklisted]; b != nil {
		q.columns = append(q.columns, "b.token_id is not null")
		q.from += " left join " + b.SQL() + " b on b.token_id = o.id"
	} else {
		q.columns = append(q.columns, "1 = 0")
	}
	named := l.claim(s.UserIDClaim, string(field.KeyType), payload())
	q.from += " left join " + u.SQL() + " u on u." + quote(u.Key) + " = coalesce(o.user_id, (select c." + quote(u.Key) +
		" from " + u.SQL() + " c where c." + quote(field.Key) + " = " + named + "))"
	return q, nil
}

// outstandingTable returns the table, or why tokenctl cannot work with it.
func (l *Layout) outstandingTable() (*Table, error) {
	o := l.Outstanding()
	if o == nil {
		return nil, &django.Error{Code: django.CodeTableMissing, Message: "the database has no table " + tableOutstanding,
			Hint: `add "rest_framework_simplejwt.token_blacklist" to INSTALLED_APPS and run manage.py migrate; for another schema give --schema`}
	}
	unsupported := func(message string) error {
		return &django.Error{Code: django.CodeLayoutUnsupported, Message: message, Hint: "run manage.py migrate token_blacklist; simplejwt 4.6 and newer are supported"}
	}
	if jti := o.Column("jti"); o.Column("jti_hex") != nil || jti != nil && jti.keyType(l.Engine) == KeyUUID {
		return nil, unsupported("the table " + tableOutstanding + " has its jti as a uuid: its migration of simplejwt 3.0 was not finished")
	}
	for _, name := range []string{"id", "jti", "token", "created_at", "expires_at", "user_id"} {
		if o.Column(name) == nil {
			return nil, unsupported("the table " + tableOutstanding + " has no column " + name + ": its layout is not one that tokenctl knows")
		}
	}
	return o, nil
}

// userIDField is the user table with USER_ID_FIELD in the place of its key.
func (l *Layout) userIDField(s django.JWTSettings) (*UserTable, error) {
	u := l.User
	c := u.Column(s.UserIDField)
	if c == nil && (s.UserIDField == "id" || s.UserIDField == "pk") {
		return u, nil
	}
	if c == nil {
		return nil, &django.Error{Code: django.CodeConfigInvalid, Message: "the user table " + u.Name + " has no column " + s.UserIDField,
			Hint: "correct user_id_field under [simplejwt] in tokenctl.toml"}
	}
	return &UserTable{Table: u.Table, Key: c.Name, KeyType: c.keyType(l.Engine)}, nil
}

func scanOutstanding(l *Layout, r *row, brief bool) OutstandingToken {
	u := scanOwner(l, r, brief)
	t := OutstandingToken{User: u, Row: r.integer(), JTI: r.text(), Text: django.NewSecret(r.text()),
		Created: r.moment(django.SimpleJWTTime), Expires: r.moment(django.SimpleJWTTime)}
	if flag := r.flag(); flag != nil {
		t.Blacklisted = *flag
	}
	return t
}

// OutstandingTokens yields the tokens that f selects, the oldest row first where
// f does not sort.
func (s *Store) OutstandingTokens(ctx context.Context, f Filter, settings django.JWTSettings) iter.Seq2[OutstandingToken, error] {
	settings = settings.WithDefaults()
	return stream(ctx, s, func(l *Layout) (*query, error) {
		q, err := l.outstanding(settings, f.Brief)
		if err != nil {
			return nil, err
		}
		q.limit = f.Limit
		if f.Places && l.Engine == PostgreSQL {
			q.key = "" // nearly the order of the table itself
		}
		return q, f.whereOutstanding(l, q, settings, s.Now())
	}, func(l *Layout, r *row) OutstandingToken { return scanOutstanding(l, r, f.Brief) })
}

// whereOutstanding adds a filter's conditions and order.
func (f *Filter) whereOutstanding(l *Layout, q *query, s django.JWTSettings, now time.Time) error {
	if err := f.whereOwner(l, q); err != nil {
		return err
	}
	if err := f.ownRows(l, q); err != nil {
		return err
	}
	e := l.jwtExpressions(s)
	now = now.Add(-s.Leeway.Duration)
	if l.Engine == PostgreSQL && f.readsText() {
		// Without the offset PostgreSQL would decode for every use of the payload.
		q.from += " cross join lateral (select " + payload() + " as payload offset 0) p"
	}
	for _, bound := range []struct {
		at                      time.Time
		claim, column, operator string
	}{{f.CreatedBefore, e.issued, "o.created_at", "<"}, {f.CreatedAfter, e.issued, "o.created_at", ">"},
		{f.ExpiresBefore, e.sliding, "o.expires_at", "<"}, {f.ExpiresAfter, e.sliding, "o.expires_at", ">"}} {
		if !bound.at.IsZero() {
			q.and(e.compare(bound.claim, bound.column, bound.operator), l.jwtTimes(bound.at)...)
		}
	}
	for _, list := range []struct {
		values []string
		expr   string
		args   []any
	}{{f.Types, e.typ, nil}, {f.Statuses, e.status, l.jwtTimes(now)}} {
		if list.values == nil {
			continue
		}
		var values []any
		for _, v := range list.values {
			values = append(values, v)
		}
		arg, err := l.listArg(l.User, values)
		if err != nil {
			return err
		}
		q.and(l.anyOf("("+list.expr+")", "%s"), append(list.args, arg)...)
	}
	status := ""
	if f.Sort == "status" {
		// A condition numbers the placeholders; this is none.
		q.and(e.status, l.jwtTimes(now)...)
		status = q.where[len(q.where)-1]
		q.where = q.where[:len(q.where)-1]
	}
	id := l.bytewise("o.jti")
	return f.sortBy(l, q, id, map[string]string{"id": id, "kind": id, "user": l.bytewise("u." + quote(l.User.Username)), "user_id": "u." + quote(l.User.Key),
		"created": "coalesce(" + e.issued + ", o.created_at)", "expires": "coalesce(" + e.sliding + ", o.expires_at)", "status": status, "type": l.bytewise(e.typ)})
}

// readsText reports whether the filter needs something out of the tokens' texts.
func (f *Filter) readsText() bool {
	return f.Types != nil || f.Statuses != nil || slices.Contains([]string{"created", "expires", "status", "type"}, f.Sort) ||
		!f.CreatedBefore.IsZero() || !f.CreatedAfter.IsZero() || !f.ExpiresBefore.IsZero() || !f.ExpiresAfter.IsZero()
}

// ownRows lets the index on user_id find the rows of some users.
func (f *Filter) ownRows(l *Layout, q *query) error {
	if f.UserIDs == nil {
		return nil
	}
	var keys []any
	for _, id := range f.UserIDs {
		if key, ok := l.User.keyArg(l.Engine, id); ok {
			keys = append(keys, key)
		}
	}
	arg, err := l.listArg(l.User, keys)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		q.where = append(q.where, "1 = 0")
		return nil
	}
	q.and("(o.user_id is null or "+l.anyOf("o.user_id", "%s")+")", arg)
	return nil
}

// jwtTimes are the arguments of jwtExpressions.compare: the moment itself, and
// as simplejwt's columns have it.
func (l *Layout) jwtTimes(t time.Time) []any {
	if l.Engine == SQLite {
		return []any{django.FormatSQLiteTime(t), l.jwtTimeArg(t)}
	}
	return []any{t, l.jwtTimeArg(t)}
}

// OutstandingToken returns the token with this jti, or nil.
func (tx *Tx) OutstandingToken(ctx context.Context, jti string, s django.JWTSettings) (*OutstandingToken, error) {
	q, err := tx.Layout.outstanding(s.WithDefaults(), false)
	if err != nil || !utf8.ValidString(jti) || strings.ContainsRune(jti, 0) {
		return nil, err
	}
	q.and("o.jti = %s", jti)
	var found *OutstandingToken
	err = tx.each(ctx, q, func(r row) error {
		t := scanOutstanding(tx.Layout, &r, false)
		found = &t
		return r.err
	})
	return found, err
}

// NewestOutstanding returns the texts of the n newest outstanding tokens that
// have theirs stored.
func (tx *Tx) NewestOutstanding(ctx context.Context, n int) ([]django.Secret, error) {
	o, err := tx.Layout.outstandingTable()
	if err != nil {
		return nil, err
	}
	q := &query{columns: []string{"o.token"}, from: o.SQL() + " o", where: []string{"o.token <> ''"}, order: []string{"o.id desc"}, limit: n}
	var list []django.Secret
	return list, tx.each(ctx, q, func(r row) error {
		var text string
		err := r.Scan(&text)
		list = append(list, django.NewSecret(text))
		return err
	})
}

// JWTUsers are what simplejwt writes of users into tokens, in their order. An owner
// out of a set comes without a password.
func (tx *Tx) JWTUsers(ctx context.Context, users []User, s django.JWTSettings) ([]django.JWTUser, error) {
	l := tx.Layout
	field, err := l.userIDField(s.WithDefaults())
	if err != nil {
		return nil, err
	}
	list := make([]django.JWTUser, len(users))
	for i, u := range users {
		list[i] = django.JWTUser{ID: u.ID, Integer: field.KeyType == KeyInteger}
	}
	if field.Key == l.User.Key && !s.CheckRevokeToken {
		return list, nil
	}
	keys, err := l.keysOf(users)
	if err != nil {
		return nil, err
	}
	arg, err := l.listArg(l.User, keys)
	if err != nil {
		return nil, err
	}
	q := &query{columns: []string{"cast(u." + quote(l.User.Key) + " as text)", "coalesce(cast(u." + quote(field.Key) + " as text), '')", "coalesce(u.password, '')"}, from: field.SQL() + " u"}
	q.and(l.anyOf("u."+quote(l.User.Key), "%s"), arg)
	type claims struct{ id, password string }
	found := map[string]claims{}
	err = tx.each(ctx, q, func(r row) error {
		key := l.User.keyText(r.text())
		found[key] = claims{field.keyText(r.text()), r.text()}
		return r.err
	})
	for i, u := range users {
		list[i].ID, list[i].Password = found[u.ID].id, found[u.ID].password
		if err == nil && list[i].ID == "" {
			err = &django.Error{Code: django.CodeInvalidValue, Message: u.Username + " has nothing in " + field.Key + ", the USER_ID_FIELD"}
		}
	}
	return list, err
}

// PasswordClaim is what CHECK_REVOKE_TOKEN compares: see [django.PasswordClaim].
func (u *User) PasswordClaim() string { return django.PasswordClaim(u.password) }
