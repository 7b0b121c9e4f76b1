package engine

import "context"

// ParseOptions is parseOptions.
var ParseOptions = parseOptions

// SameArray reports whether an array is to PostgreSQL what the driver's text is.
func (tx *Tx) SameArray(ctx context.Context, typ string, values []any) (same bool, err error) {
	list := "[])"
	q := &Query{Text: "select cast($1 as " + Quote(typ) + list + " = cast($2 as " + Quote(typ) + list, Args: []any{ArrayOf(typ, values), typedList(values)}}
	return same, tx.Scan(ctx, q, &same)
}

// Keywords is what pgx is asked to connect to.
func (t Target) Keywords() string { return t.url }
