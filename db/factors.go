package db

import (
	"context"
	"iter"
	"math/big"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"tokenctl/db/engine"
	"tokenctl/django"
)

// Factor is a device of a user, or the user's recovery codes.
type Factor struct {
	User      User // key, name and IsActive
	Kind      string
	Name      string
	Confirmed bool      // a device that is not confirmed does not count as a factor
	LastUsed  time.Time // zero: never, or the release does not record it
	// CodesLeft is the number of codes that are left in a static device or in recovery codes. It is
	// nil for other kinds, and if it is not known.
	CodesLeft *int
	// Computed reports whether CodesLeft is computed from the configured number of recovery codes.
	Computed  bool
	BadValues []engine.BadValue
	table     int
	key       string
}

// Same reports whether f and other are the same row.
func (f *Factor) Same(other *Factor) bool { return f.table == other.table && f.key == other.key }

// Factors yields the second factors of all users, or of the users with the keys userIDs, sorted by user.
// codes is the number of recovery codes that allauth makes for a user: MFA_RECOVERY_CODE_COUNT. The
// secrets stay in the database.
func (s *Store) Factors(ctx context.Context, userIDs []string, codes int) iter.Seq2[Factor, error] {
	return stream(ctx, s, func(l *Layout) (*engine.Query, error) { return l.factorQuery(userIDs) },
		func(l *Layout, r *engine.Row) Factor { return l.scanFactor(r, codes) })
}

// Factors returns the second factors of users: see [Store.Factors].
func (tx *Tx) Factors(ctx context.Context, users []User, codes int) ([]Factor, error) {
	if !tx.Layout.HasFactors() || len(users) == 0 {
		return nil, nil
	}
	q, err := tx.Layout.factorQuery(IDsOf(users))
	if err != nil {
		return nil, err
	}
	return engine.Collect(ctx, tx.Tx, q, func(r *engine.Row) Factor { return tx.Layout.scanFactor(r, codes) })
}

// factorQuery returns the query whose rows scanFactor reads. There must be a table of factors.
func (l *Layout) factorQuery(userIDs []string) (*engine.Query, error) {
	u, err := l.UserTable()
	if err != nil {
		return nil, err
	}
	var parts []string
	for i, t := range l.factors {
		parts = append(parts, "select "+strings.Join(l.factorColumns(i, t), ", ")+" from "+t.SQL()+" t")
	}
	q := &engine.Query{Columns: append(l.ownerColumns(u, true), "f.place", "f.key", "f.kind", "f.name", "f.confirmed", "f.last_used", "f.codes", "f.used"),
		From:  "(" + strings.Join(parts, " union all ") + ") f join " + u.From("u") + " on u." + engine.Quote(u.Key) + " = f.user_id",
		Order: []string{"u." + engine.Quote(u.Key), "f.place", "f.kind", "length(f.key)", "f.key"}}
	if userIDs != nil {
		q.OneOf(l.Engine, "u."+engine.Quote(u.Key), u.keyArgs(l.Engine, userIDs))
	}
	return q, nil
}

// factorColumns returns the columns of a table of factors for factorQuery. place is the table's index in
// l.factors, codes the number of codes that the database counts, and used allauth's mask of used recovery
// codes.
func (l *Layout) factorColumns(place int, t *factorTable) []string {
	name, confirmed, codes, used := "cast(t.name as text)", "", "cast(null as text)", "cast(null as text)"
	switch {
	case t.kind == "":
		name, codes, used = l.authenticatorFields(t)
		confirmed = "(1 = 1)"
	default:
		confirmed = "(" + l.truthOf(t.Column("confirmed"), "t.confirmed") + ")"
	}
	if t.codes != nil {
		codes = "cast((select count(*) from " + t.codes.SQL() + " c where c.device_id = t." + engine.Quote(t.PrimaryKey().Name) + ") as text)"
	}
	last := "null"
	if l.Engine == engine.PostgreSQL {
		last = "cast(null as timestamptz)"
	}
	if t.Column("last_used_at") != nil {
		last = l.Engine.Time("t.last_used_at")
	}
	return []string{strconv.Itoa(place) + " as place", "cast(t." + engine.Quote(t.PrimaryKey().Name) + " as text) as key", "t.user_id as user_id",
		t.kindOf() + " as kind", name + " as name", confirmed + " as confirmed", last + " as last_used", codes + " as codes", used + " as used"}
}

// kindOf returns the expression of a row's kind, for the alias t.
func (t *factorTable) kindOf() string {
	if t.kind == "" {
		return "cast(t.type as text)"
	}
	return "cast(" + engine.Literal(t.kind) + " as text)"
}

// authenticatorFields returns the expressions for values in the JSON of allauth's Authenticator that are
// not secret: the name of a WebAuthn key; for recovery codes the length of a list that comes from another
// package ("migrated_codes"), or the mask of the used codes
// (allauth/mfa/recovery_codes/internal/auth.py, 65.0.2 and 65.19.1).
func (l *Layout) authenticatorFields(t *factorTable) (name, codes, used string) {
	const isCodes, isKey = "t.type = 'recovery_codes'", "t.type = 'webauthn'"
	switch {
	case l.Engine == engine.SQLite:
		const valid = " and json_valid(t.data)"
		return "case when " + isKey + valid + " then cast(t.data ->> '$.name' as text) end",
			"case when " + isCodes + valid + " then case when json_type(t.data, '$.migrated_codes') = 'array' then cast(json_array_length(t.data, '$.migrated_codes') as text) end end",
			"case when " + isCodes + valid + " then t.data -> '$.used_mask' end"
	case t.Column("data").Type != "jsonb":
		const unknown = "cast(null as text)"
		return unknown, unknown, unknown
	}
	return "case when " + isKey + " then t.data ->> 'name' end",
		"case when " + isCodes + " and jsonb_typeof(t.data -> 'migrated_codes') = 'array' then cast(jsonb_array_length(t.data -> 'migrated_codes') as text) end",
		"case when " + isCodes + " then t.data ->> 'used_mask' end"
}

func (l *Layout) scanFactor(r *engine.Row, codes int) (f Factor) {
	f.User = scanOwner(l.User, r, true)
	f.table, f.key, f.Kind = int(r.Integer()), r.Text(), r.Text()
	if f.Name, _ = r.TextOrNull(); r.Err != nil {
		return f
	}
	confirmed := r.Flag()
	f.Confirmed = confirmed != nil && *confirmed
	f.LastUsed = r.Moment(django.DjangoTime, l.factors[f.table].Table, "last_used_at")
	f.BadValues, r.BadValues = r.BadValues, nil
	if counted, ok := r.TextOrNull(); ok {
		if n, err := strconv.Atoi(counted); err == nil {
			f.CodesLeft = &n
		}
	}
	if mask, ok := r.TextOrNull(); ok && f.CodesLeft == nil {
		f.CodesLeft = codesLeft(mask, codes)
		f.Computed = f.CodesLeft != nil
	}
	return f
}

// codesLeft returns the number of recovery codes that are not marked in the mask of used codes, whose bit
// i stands for the code i. It is nil if the mask has a code beyond the number codes: the application then
// makes more codes.
func codesLeft(mask string, codes int) *int {
	var used big.Int
	if _, ok := used.SetString(mask, 10); !ok || used.Sign() < 0 || used.BitLen() > codes {
		return nil
	}
	for _, word := range used.Bits() {
		codes -= bits.OnesCount(uint(word))
	}
	return &codes
}

// confirmedOnly returns the condition that a row of a table of factors with the alias t is a confirmed
// device. Every device of allauth is confirmed.
func (l *Layout) confirmedOnly(t *factorTable) string {
	if t.kind == "" {
		return "t.type <> 'recovery_codes'"
	}
	return "(" + l.truthOf(t.Column("confirmed"), "t.confirmed") + ") is true"
}

// hasFactor returns the condition that the user with the alias u has a confirmed device. Recovery codes
// alone do not count. Users of another model than AUTH_USER_MODEL have no device.
func (l *Layout) hasFactor(u *UserTable) string {
	parts := []string{"1 = 0"}
	for _, t := range l.factors {
		if u.same(l.auth) {
			parts = append(parts, "exists (select 1 from "+t.SQL()+" t where t.user_id = u."+engine.Quote(u.Key)+" and "+l.confirmedOnly(t)+")")
		}
	}
	return "(" + strings.Join(parts, " or ") + ")"
}

// factorKinds returns the expression of the kinds of confirmed factors of the user with the alias u, with
// commas between them.
func (l *Layout) factorKinds(u *UserTable) string {
	var parts []string
	for _, t := range l.factors {
		if u.same(l.auth) {
			part := "select " + t.kindOf() + " as kind from " + t.SQL() + " t where t.user_id = u." + engine.Quote(u.Key)
			if t.kind != "" {
				part += " and " + l.confirmedOnly(t)
			}
			parts = append(parts, part)
		}
	}
	if parts == nil {
		return "null"
	}
	list := "string_agg"
	if l.Engine == engine.SQLite {
		list = "group_concat"
	}
	return "(select " + list + "(f.kind, ',') from (" + strings.Join(parts, " union ") + ") f)"
}

// scanFactorKinds reads the kinds of factorKinds. It returns nil for a user without a factor.
func scanFactorKinds(r *engine.Row) []string {
	text, _ := r.TextOrNull()
	if text == "" || text == FactorRecoveryCodes {
		return nil
	}
	kinds := strings.Split(text, ",")
	slices.SortFunc(kinds, compareKinds)
	return slices.Compact(kinds)
}

// UsersWithFactor returns the keys of the users who have a confirmed second factor. Without an app for
// factors ([Layout.HasFactors]) no user has one.
func (tx *Tx) UsersWithFactor(ctx context.Context, users []User) (map[string]bool, error) {
	l := tx.Layout
	u, err := l.UserTable()
	if err != nil || !l.HasFactors() {
		return nil, err
	}
	key := "u." + engine.Quote(u.Key)
	q := &engine.Query{Columns: []string{"cast(" + key + " as text)"}, From: u.From("u"), Where: []string{l.hasFactor(u)}}
	q.OneOf(l.Engine, key, u.keyArgs(l.Engine, IDsOf(users)))
	return tx.keySet(ctx, u, q)
}

// DeleteFactors deletes all second factors of the users, and their codes. The caller has locked the users
// ([Tx.LockUsers]). If the database keeps a row, the error has the code [tokenctl.CodeRowsKept].
func (tx *Tx) DeleteFactors(ctx context.Context, users []User) error {
	l := tx.Layout
	keys, err := l.userKeys(users)
	if err != nil {
		return err
	}
	theirs := l.Engine.AnyOf("user_id", "$1")
	for _, t := range l.factors {
		if err := tx.deleteCodes(ctx, t, theirs, keys); err != nil {
			return err
		}
		if err := tx.Exec(ctx, "delete from "+t.SQL()+" where "+theirs, keys); err != nil {
			return err
		}
		if err := tx.noneKept(ctx, t.Table, &engine.Query{From: t.SQL(), Where: []string{theirs}, Args: []any{keys}}); err != nil {
			return err
		}
	}
	return tx.CheckConstraints(ctx)
}

// deleteCodes deletes the codes of the static devices that fulfil a condition on $1.
func (tx *Tx) deleteCodes(ctx context.Context, t *factorTable, devices string, arg any) error {
	if t.codes == nil {
		return nil
	}
	return tx.Exec(ctx, "delete from "+t.codes.SQL()+" where device_id in (select "+engine.Quote(t.PrimaryKey().Name)+" from "+t.SQL()+" where "+devices+")", arg)
}
