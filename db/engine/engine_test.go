package engine_test

import (
	"context"
	"testing"
	"time"

	"tokenctl/db/engine"
)

// open opens the database of a test; what o leaves out is filled in.
func open(t testing.TB, address string, o engine.Options) *engine.DB {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	if o.Version == "" {
		o.Version = "test"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	target, err := engine.ParseURL(address, "")
	if err != nil {
		t.Fatal(err)
	}
	db, err := engine.Open(target, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// connect is the error of a transaction that does nothing.
func connect(ctx context.Context, db *engine.DB) error {
	return db.Transact(ctx, engine.Mode{ReadOnly: true}, func(*engine.Tx) error { return nil })
}
