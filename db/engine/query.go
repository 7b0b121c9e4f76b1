package engine

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Query is a select statement that is built from parts, or a whole statement.
type Query struct {
	Text    string // the whole statement; then only Args counts besides
	Columns []string
	From    string
	Where   []string
	Args    []any
	Order   []string // expressions with direction, the last one unique
	PageBy  string   // a unique expression by which pages are ordered if Order is empty
	Limit   int      // 0: none
	Most    int      // the expected largest number of rows; 0: unknown
}

// And adds a condition: see [Query.Expr].
func (q *Query) And(condition string, args ...any) {
	q.Where = append(q.Where, q.Expr(condition, args...))
}

// Expr returns an expression in which each %s becomes the placeholder of one argument. A %s inside a
// quoted identifier stays as it is.
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

// Condition returns all conditions, joined by "and".
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

// FewRows is the largest number of rows that PostgreSQL finds by an index, one by one and in the given
// order. For more rows the planner gets their number, and may read the table instead: a row in no order
// takes some 15 µs by an index, and less than 1 µs when the table is read. For fewer rows the planner
// would choose the table too often, because it does not know that their pages are in memory.
const FewRows = 5_000

// Among adds the condition that expr is one of many values. typ is the column's type.
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

// bytesOf selects the texts of a list as bytes. SQLite can store a key as bytes, and bytes never equal
// a text.
const bytesOf = "select cast(value as blob) from json_each(%s) where type = 'text'"

// Unnest makes values the rows of a table n (value). typ is the column's type. It returns the table for
// "from", and the expression of a value's index in the list.
func (q *Query) Unnest(d Dialect, typ string, values []any) (from, index string) {
	if d == SQLite {
		return q.Expr("json_each(%s) n", d.ListArg(values)), "n.key"
	}
	return q.Expr("unnest(cast(%s as "+Quote(typ)+"[])) with ordinality as n (value, place)", typedList(values)), "n.place - 1"
}

// StartingWith joins q with prefixes. The result has the rows whose text column begins with a prefix,
// bytewise, and their first column is the index of the prefix. end sorts after every text that may follow
// a prefix. On PostgreSQL the operators are those of an index with text_pattern_ops, because in some
// languages aa sorts after z.
func (q *Query) StartingWith(d Dialect, column string, prefixes []string, end string) {
	values := make([]any, len(prefixes))
	for i, p := range prefixes {
		if values[i] = p; !Storable(p) {
			values[i] = end // no text begins with it
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

// SQL returns the statement.
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

// Storable reports whether PostgreSQL can store a text: it is UTF-8 and has no NUL.
func Storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// AnyOf returns the condition that expr is one of the values of a parameter, which [Dialect.ListArg]
// makes.
func (d Dialect) AnyOf(expr, placeholder string) string {
	if d == SQLite {
		return expr + " in (select value from json_each(" + placeholder + "))"
	}
	return expr + " = any(" + placeholder + ")"
}

// ListArg returns the parameter for [Dialect.AnyOf].
func (d Dialect) ListArg(values []any) any {
	if d == SQLite {
		return jsonText(append([]any{}, values...))
	}
	return typedList(values)
}

// jsonText writes texts, numbers and booleans, or lists of them, as JSON.
func jsonText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // encoding these types does not fail
	}
	return string(text)
}
