package db

import (
	"context"
	"iter"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// These functions are for tokenctl audit. They read and change tables in addition to the lists of credentials.

// LoggedKey is a drf key that stands in Django's admin log, with the number of its entries.
type LoggedKey struct {
	Key     tokenctl.Secret
	Entries int
}

// adminLog returns the table of Django's admin log, and the columns in which older releases of DRF leave keys.
// object_repr is str(token), and object_id is the primary key of the token (rest_framework/authtoken, 3.12 to
// 3.18).
func (l *Layout) adminLog() (t *Table, columns []string) {
	if t = l.tables[tableAdminLog]; t == nil || t.Column("id") == nil {
		return nil, nil
	}
	for _, name := range []string{"object_repr", "object_id"} {
		if t.Column(name) != nil {
			columns = append(columns, name)
		}
	}
	return t, columns
}

// loggedKeys returns a query for the entries that hold a key. An entry with several keys has a row for each
// key.
func (l *Layout) loggedKeys() (text string) {
	log, columns := l.adminLog()
	if log == nil || l.AuthToken() == nil {
		return ""
	}
	for i, name := range columns {
		if i > 0 {
			text += " union "
		}
		text += "select k.key as key, a.id as entry from " + log.SQL() + " a join " + l.AuthToken().SQL() + " k on k.key = a." + engine.Quote(name)
	}
	return text
}

// LoggedKeys returns the keys in the admin log that are drf tokens, in the order of the keys.
func (tx *Tx) LoggedKeys(ctx context.Context) ([]LoggedKey, error) {
	text := tx.Layout.loggedKeys()
	if text == "" {
		return nil, nil
	}
	return engine.Collect(ctx, tx.Tx, &engine.Query{Text: "select key, count(*) from (" + text + ") e group by key order by key"}, func(r *engine.Row) LoggedKey {
		key, _ := r.TextOrNull()
		return LoggedKey{tokenctl.NewSecret(key), int(r.Integer())}
	})
}

// LogEntries returns the primary keys of the admin log's entries that hold one of the keys.
func (tx *Tx) LogEntries(ctx context.Context, keys []tokenctl.Secret) ([]int64, error) {
	q := &engine.Query{Columns: []string{"distinct e.entry"}, From: "(" + tx.Layout.loggedKeys() + ") e", Order: []string{"1"}}
	q.Among(tx.Layout.Engine, "e.key", "text", revealed(keys))
	return engine.Collect(ctx, tx.Tx, q, func(r *engine.Row) int64 { return r.Integer() })
}

// RedactLog replaces keys in entries of the admin log with a word. It returns the number of entries that it
// changed.
func (tx *Tx) RedactLog(ctx context.Context, entries []int64, word string) (int64, error) {
	l := tx.Layout
	log, columns := l.adminLog()
	set, has := "", ""
	for i, name := range columns {
		c := engine.Quote(name)
		found := "exists (select 1 from " + l.AuthToken().SQL() + " k where k.key = t." + c + ")"
		if i > 0 {
			set, has = set+", ", has+" or "
		}
		set += c + " = case when " + found + " then cast(n.all as text) else t." + c + " end"
		has += found
	}
	rows := columnValues{"key", log.Column("id"), engine.Anys(entries)}
	missed, err := tx.run(ctx, change{table: log, text: "update " + log.SQL() + " as t set " + set + " from n where t.id = n.key and (" + has + ")", same: word, each: []columnValues{rows}})
	if err != nil || missed == nil {
		return int64(len(entries) - len(missed)), err
	}
	q := &engine.Query{From: log.SQL() + " t", Where: []string{"(" + has + ")"}}
	return int64(len(entries) - len(missed)), tx.noKeyKept(ctx, log, q, "t.id", columnValues{"key", log.Column("id"), Subset(rows.each, missed)})
}

// RedactOutstanding replaces the signatures in the texts of tokens with a word.
func (tx *Tx) RedactOutstanding(ctx context.Context, refs []Ref, word string) (Outcomes, error) {
	l := tx.Layout
	o, err := l.usableTable("jwt")
	if err != nil {
		return nil, err
	}
	done := "." + word
	c := change{table: o, text: "update " + o.SQL() + " as o set token = rtrim(o.token, replace(o.token, '.', '')) || cast(n.all as text) from n where " + outstandingTheirs,
		changed: "o.token like '%" + done + "'", same: word,
		each: []columnValues{{"row", o.Column("id"), rowValues(refs)}, {"jti", o.Column("jti"), keyValues(refs)}}}
	return tx.applyOutstanding(ctx, c, refs, func(*OutstandingToken) bool { return false })
}

// LostBlacklisting is a BlacklistedToken whose OutstandingToken does not exist.
type LostBlacklisting struct{ Row, Token int64 }

// LostBlacklistings returns the rows of the blacklist whose token does not exist. A foreign key should prevent
// such rows.
func (tx *Tx) LostBlacklistings(ctx context.Context) ([]LostBlacklisting, error) {
	l := tx.Layout
	b, o := l.Blacklisted(), l.Outstanding()
	if b == nil || o == nil || b.Column("id") == nil || b.Column("token_id") == nil {
		return nil, nil
	}
	q := &engine.Query{Columns: []string{"b.id", "b.token_id"}, From: b.SQL() + " b", Where: []string{l.tokenGone("b")}, Order: []string{"b.id"}}
	return engine.Collect(ctx, tx.Tx, q, func(r *engine.Row) LostBlacklisting { return LostBlacklisting{r.Integer(), r.Integer()} })
}

// DeleteLostBlacklistings deletes the rows whose token still does not exist. It returns the number of deleted
// rows.
func (tx *Tx) DeleteLostBlacklistings(ctx context.Context, refs []Ref) (int64, error) {
	b := tx.Layout.Blacklisted()
	return tx.deleteWhile(ctx, b, columnValues{"key", b.Column("id"), rowValues(refs)}, func(string) string { return tx.Layout.tokenGone("t") }, nil)
}

// ExpiredSize returns the approximate number of bytes of the rows of a kind that expired before a time. On
// PostgreSQL it is the size of the stored rows, on SQLite the size of their texts.
func (tx *Tx) ExpiredSize(ctx context.Context, kind string, before time.Time) (bytes int64, err error) {
	l := tx.Layout
	t, err := l.usableTable(kind)
	if err != nil {
		return 0, err
	}
	expiry := t.expiry()
	if expiry == "" {
		return 0, nil
	}
	size := "pg_column_size(t.*)"
	if l.Engine == engine.SQLite {
		size = "0"
		for _, c := range t.Columns {
			size += " + coalesce(length(cast(t." + engine.Quote(c.Name) + " as blob)), 0)"
		}
	}
	q := &engine.Query{Columns: []string{"coalesce(sum(" + size + "), 0)"}, From: t.SQL() + " t"}
	if l.Engine == engine.PostgreSQL {
		q.Columns[0] = "cast(" + q.Columns[0] + " as bigint)"
	}
	q.And(l.Engine.Dated(t.Column(expiry), "t."+engine.Quote(expiry), "<", "%s"), l.timeArgFor(kind, before))
	return bytes, tx.Scan(ctx, q, &bytes)
}

// KeyStock holds facts about all keys of one kind.
type KeyStock struct {
	Rows int64
	// Halves are the first halves that several keys of one length share, if the keys have 16 characters
	// or more. For masked keys they are the hashes of the halves.
	Halves []tokenctl.Secret
}

// KeyStock returns facts about the keys of a kind. The keys are its secrets.
func (tx *Tx) KeyStock(ctx context.Context, kind string) (s KeyStock, err error) {
	t, err := tx.Layout.usableTable(kind)
	if err != nil {
		return s, err
	}
	key := tx.Layout.Engine.Bytewise("t." + engine.Quote(kindTableOf(kind).required[0])) // the key of drf, the session_key of a session
	if err := tx.Scan(ctx, &engine.Query{Columns: []string{"count(*)"}, From: t.SQL() + " t"}, &s.Rows); err != nil {
		return s, err
	}
	half, length := "substr("+key+", 1, length("+key+") / 2)", "length("+key+")"
	if t.Masked() {
		half, length = "t."+halfColumn, "case when t."+halfColumn+" is null then 0 else 16 end"
	}
	q := &engine.Query{Text: "select half from (select " + half + " as half, " + length + " as n from " + t.SQL() + " t where " + length + " >= 16) k group by half, n having count(*) > 1"}
	s.Halves, err = engine.Collect(ctx, tx.Tx, q, func(r *engine.Row) tokenctl.Secret {
		half, _ := r.TextOrNull()
		return tokenctl.NewSecret(half)
	})
	return s, err
}

// OwnersOfMany returns the primary keys of the users to whom more than limit rows of a kind belong. It returns
// nil if a row may name no user, because then the rows do not tell who has more.
func (tx *Tx) OwnersOfMany(ctx context.Context, kind string, limit int) (owners map[string]bool, err error) {
	t, err := tx.Layout.usableTable(kind)
	if err != nil {
		return nil, err
	}
	if c := t.Column("user_id"); t.Owner == nil || c == nil || !c.NotNull {
		return nil, nil
	}
	owners = map[string]bool{}
	q := &engine.Query{Text: "select cast(t.user_id as text) from " + t.SQL() + " t group by t.user_id having count(*) > $1", Args: []any{limit}}
	return owners, tx.Each(ctx, q, func(r engine.Row) error {
		owners[t.Owner.keyText(r.Text())] = true
		return r.Err
	})
}

// SharedName is a value of USERNAME_FIELD that several users have, with the primary keys of these users.
type SharedName struct {
	Name string
	IDs  []string
}

// UsersOfSharedNames returns the names that several users have, with these users. If a unique constraint
// prevents such names, it returns none.
func (tx *Tx) UsersOfSharedNames(ctx context.Context) (list []SharedName, err error) {
	u, err := tx.Layout.Users()
	if err != nil || u.Column(u.Username).Unique && u.Stored() {
		return nil, err
	}
	name := engine.Quote(u.Username)
	q := &engine.Query{Columns: []string{"cast(u." + name + " as text)", "cast(u." + engine.Quote(u.Key) + " as text)"}, From: u.From("u"),
		Where: []string{"u." + name + " in (select d." + name + " from " + u.From("d") + " group by d." + name + " having count(*) > 1)"},
		Order: []string{"u." + name, "u." + engine.Quote(u.Key)}}
	return list, tx.Each(ctx, q, func(r engine.Row) error {
		name, id := r.Text(), u.keyText(r.Text())
		if n := len(list); n > 0 && list[n-1].Name == name {
			list[n-1].IDs = append(list[n-1].IDs, id)
		} else {
			list = append(list, SharedName{name, []string{id}})
		}
		return r.Err
	})
}

// HashedUser is a user, with facts about the hash of the password.
type HashedUser struct {
	User
	Start  string // the first 40 characters of the encoded password
	Length int    // the number of characters of the whole encoded password
}

// WeaklyHashedUsers yields users that f selects, in the order of their primary keys. It skips users for whose hash
// [django.WeakHash] certainly names no fault. usual is the beginning of the hashes that the application's PBKDF2
// hasher makes; if it is empty, no hash of PBKDF2 is weak.
func (s *Store) WeaklyHashedUsers(ctx context.Context, f Filter, usual string) iter.Seq2[HashedUser, error] {
	return stream(ctx, s, func(l *Layout) (*engine.Query, error) {
		u, err := l.UserTable()
		if err != nil {
			return nil, err
		}
		q := &engine.Query{Columns: append(l.ownerColumns(u, true), "substr(u.password, 1, 40)", "coalesce(length(u.password), 0)"), From: u.From("u"), PageBy: "u." + engine.Quote(u.Key)}
		encoded := "cast(u.password as text)"
		weak := "length(" + encoded + ") = 32 or substr(" + encoded + ", 1, 3) = 'md5' or substr(" + encoded + ", 1, 4) = 'sha1'"
		if usual != "" {
			weak += q.Expr(" or substr("+encoded+", 1, 7) = 'pbkdf2_' and substr("+encoded+", 1, %s) <> %s", len(usual), usual)
		}
		q.Where = append(q.Where, "("+weak+")")
		return q, f.whereOwner(l, u, q)
	}, func(l *Layout, r *engine.Row) HashedUser {
		h := HashedUser{User: scanOwner(l.User, r, true)}
		h.Start, _ = r.TextOrNull()
		h.Length = int(r.Integer())
		return h
	})
}

// HasPassword reports whether text is the user's password.
func (u *User) HasPassword(text string) bool { return django.CheckPassword(text, u.password) }
