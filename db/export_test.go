package db

import "context"

// Exec lets tests run statements inside a transaction of tokenctl's.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) error {
	return tx.exec(ctx, query, args...)
}

// ParseOptions is parseOptions.
var ParseOptions = parseOptions
