package db

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
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
		hex := strings.ToLower(strings.ReplaceAll(id, "-", ""))
		if len(hex) != 32 || strings.Trim(hex, "0123456789abcdef") != "" {
			return nil, false
		}
		if engine == SQLite {
			return hex, true
		}
		return dashed(hex), true
	}
	return id, !strings.ContainsRune(id, 0)
}

// keyText is the printed form of a stored key: UUIDs are dashed on both engines.
func (u *UserTable) keyText(stored string) string {
	if u.KeyType == KeyUUID && len(stored) == 32 {
		return dashed(stored)
	}
	return stored
}

func dashed(hex string) string {
	return hex[:8] + "-" + hex[8:12] + "-" + hex[12:16] + "-" + hex[16:20] + "-" + hex[20:]
}

// anyOf is the condition that expr is one of the values that a parameter holds;
// list makes the parameter.
func (l *Layout) anyOf(expr, placeholder string) string {
	if l.Engine == SQLite {
		return expr + " in (select value from json_each(" + placeholder + "))"
	}
	return expr + " = any(" + placeholder + ")"
}

// listArg is the parameter for anyOf.
func (l *Layout) listArg(u *UserTable, values []any) (any, error) {
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
}

// and adds a condition; each %s in it becomes the placeholder of one argument.
func (q *query) and(condition string, args ...any) {
	marks := make([]any, len(args))
	for i, arg := range args {
		q.args = append(q.args, arg)
		marks[i] = "$" + strconv.Itoa(len(q.args))
	}
	q.where = append(q.where, fmt.Sprintf(condition, marks...))
}

// between narrows a text key to from and what comes before to, bytewise: in some
// languages aa sorts behind z. On PostgreSQL these are the operators of the second
// index that Django makes beside every text key.
func (q *query) between(engine Engine, key, from, to string) {
	least, behind := " >= %s", " < %s"
	if engine == PostgreSQL {
		least, behind = " ~>=~ %s", " ~<~ %s"
	}
	q.and(key+least, from)
	q.and(key+behind, to)
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
