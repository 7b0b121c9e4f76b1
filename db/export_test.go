package db

import "context"

// Exec lets tests run statements inside a transaction of tokenctl's.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) error {
	return tx.exec(ctx, query, args...)
}

// Each lets them look at a result while it is read.
func (tx *Tx) Each(ctx context.Context, text string, f func() error) error {
	return tx.each(ctx, &query{text: text}, func(row) error { return f() })
}

// ParseOptions is parseOptions.
var ParseOptions = parseOptions

// ArrayOf is arrayOf.
var ArrayOf = arrayOf

// SameArray reports whether an array is to PostgreSQL what the driver's text is.
func (tx *Tx) SameArray(ctx context.Context, typ string, values []any) (same bool, err error) {
	list := "[])"
	q := &query{text: "select cast($1 as " + quote(typ) + list + " = cast($2 as " + quote(typ) + list, args: []any{arrayOf(typ, values), typedList(values)}}
	return same, tx.each(ctx, q, func(r row) error { return r.Scan(&same) })
}

// ReadBare is Read of a database whose tables do not matter.
func (s *Store) ReadBare(ctx context.Context, f func(*Tx) error) error {
	return s.transact(ctx, mode{readOnly: true, bare: true}, f)
}

// Keywords is what pgx is asked to connect to.
func (t Target) Keywords() string { return t.url }

// Expr is what query.expr makes of a format, and the arguments of the query.
func Expr(format string, args ...any) (string, []any) {
	q := &query{}
	text := q.expr(format, args...)
	return text, q.args
}
