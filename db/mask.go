package db

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tokenctl"
	"tokenctl/db/engine"
)

// A role that must not read secrets reads tables through views that stand beside them: the view of
// authtoken_token is tokenctl_authtoken_token. A view has the table's columns, and in place of a
// secret what tells as much as an audit needs:
//
//	a key        its SHA-256, of which ids have the beginning, and what its form is
//	a JWT        its header and payload
//	a password   its algorithm, iterations and length
//
// tokenctl uses a view where the role may read it, and may not read the secret in the table.
// tokenctl grants prints the views.

// viewPrefix begins the names of the views.
const viewPrefix = "tokenctl_"

// The columns of views that no table has: the form of a key, and the hash of its first half.
const (
	formColumn = "tokenctl_form"
	halfColumn = "tokenctl_half"
)

// mask is what the view of a table shows.
type mask struct {
	table   *engine.Table
	columns []string          // those of the table that are shown
	secrets map[string]string // expressions in the place of columns
	key     string            // the column of a key, whose form is shown; empty: none
}

// viewName is the name of the view of a table. PostgreSQL's names have 63 bytes at most.
func viewName(t *engine.Table) string {
	name := viewPrefix + t.Name
	for len(name) > 63 {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// asText is the expression of a column as a text, with the blanks behind it that Go reads.
func asText(t *engine.Table, column string) string {
	text := "cast(t." + engine.Quote(column) + " as text)"
	if c := t.Column(column); c.Type == "bpchar" {
		text = "rpad(" + text + ", " + strconv.Itoa(c.Length) + ")"
	}
	return text
}

// masks are those of all tables that hold secrets.
func (l *Layout) masks() (list []mask) {
	for _, u := range l.userTables() {
		if u.Column("password") != nil {
			t := u.holder("password")
			list = append(list, mask{table: t, columns: columnNames(t), secrets: map[string]string{"password": strings.ReplaceAll(maskedPassword, "SECRET", asText(t, "password"))}})
		}
	}
	add := func(name, key string, secrets map[string]string, columns ...string) {
		if t := l.tables[name]; t != nil {
			columns = slices.DeleteFunc(columns, func(c string) bool { return t.Column(c) == nil })
			m := mask{t.Table, columns, map[string]string{}, key}
			for column, expr := range secrets {
				if c := t.Column(column); c != nil {
					m.secrets[column] = strings.ReplaceAll(expr, "SECRET", asText(t.Table, column))
				}
			}
			list = append(list, m)
		}
	}
	const hash, start = "'" + hashPrefix + "' || encode(sha256(convert_to(SECRET, 'UTF8')), 'hex')", "left(SECRET, least(8, length(SECRET) / 4)) || '-' || "
	add(tableAuthToken, "key", map[string]string{"key": hash}, "id", "key", "created", "user_id")
	add(tableKnox, "", map[string]string{"token_key": "repeat('*', length(SECRET))", "salt": "repeat('*', length(SECRET))"}, "digest", "token_key", "salt", "created", "expiry", "expires", "user_id")
	add(tableOutstanding, "", map[string]string{"token": maskedJWT}, "id", "jti", "token", "created_at", "expires_at", "user_id")
	add(tableSession, "session_key", map[string]string{"session_key": start + hash}, "session_key", "session_data", "expire_date")
	add(tableAdminLog, "", map[string]string{"object_id": hash, "object_repr": hash}, "id", "object_id", "object_repr", "change_message")
	return list
}

func columnNames(t *engine.Table) (list []string) {
	for _, c := range t.Columns {
		list = append(list, c.Name)
	}
	return list
}

// maskedPassword keeps what [django.WeakHash] looks at: that there is no usable one, the algorithm,
// the iterations of PBKDF2, whether MD5 and SHA-1 have a salt, and the length.
const maskedPassword = `case when SECRET like '!%' then '!' else rpad(coalesce(substring(SECRET from '^(pbkdf2_sha256\$[0-9]+\$|pbkdf2_sha1\$[0-9]+\$|md5\$\$?|sha1\$\$?|[a-z0-9_]{1,30}\$)'), ''), length(SECRET), '*') end`

// Withheld stands in the view of JWTs for a signature.
const Withheld = "withheld"

// maskedJWT keeps the word that [Tx.RedactOutstanding] writes.
const maskedJWT = `case when SECRET ~ '^[^.]*\.[^.]*\.redacted$' then SECRET when SECRET ~ '^[^.]*\.[^.]*\.[^.]*$' then regexp_replace(SECRET, '[^.]*$', '` + Withheld + `') else '' end`

// hashPrefix stands before the hash of a secret. No key of a peer's is as long as both.
const hashPrefix = "sha256:"

var hashForm = regexp.MustCompile(`^(.{0,8}-)?` + hashPrefix + `([0-9a-f]{64})$`)

// HashOf returns the SHA-256, in hexadecimal, that a view shows in place of a key, and what it shows
// of the key itself, which is the beginning of a session's; masked is false for a key itself.
func HashOf(key tokenctl.Secret) (hash, start string, masked bool) {
	text := key.Reveal()
	if len(text) < 64+len(hashPrefix) {
		return "", "", false
	}
	m := hashForm.FindStringSubmatch(text)
	if m == nil {
		return "", "", false
	}
	return m[2], strings.TrimSuffix(m[1], "-"), true
}

// formOf is the expression of the form of a key: its bytes, the number of the smallest of the sets of
// characters that has all of them (hexadecimal digits, lower-case letters and digits, letters and
// digits, others), how many characters are the one before, how many follow on it or precede it, how
// many of the runs of three were there before, and how many characters belong to one of the words.
func formOf(key string, words []string) string {
	digits, letters := "length(regexp_replace(k, '[^0-9]', '', 'g'))", "length(regexp_replace(k, '[^a-zA-Z]', '', 'g'))"
	return `(select concat_ws(' ', octet_length(k), case when k ~ '^[0-9a-f]*$' then 1 when k ~ '^[0-9a-z]*$' then 2 when k ~ '^[0-9a-zA-Z]*$' then 3 else 4 end,
		count(*) filter (where a = b), count(*) filter (where abs(ascii(a) - ascii(b)) = 1), count(c) - count(distinct c),
		case when 3 * ` + digits + ` > ` + letters + ` or ` + letters + ` < 8 then 0 else length(k) - length(regexp_replace(lower(k), '` + strings.Join(words, "|") + `', '', 'g')) end)
		from (select ` + key + ` as k) as secret left join lateral (select substr(k, i, 1) as a, substr(k, i - 1, 1) as b, case when i > 2 then substr(k, i - 2, 3) end as c from generate_series(2, length(k)) as i) as pairs on true group by k)`
}

// definition is the statement that makes the view. words are those that make a key easy to guess.
func (m *mask) definition(words []string) string {
	var list []string
	for _, name := range m.columns {
		expr := m.secrets[name]
		if expr == "" {
			expr = "t." + engine.Quote(name)
		}
		list = append(list, expr+" as "+engine.Quote(name))
	}
	if m.key != "" {
		key := asText(m.table, m.key)
		list = append(list, formOf(key, words)+" as "+formColumn, "case when length("+key+") >= 16 then encode(sha256(convert_to(left("+key+", length("+key+") / 2), 'UTF8')), 'hex')"+" end as "+halfColumn)
	}
	return "create or replace view " + m.view() + " with (security_barrier) as select\n\t" + strings.Join(list, ",\n\t") + "\nfrom " + m.table.Own() + " t"
}

func (m *mask) view() string {
	return engine.Quote(m.table.Schema) + "." + engine.Quote(viewName(m.table))
}

// shows reports whether a view has the columns that tokenctl reads.
func (m *mask) shows(view *engine.Table) bool {
	wanted := m.columns
	if m.key != "" {
		wanted = append(slices.Clone(wanted), formColumn, halfColumn)
	}
	return !slices.ContainsFunc(wanted, func(name string) bool { return view.Column(name) == nil })
}

// readThroughViews makes tables with secrets be read through their views, where the role needs
// that and may.
func (l *Layout) readThroughViews(ctx context.Context, tx *Tx, views []*engine.Table) error {
	if len(views) == 0 {
		return nil
	}
	for _, m := range l.masks() {
		i := slices.IndexFunc(views, func(v *engine.Table) bool {
			return v.Schema == m.table.Schema && v.Name == viewName(m.table) && m.shows(v)
		})
		if i < 0 {
			continue
		}
		may, err := tx.MayRead(ctx, m.table, m.secretColumns()...)
		if err != nil || may {
			return err
		}
		if may, err = tx.MayRead(ctx, views[i], m.columns...); err != nil {
			return err
		}
		if may {
			m.table.ReadThrough(views[i].Name)
		}
	}
	return nil
}

func (m *mask) secretColumns() (list []string) {
	for _, name := range m.columns {
		if m.secrets[name] != "" {
			list = append(list, name)
		}
	}
	return list
}

// standIns are what a view shows in the place of keys, with the beginnings that it shows of them.
func standIns(keys []tokenctl.Secret, start func(key string) string) []tokenctl.Secret {
	list := make([]tokenctl.Secret, len(keys))
	for i, k := range keys {
		if _, _, masked := HashOf(k); masked || k.IsZero() {
			list[i] = k
			continue
		}
		sum := sha256.Sum256([]byte(k.Reveal()))
		list[i] = tokenctl.NewSecret(start(k.Reveal()) + hashPrefix + hex.EncodeToString(sum[:]))
	}
	return list
}

// MaskedKey is what a view tells of a key.
type MaskedKey struct{ Form, Half string }

// scanMasked reads the columns of the form and the half.
func scanMasked(r *engine.Row) *MaskedKey {
	form, _ := r.Maybe()
	half, _ := r.Maybe()
	return &MaskedKey{form, half}
}
