package db

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"tokenctl"
)

// keyArg is the parameter for a column that refers to a user. A key that the
// column's type cannot hold belongs to nobody: ok is false.
func (u *UserTable) keyArg(engine Engine, id string) (arg any, ok bool) {
	switch u.KeyType {
	case KeyInteger:
		bits := 64
		switch u.Column(u.Key).Type {
		case "int4":
			bits = 32
		case "int2":
			bits = 16
		}
		n, err := strconv.ParseInt(id, 10, bits)
		return n, err == nil
	case KeyUUID:
		hex := uuidHex(id)
		if hex == "" {
			return nil, false
		}
		if engine == SQLite {
			return hex, true
		}
		return dashed(hex), true
	}
	return id, storable(id)
}

// storable reports whether PostgreSQL takes a text.
func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// uuidHex reads a UUID as Python's UUID does, and returns its digits; empty for what is
// none.
func uuidHex(text string) string {
	text = strings.NewReplacer("urn:", "", "uuid:", "").Replace(text)
	text = strings.ToLower(strings.ReplaceAll(strings.Trim(text, "{}"), "-", ""))
	if len(text) != 32 || strings.Trim(text, "0123456789abcdef") != "" {
		return ""
	}
	return text
}

// keyText is the printed form of a stored key: UUIDs are dashed on both engines.
func (u *UserTable) keyText(stored string) string {
	if u.KeyType == KeyUUID && len(stored) == 32 {
		return dashed(stored)
	}
	return stored
}

// OwnerKey is the primary key of an owner of credentials as it is printed, however it was
// typed.
func (l *Layout) OwnerKey(kind, typed string) string {
	u := l.Credentials(kind).Owner
	if key, ok := u.keyArg(l.Engine, typed); ok {
		return keyString(u, key)
	}
	return typed
}

// keyString is a keyArg as it is printed.
func keyString(u *UserTable, key any) string {
	if s, ok := key.(string); ok {
		return u.keyText(s)
	}
	return strconv.FormatInt(key.(int64), 10)
}

func dashed(hex string) string {
	return hex[:8] + "-" + hex[8:12] + "-" + hex[12:16] + "-" + hex[16:20] + "-" + hex[20:]
}

// anys are what of returns for the elements of a list, as parameters.
func anys[T any](list []T, of func(*T) any) []any {
	values := make([]any, len(list))
	for i := range list {
		values[i] = of(&list[i])
	}
	return values
}

// texts are texts as parameters.
func texts(list []string) []any { return anys(list, func(s *string) any { return *s }) }

// revealed are secrets as they are stored.
func revealed(list []tokenctl.Secret) []any {
	return anys(list, func(s *tokenctl.Secret) any { return s.Reveal() })
}

// keyArgs are the parameters for the ids that the column's type can hold, never nil.
func (u *UserTable) keyArgs(engine Engine, ids []string) []any {
	keys := make([]any, 0, len(ids))
	for _, id := range ids {
		if key, ok := u.keyArg(engine, id); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// anyOf is the condition that expr is one of the values that a parameter holds;
// listArg makes the parameter.
func (l *Layout) anyOf(expr, placeholder string) string {
	if l.Engine == SQLite {
		return expr + " in (select value from json_each(" + placeholder + "))"
	}
	return expr + " = any(" + placeholder + ")"
}

// few is how many rows PostgreSQL finds one by one by an index, in the order in which they
// are given. Of more rows the planner is told how many there are, and may read the table:
// keys in no order cost some 15 µs each by an index, and the table less than 1 µs a row. It
// would do so of fewer rows too, although their pages are in memory.
const few = 5_000

// among adds the condition that expr, of a column's type, is one of many values.
func (q *query) among(l *Layout, expr, typ string, values []any) error {
	if l.Engine == SQLite {
		arg, err := l.listArg(values)
		if err == nil {
			q.and(expr+" in (select value from json_each(%s) union all "+bytesOf+")", arg, arg)
		}
		return err
	}
	array := quote(typ) + "[]"
	list := "cast(%s as " + array + ")"
	if len(values) <= few {
		list = "cast((select " + list + ") as " + array + ")"
	}
	q.and(expr+" = any("+list+")", arrayOf(typ, values))
	return nil
}

// bytesOf is the texts of a list as bytes: on SQLite these equal no text, and a key can be
// stored as such.
const bytesOf = "select cast(value as blob) from json_each(%s) where type = 'text'"

// oneOf adds the condition that expr is one of the values.
func (q *query) oneOf(l *Layout, expr string, values []any) error {
	arg, err := l.listArg(values)
	if err == nil {
		q.and(l.anyOf(expr, "%s"), arg)
	}
	return err
}

// listArg is the parameter for anyOf.
func (l *Layout) listArg(values []any) (any, error) {
	if l.Engine == SQLite {
		if values == nil {
			values = []any{}
		}
		text, err := json.Marshal(values)
		return string(text), err
	}
	return typedList(values), nil
}

// typedList is a list of integers or texts as PostgreSQL's driver takes it for
// an array.
func typedList(values []any) any {
	if len(values) > 0 {
		if _, ok := values[0].(int64); ok {
			list := make([]int64, len(values))
			for i, v := range values {
				list[i] = v.(int64)
			}
			return list
		}
	}
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = v.(string)
	}
	return list
}

// query is a select that is put together from conditions.
type query struct {
	text    string // the whole statement, where it is no select
	columns []string
	from    string
	where   []string
	args    []any
	order   []string // expressions with direction, the last one unique
	key     string   // a unique, ordered expression to page by where nothing sorts
	limit   int      // 0: none
	most    int      // about how many rows it finds at most; 0: nobody knows
}

// and adds a condition; see expr.
func (q *query) and(condition string, args ...any) {
	q.where = append(q.where, q.expr(condition, args...))
}

// expr returns an expression in which each %s becomes the placeholder of one argument.
// A quoted identifier may hold those two characters itself, and stays as it is.
func (q *query) expr(format string, args ...any) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(format); i++ {
		switch {
		case format[i] == '"':
			quoted = !quoted
		case !quoted && strings.HasPrefix(format[i:], "%s"):
			q.args = append(q.args, args[0])
			args = args[1:]
			b.WriteString("$" + strconv.Itoa(len(q.args)))
			i++
			continue
		}
		b.WriteByte(format[i])
	}
	return b.String()
}

// conjunction is all of the conditions.
func conjunction(where []string) string {
	if len(where) == 0 {
		return "1 = 1"
	}
	return strings.Join(where, " and ")
}

// given makes values, of a column's type, the rows of a table n (value), and returns
// the table for "from" and the expression of a value's place in the list.
func (q *query) given(l *Layout, typ string, values []any) (from, place string, err error) {
	if l.Engine == SQLite {
		arg, err := l.listArg(values)
		return q.expr("json_each(%s) n", arg), "n.key", err
	}
	return q.expr("unnest(cast(%s as "+quote(typ)+"[])) with ordinality as n (value, place)", typedList(values)), "n.place - 1", nil
}

// startingWith joins q with prefixes: its rows are those whose key, a text, starts with
// one, bytewise, and the first column is then the place of the prefix. end sorts behind
// whatever may follow a prefix. The operators on PostgreSQL are those of the second
// index that Django makes beside every text key; in some languages aa sorts behind z.
func (q *query) startingWith(l *Layout, key string, prefixes []string, end string) error {
	values := make([]any, len(prefixes))
	for i, p := range prefixes {
		if values[i] = p; !storable(p) {
			values[i] = end // no key starts like that
		}
	}
	if l.Engine == SQLite {
		arg, err := l.listArg(values)
		q.from = q.expr("(select key, value, value || %s as stop from json_each(%s) union all select key, cast(value as blob), cast(value || %s as blob) from json_each(%s)) n cross join ", end, arg, end, arg) + q.from
		q.where = append(q.where, key+" >= n.value", key+" < n.stop")
		q.columns = append([]string{"n.key"}, q.columns...)
		return err
	}
	from, place, err := q.given(l, "text", values)
	q.from = from + " cross join " + q.from
	q.where = append(q.where, key+" ~>=~ n.value", q.expr(key+" ~<~ (n.value || %s)", end))
	q.columns = append([]string{place}, q.columns...)
	return err
}

// exactly returns the rows of q whose key is one of the secrets, in their order; nil
// where there is none. A key is compared exactly, whatever the column's collation.
func exactly[T any](tx *Tx, q *query, key string, secrets []tokenctl.Secret, read func(*query) ([]T, error), keyOf func(*T) tokenctl.Secret) ([]*T, error) {
	found := make([]*T, len(secrets))
	texts := make([]any, 0, len(secrets))
	for _, s := range secrets {
		if text := s.Reveal(); text != "" && storable(text) {
			texts = append(texts, text)
		}
	}
	if len(texts) == 0 {
		return found, nil
	}
	if err := q.among(tx.Layout, key, "text", texts); err != nil {
		return nil, err
	}
	q.key, q.most = "", len(texts) // the order is that of the secrets
	rows, err := read(q)
	if err != nil {
		return nil, err
	}
	byKey := make(map[string]*T, len(rows))
	for i := range rows {
		byKey[keyOf(&rows[i]).Reveal()] = &rows[i]
	}
	for i, s := range secrets {
		if row := byKey[s.Reveal()]; row != nil && keyOf(row).Equal(s) {
			found[i] = row
		}
	}
	return found, nil
}

func (q *query) sql() string {
	if q.text != "" {
		return q.text
	}
	var b strings.Builder
	b.WriteString("select " + strings.Join(q.columns, ", ") + " from " + q.from)
	if len(q.where) > 0 {
		b.WriteString(" where " + strings.Join(q.where, " and "))
	}
	switch {
	case len(q.order) > 0:
		b.WriteString(" order by " + strings.Join(q.order, ", "))
	case q.key != "":
		b.WriteString(" order by " + q.key)
	}
	if q.limit > 0 {
		b.WriteString(" limit " + strconv.Itoa(q.limit))
	}
	return b.String()
}
