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
