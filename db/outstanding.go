package db

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// OutstandingToken is a row of simplejwt's OutstandingToken. It also reports whether a BlacklistedToken
// refers to the row.
type OutstandingToken struct {
	Row           int64 // primary key
	JTI           string
	Text          tokenctl.Secret // the whole JWT; may be blank
	Created       time.Time       // created_at; zero: NULL
	Expires       time.Time       // expires_at
	Blacklisted   bool
	BlacklistedAt time.Time // zero: it is not, its date cannot be read, or nobody asked
	// User is the owner. If user_id is null, as in rows of simplejwt before 5.5, the user in
	// the JWT is the owner. The zero User means that there is no owner.
	User    User
	Several bool // the user id in the JWT belongs to several users, so there is no owner

	BadValues   []engine.BadValue
	Summary     *django.JWTSummary // nil if the text is not a JWT
	claimedUser string             // the user id in the claims of the JWT, if user_id is null
}

// Ref returns the reference to the row.
func (t *OutstandingToken) Ref() Ref {
	return Ref{Key: tokenctl.NewSecret(t.JTI), Row: t.Row, Owner: t.User.ID}
}

// read reads the text.
func (t *OutstandingToken) read(s tokenctl.JWTSettings) {
	summary, err := django.SummarizeUnverified(s, t.Text.Reveal())
	if err != nil {
		return
	}
	t.Summary = &summary
	if t.User.ID == "" {
		if token, err := django.DecodeUnverified(s, t.Text.Reveal()); err == nil {
			t.claimedUser = token.UserID
		}
	}
}

// outstandingQuery returns the query for outstanding tokens with the owners in user_id.
func (l *Layout) outstandingQuery(brief bool) (*engine.Query, error) {
	o, u, err := l.ownedCredentials("jwt")
	if err != nil {
		return nil, err
	}
	return &engine.Query{Columns: append(l.ownerColumns(u, brief), l.outstandingColumns()...), PageBy: "o.id",
		From: o.SQL() + " o left join " + u.From("u") + " on u." + engine.Quote(u.Key) + " = o.user_id"}, nil
}

// outstandingColumns returns the columns that scanOutstandingRow reads, for the alias o.
func (l *Layout) outstandingColumns() []string {
	return []string{"o.id", "o.jti", "o.token", l.Engine.Time("o.created_at"), l.Engine.Time("o.expires_at"), l.blacklistedCondition("o.id")}
}

// userIDField returns a copy of a user table whose Key is USER_ID_FIELD.
func (l *Layout) userIDField(u *UserTable, s tokenctl.JWTSettings) (*UserTable, error) {
	if u == nil {
		return nil, l.userProblem
	}
	c := u.Column(s.UserIDField)
	if c == nil && (s.UserIDField == "id" || s.UserIDField == "pk") {
		return u, nil
	}
	if c == nil {
		return nil, &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: "the user table " + u.Name + " has no column " + s.UserIDField,
			Hint: "correct user_id_field under [simplejwt] in tokenctl.toml"}
	}
	return &UserTable{Table: u.Table, Children: u.Children, Key: c.Name, KeyType: keyTypeOf(c, l.Engine)}, nil
}

func scanOutstanding(l *Layout, r *engine.Row, brief bool) OutstandingToken {
	u := scanOwner(l.Outstanding().Owner, r, brief)
	t := scanOutstandingRow(l.Outstanding(), r)
	t.User = u
	return t
}

func scanOutstandingRow(table *Table, r *engine.Row) OutstandingToken {
	t := OutstandingToken{Row: r.Integer(), JTI: r.Stored(table, "jti"), Text: tokenctl.NewSecret(r.Stored(table, "token")),
		Created: r.Moment(django.SimpleJWTTime, table, "created_at"), Expires: r.Moment(django.SimpleJWTTime, table, "expires_at")}
	t.BadValues = r.BadValues
	if flag := r.Flag(); flag != nil {
		t.Blacklisted = *flag
	}
	return t
}

// OutstandingTokens yields the tokens that f and decide select, sorted as in f, or the oldest row first. It
// uses the conditions of f on owners, and "blacklisted" in Statuses; decide checks the others.
func (s *Store) OutstandingTokens(ctx context.Context, f Filter, settings tokenctl.JWTSettings, decide Classify[OutstandingToken]) iter.Seq2[OutstandingToken, error] {
	return s.outstandingTokens(ctx, f, settings.WithDefaults(), decide, func(*Layout, *engine.Query) {})
}

func (s *Store) outstandingTokens(ctx context.Context, f Filter, settings tokenctl.JWTSettings, decide Classify[OutstandingToken], narrow func(*Layout, *engine.Query)) iter.Seq2[OutstandingToken, error] {
	d := &filteredList[OutstandingToken]{store: s, filter: f, classify: decide,
		table: outstandingTable{f, settings, !f.wholeOwner(), narrow}, name: "jwts", key: "o.id", goSorts: []string{"user", "user_id", "created", "expires", "status", "type"}}
	return d.rows(ctx)
}

// outstandingOwners looks up the owners of tokens whose user_id is null.
func (tx *Tx) outstandingOwners(ctx context.Context, page []OutstandingToken, o *ownerSearch, s tokenctl.JWTSettings, brief bool) error {
	if !o.ask(len(page), func(i int) string { return page[i].claimedUser }) {
		return nil
	}
	users := tx.Layout.Outstanding().Owner
	field, err := tx.Layout.userIDField(users, s)
	if err == nil {
		err = o.find(ctx, tx, users, field, brief, false)
	}
	for i := range page {
		if err == nil && page[i].claimedUser != "" {
			page[i].User, page[i].Several = o.user(page[i].claimedUser)
		}
	}
	return err
}

// whereOutstanding adds the conditions of a filter that the database can check.
func (f *Filter) whereOutstanding(l *Layout, q *engine.Query) error {
	blacklisted := slices.Contains(f.Statuses, "blacklisted")
	switch {
	case f.Statuses == nil:
	case !blacklisted:
		q.Where = append(q.Where, "not "+l.blacklistedCondition("o.id"))
	case len(f.Statuses) == 1:
		q.Where = append(q.Where, l.blacklistedCondition("o.id"))
	}
	if f.Orphans { // the user in the text may exist; the owners are looked up later
		u := l.Outstanding().Owner
		q.Where = append(q.Where, "u."+engine.Quote(u.Key)+" is null")
	}
	if f.UserIDs == nil {
		return nil
	}
	if err := l.CheckOwner(l.Outstanding()); err != nil {
		return err
	}
	// This lets the index on user_id find the rows.
	q.And("(o.user_id is null or "+l.Engine.AnyOf("o.user_id", "%s")+")", l.Engine.ListArg(l.User.keyArgs(l.Engine, f.UserIDs)))
	return nil
}

// OutstandingWithJTIs returns the tokens with these jtis, in the order of the jtis, and nil for a jti
// without a token.
func (tx *Tx) OutstandingWithJTIs(ctx context.Context, jtis []string, s tokenctl.JWTSettings) ([]*OutstandingToken, error) {
	q, err := tx.Layout.outstandingQuery(false)
	if err != nil {
		return nil, err
	}
	s = s.WithDefaults()
	secrets := tokenctl.Mapped(jtis, tokenctl.NewSecret)
	return exactly(tx, q, "o.jti", secrets, func(q *engine.Query) ([]OutstandingToken, error) {
		list, err := engine.Collect(ctx, tx.Tx, q, func(r *engine.Row) OutstandingToken {
			t := scanOutstanding(tx.Layout, r, false)
			t.read(s)
			return t
		})
		// If two rows have one jti, as text and as bytes, the application finds the text.
		slices.SortStableFunc(list, func(x, y OutstandingToken) int {
			return cmp.Compare(len(y.BadValues), len(x.BadValues))
		})
		if err == nil {
			err = tx.outstandingOwners(ctx, list, new(ownerSearch), s, false)
		}
		return list, err
	}, func(t *OutstandingToken) tokenctl.Secret { return tokenctl.NewSecret(t.JTI) })
}

// OutstandingToken returns the token with this jti, or nil.
func (tx *Tx) OutstandingToken(ctx context.Context, jti string, s tokenctl.JWTSettings) (*OutstandingToken, error) {
	list, err := tx.OutstandingWithJTIs(ctx, []string{jti}, s)
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// StoredToken is an outstanding token whose text is stored.
type StoredToken struct {
	JTI    string
	Text   tokenctl.Secret
	User   User // only its ID is set; zero: the row has no owner
	Marked bool // tokenctl made it
}

// NewestOutstanding returns the n newest outstanding tokens whose texts are stored.
func (tx *Tx) NewestOutstanding(ctx context.Context, n int) ([]StoredToken, error) {
	l := tx.Layout
	o, err := l.usableTable("jwt")
	if err != nil {
		return nil, err
	}
	q := &engine.Query{Columns: []string{"o.jti", "o.token", "coalesce(cast(o.user_id as text), '')", l.Engine.Time("o.created_at")}, From: o.SQL() + " o",
		Where: []string{"o.token <> ''"}, Order: []string{"o.id desc"}, Limit: n}
	return engine.Collect(ctx, tx.Tx, q, func(r *engine.Row) StoredToken {
		t := StoredToken{JTI: r.Stored(o, "jti"), Text: tokenctl.NewSecret(r.Stored(o, "token"))}
		if id := r.Text(); id != "" && o.Owner != nil {
			t.User.ID = o.Owner.keyText(id)
		}
		t.Marked = isMarked(r.Moment(django.SimpleJWTTime, o, "created_at"))
		return t
	})
}

// JWTUsers returns the values of users that simplejwt writes into tokens, in the order of the users. It
// reads the passwords, because owners from a list come without them.
func (tx *Tx) JWTUsers(ctx context.Context, users []User, s tokenctl.JWTSettings) ([]django.JWTUser, error) {
	l := tx.Layout
	u := l.JWTUsers() // tokens of other models' users are not recorded
	field, err := l.userIDField(u, s.WithDefaults())
	if err != nil {
		return nil, err
	}
	list := tokenctl.Mapped(users, func(u User) django.JWTUser { return django.JWTUser{ID: u.ID, Integer: field.KeyType == KeyInteger} })
	if field.Key == u.Key && !s.CheckRevokeToken {
		return list, nil
	}
	keys, err := l.keysOf(u, users)
	if err != nil {
		return nil, err
	}
	q := &engine.Query{Columns: []string{"cast(u." + engine.Quote(u.Key) + " as text)", "coalesce(cast(u." + engine.Quote(field.Key) + " as text), '')", "coalesce(u.password, '')"}, From: u.From("u")}
	q.OneOf(l.Engine, "u."+engine.Quote(u.Key), keys)
	type claims struct{ id, password string }
	found := map[string]claims{}
	err = tx.Each(ctx, q, func(r engine.Row) error {
		key := u.keyText(r.Text())
		found[key] = claims{field.keyText(r.Text()), r.Text()}
		return r.Err
	})
	for i, u := range users {
		list[i].ID, list[i].Password = found[u.ID].id, found[u.ID].password
		if err == nil && list[i].ID == "" {
			err = &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: u.Username + " has nothing in " + field.Key + ", the USER_ID_FIELD"}
		}
	}
	return list, err
}
