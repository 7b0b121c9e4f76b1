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

// A role that must not read secrets reads the tables through views. The view of authtoken_token is
// tokenctl_authtoken_token, in the same schema. A view has columns of the table. In place of a secret it shows
// only the facts that an audit needs:
//
//	a key        its SHA-256, of which the ids show the beginning, and its form
//	a JWT        its header and payload
//	a password   its algorithm, iterations and length
//	a text       in which a key may stand: its SHA-256, and the hashes of its words
//
// tokenctl uses a view if the role may read the view and may not read the secret in the table. tokenctl grants
// prints the statements that make the views.

// viewPrefix is the beginning of the names of the views.
const viewPrefix = "tokenctl_"

// Only views have these columns: the form of a key, and the hash of its first half.
const (
	formColumn = "tokenctl_form"
	halfColumn = "tokenctl_half"
)

// mask describes the view of a table.
type mask struct {
	table   *engine.Table
	columns []string          // the columns of the table that the view shows
	secrets map[string]string // the expressions that replace columns, by column
	key     string            // the column with the key whose form the view shows; empty: there is none
	words   []string          // the columns whose words the view shows as hashes: see [hashedWords]
}

// viewName returns the name of the view of a table. It cuts the name to 63 bytes, the longest name in
// PostgreSQL.
func viewName(t *engine.Table) string {
	name := viewPrefix + t.Name
	for len(name) > 63 {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// asText returns the expression of a column as text. For a column of type bpchar the expression restores the
// blanks at the end, because Go reads them and the cast drops them.
func asText(t *engine.Table, column string) string {
	text := "cast(t." + engine.Quote(column) + " as text)"
	if c := t.Column(column); c.Type == "bpchar" {
		text = "rpad(" + text + ", " + strconv.Itoa(c.Length) + ")"
	}
	return text
}

// masks returns the masks of all tables with secrets.
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
			m := mask{table: t.Table, columns: columns, secrets: map[string]string{}, key: key}
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
	if log, columns := l.adminLog(); log != nil {
		list[len(list)-1].words = columns
	}
	return list
}

func columnNames(t *engine.Table) (list []string) {
	for _, c := range t.Columns {
		list = append(list, c.Name)
	}
	return list
}

// maskedPassword keeps the facts that [django.WeakHash] reads: an unusable password, the algorithm, the
// iterations of PBKDF2, whether MD5 and SHA-1 have a salt, and the length.
const maskedPassword = `case when SECRET like '!%' then '!' else rpad(coalesce(substring(SECRET from '^(pbkdf2_sha256\$[0-9]+\$|pbkdf2_sha1\$[0-9]+\$|md5\$\$?|sha1\$\$?|[a-z0-9_]{1,30}\$)'), ''), length(SECRET), '*') end`

// Withheld stands in the view of JWTs in place of a signature.
const Withheld = "withheld"

// maskedJWT keeps the word that [Tx.RedactOutstanding] writes in place of a signature.
const maskedJWT = `case when SECRET ~ '^[^.]*\.[^.]*\.redacted$' then SECRET when SECRET ~ '^[^.]*\.[^.]*\.[^.]*$' then regexp_replace(SECRET, '[^.]*$', '` + Withheld + `') else '' end`

// hashPrefix stands before the hash of a secret. No key of a peer is as long as the prefix and the hash
// together.
const hashPrefix = "sha256:"

var hashForm = regexp.MustCompile(`^(.{0,8}-)?` + hashPrefix + `([0-9a-f]{64})$`)

// HashOf returns the SHA-256, in hexadecimal digits, that a view shows in place of a key. start is the part of
// the key itself that the view shows: the beginning of a session key. masked is false if key is a key itself.
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

// formOf returns the SQL expression of the form of a key. The form has six numbers: the bytes of the key; the
// smallest set with all its characters (1: hexadecimal digits, 2: lower-case letters and digits, 3: letters
// and digits, 4: others); the characters that equal the character before; the characters that are one more or
// one less than the character before; the runs of three characters that occurred before; and the characters
// that belong to one of the words.
func formOf(key string, words []string) string {
	digits, letters := "length(regexp_replace(k, '[^0-9]', '', 'g'))", "length(regexp_replace(k, '[^a-zA-Z]', '', 'g'))"
	return `(select concat_ws(' ', octet_length(k), case when k ~ '^[0-9a-f]*$' then 1 when k ~ '^[0-9a-z]*$' then 2 when k ~ '^[0-9a-zA-Z]*$' then 3 else 4 end,
		count(*) filter (where a = b), count(*) filter (where abs(ascii(a) - ascii(b)) = 1), count(c) - count(distinct c),
		case when 3 * ` + digits + ` > ` + letters + ` or ` + letters + ` < 8 then 0 else length(k) - length(regexp_replace(lower(k), '` + strings.Join(words, "|") + `', '', 'g')) end)
		from (select ` + key + ` as k) as secret left join lateral (select substr(k, i, 1) as a, substr(k, i - 1, 1) as b, case when i > 2 then substr(k, i - 2, 3) end as c from generate_series(2, length(k)) as i) as pairs on true group by k)`
}

// definition returns the statement that makes the view. words are words that make a key easy to guess.
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
	for _, name := range m.words {
		list = append(list, hashedWords(asText(m.table, name))+" as "+engine.Quote(wordsPrefix+name))
	}
	return "create or replace view " + m.view() + " with (security_barrier) as select\n\t" + strings.Join(list, ",\n\t") + "\nfrom " + m.table.Own() + " t"
}

func (m *mask) view() string {
	return engine.Quote(m.table.Schema) + "." + engine.Quote(viewName(m.table))
}

// shows reports whether a view has all columns that tokenctl reads.
func (m *mask) shows(view *engine.Table) bool {
	wanted := m.columns
	if m.key != "" {
		wanted = append(slices.Clone(wanted), formColumn, halfColumn)
	}
	for _, name := range m.words {
		wanted = append(slices.Clone(wanted), wordsPrefix+name)
	}
	return !slices.ContainsFunc(wanted, func(name string) bool { return view.Column(name) == nil })
}

// readThroughViews makes the layout read tables with secrets through their views, if the role may read the
// view and may not read the secrets in the table.
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

// standIns returns the texts that a view shows in place of keys. start returns the beginning of the text for a
// key.
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

// MaskedKey holds the facts that a view tells of a key: its form, and the hash of its first half.
type MaskedKey struct{ Form, Half string }

// scanMasked reads the columns of the form and of the half.
func scanMasked(r *engine.Row) *MaskedKey {
	form, _ := r.TextOrNull()
	half, _ := r.TextOrNull()
	return &MaskedKey{form, half}
}
