package engine

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Query is a select that is put together from conditions.
type Query struct {
	Text    string // the whole statement, where it is no select
	Columns []string
	From    string
	Where   []string
	Args    []any
	Order   []string // expressions with direction, the last one unique
	PageBy  string   // a unique, ordered expression to page by where nothing sorts
	Limit   int      // 0: none
	Most    int      // about how many rows it finds at most; 0: nobody knows
}

// And adds a condition: see [Query.Expr].
func (q *Query) And(condition string, args ...any) {
	q.Where = append(q.Where, q.Expr(condition, args...))
}

// Expr returns an expression in which each %s becomes the placeholder of one argument.
// A quoted identifier may hold those two characters itself, and stays as it is.
func (q *Query) Expr(format string, args ...any) string {
	return OutsideQuotes(format, func(part string) string {
		for strings.Contains(part, "%s") {
			q.Args = append(q.Args, args[0])
			args = args[1:]
			part = strings.Replace(part, "%s", "$"+strconv.Itoa(len(q.Args)), 1)
		}
		return part
	})
}

// OutsideQuotes replaces parts of a statement, except in its quoted identifiers.
func OutsideQuotes(text string, replace func(string) string) string {
	parts := strings.Split(text, `"`)
	for i := 0; i < len(parts); i += 2 {
		parts[i] = replace(parts[i])
	}
	return strings.Join(parts, `"`)
}

// Condition is all of the conditions.
func (q *Query) Condition() string {
	if len(q.Where) == 0 {
		return "1 = 1"
	}
	return strings.Join(q.Where, " and ")
}

// OneOf adds the condition that expr is one of the values.
func (q *Query) OneOf(d Dialect, expr string, values []any) {
	q.And(d.AnyOf(expr, "%s"), d.ListArg(values))
}

// FewRows is how many rows PostgreSQL finds one by one by an index, in the order in which they
// are given. Of more rows the planner is told how many there are, and may read the table:
// keys in no order cost some 15 µs each by an index, and the table less than 1 µs a row. It
// would do so of fewer rows too, although their pages are in memory.
const FewRows = 5_000

// Among adds the condition that expr, of a column's type, is one of many values.
func (q *Query) Among(d Dialect, expr, typ string, values []any) {
	if d == SQLite {
		arg := d.ListArg(values)
		q.And(expr+" in (select value from json_each(%s) union all "+bytesOf+")", arg, arg)
		return
	}
	array := Quote(typ) + "[]"
	list := "cast(%s as " + array + ")"
	if len(values) <= FewRows {
		list = "cast((select " + list + ") as " + array + ")"
	}
	q.And(expr+" = any("+list+")", ArrayOf(typ, values))
}

// bytesOf is the texts of a list as bytes: on SQLite these equal no text, and a key can be
// stored as such.
const bytesOf = "select cast(value as blob) from json_each(%s) where type = 'text'"

// Unnest makes values, of a column's type, the rows of a table n (value), and returns
// the table for "from" and the expression of a value's place in the list.
func (q *Query) Unnest(d Dialect, typ string, values []any) (from, index string) {
	if d == SQLite {
		return q.Expr("json_each(%s) n", d.ListArg(values)), "n.key"
	}
	return q.Expr("unnest(cast(%s as "+Quote(typ)+"[])) with ordinality as n (value, place)", typedList(values)), "n.place - 1"
}

// StartingWith joins q with prefixes: its rows are those whose column, a text, starts with
// one, bytewise, and the first column is then the place of the prefix. end sorts behind
// whatever may follow a prefix. The operators on PostgreSQL are those of an
// index of text_pattern_ops; in some languages aa sorts behind z.
func (q *Query) StartingWith(d Dialect, column string, prefixes []string, end string) {
	values := make([]any, len(prefixes))
	for i, p := range prefixes {
		if values[i] = p; !Storable(p) {
			values[i] = end // nothing starts like that
		}
	}
	if d == SQLite {
		arg := d.ListArg(values)
		q.From = q.Expr("(select key, value, value || %s as stop from json_each(%s) union all select key, cast(value as blob), cast(value || %s as blob) from json_each(%s)) n cross join ", end, arg, end, arg) + q.From
		q.Where = append(q.Where, column+" >= n.value", column+" < n.stop")
		q.Columns = append([]string{"n.key"}, q.Columns...)
		return
	}
	from, index := q.Unnest(d, "text", values)
	q.From = from + " cross join " + q.From
	q.Where = append(q.Where, column+" ~>=~ n.value", q.Expr(column+" ~<~ (n.value || %s)", end))
	q.Columns = append([]string{index}, q.Columns...)
}

// SQL is the statement.
func (q *Query) SQL() string {
	if q.Text != "" {
		return q.Text
	}
	var b strings.Builder
	b.WriteString("select " + strings.Join(q.Columns, ", ") + " from " + q.From)
	if len(q.Where) > 0 {
		b.WriteString(" where " + strings.Join(q.Where, " and "))
	}
	switch {
	case len(q.Order) > 0:
		b.WriteString(" order by " + strings.Join(q.Order, ", "))
	case q.PageBy != "":
		b.WriteString(" order by " + q.PageBy)
	}
	if q.Limit > 0 {
		b.WriteString(" limit " + strconv.Itoa(q.Limit))
	}
	return b.String()
}

// Storable reports whether PostgreSQL takes a text.
func Storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// AnyOf is the condition that expr is one of the values that a parameter holds;
// ListArg makes the parameter.
func (d Dialect) AnyOf(expr, placeholder string) string {
	if d == SQLite {
		return expr + " in (select value from json_each(" + placeholder + "))"
	}
	return expr + " = any(" + placeholder + ")"
}

// ListArg is the parameter for AnyOf.
func (d Dialect) ListArg(values []any) any {
	if d == SQLite {
		return jsonText(append([]any{}, values...))
	}
	return typedList(values)
}

// jsonText writes texts, numbers and truth values, in lists, as JSON.
func jsonText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // these can all be written
	}
	return string(text)
}
