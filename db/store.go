// Package db contains all SQL about Django's tables: the detection of their layout, the users, and a file
// or more for each Django app. Package engine below it opens databases, runs statements and translates
// errors.
package db

import (
	"context"
	"database/sql"
	"iter"
	"sync/atomic"
	"time"

	"tokenctl"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// Options are the settings for the use of an application's database.
type Options struct {
	Schema         string        // PostgreSQL: the schema of Django's tables; empty: they are found along search_path
	Timeout        time.Duration // bounds connecting, waits for locks and single short statements
	Version        string        // tokenctl's, for application_name
	Now            tokenctl.Clock
	UserTable      string      // setting auth.user_table
	UsernameField  string      // setting auth.username_field
	TokenTable     string      // setting knox.token_table
	AuthTokenTable string      // setting drf.token_table
	SessionTable   string      // setting session.session_table
	Connections    int         // the largest number of connections; 0: no limit
	Zone           django.Zone // settings time.use_tz and time.time_zone

	// See [engine.Options].
	Allow  func() error
	Intend func(context.Context) (settle func(engine.Phase), err error)
	Phase  func(engine.Phase)
	Warn   func(text string)
}

// Store is an application's database.
type Store struct {
	*engine.DB
	opts   Options
	layout atomic.Pointer[Layout]
}

// Open prepares a store: see [engine.Open].
func Open(t engine.Target, o Options) (*Store, error) {
	db, err := engine.Open(t, engine.Options{Schema: o.Schema, Timeout: o.Timeout, Version: o.Version, Now: o.Now, Zone: o.Zone,
		Connections: o.Connections, Allow: o.Allow, Intend: o.Intend, Phase: o.Phase, Warn: o.Warn})
	if err != nil {
		return nil, err
	}
	return &Store{DB: db, opts: o}, nil
}

// Tx is a transaction with the layout of its database.
type Tx struct {
	*engine.Tx
	Layout *Layout
	opts   *Options
	shapes []*userShape
}

// Read runs f in a read-only transaction that sees one state of the database.
func (s *Store) Read(ctx context.Context, f func(*Tx) error) error {
	return s.transact(ctx, engine.Mode{ReadOnly: true}, f)
}

// Read returns what look finds in a transaction that only reads.
func Read[T any](ctx context.Context, s *Store, look func(*Tx) (T, error)) (found T, err error) {
	err = s.Read(ctx, func(tx *Tx) (err error) {
		found, err = look(tx)
		return err
	})
	return found, err
}

// Write runs f in a transaction: see [engine.DB.Transact].
func (s *Store) Write(ctx context.Context, f func(*Tx) error) error {
	return s.transact(ctx, engine.Mode{}, f)
}

// WriteMany is [Store.Write] for work of any size: only waits for locks have a time limit.
func (s *Store) WriteMany(ctx context.Context, f func(*Tx) error) error {
	return s.transact(ctx, engine.Mode{Unlimited: true}, f)
}

func (s *Store) transact(ctx context.Context, m engine.Mode, f func(*Tx) error) error {
	return s.Transact(ctx, m, s.withLayout(ctx, f))
}

func (s *Store) transactOn(ctx context.Context, conn *sql.Conn, m engine.Mode, f func(*Tx) error) error {
	return s.TransactOn(ctx, conn, m, s.withLayout(ctx, f))
}

// newTx returns a transaction without a layout.
func (s *Store) newTx(tx *engine.Tx) *Tx { return &Tx{Tx: tx, opts: &s.opts} }

// withLayout returns a function that calls f with a transaction and its layout.
func (s *Store) withLayout(ctx context.Context, f func(*Tx) error) func(*engine.Tx) error {
	return func(t *engine.Tx) (err error) {
		tx := s.newTx(t)
		if tx.Layout = s.layout.Load(); tx.Layout == nil {
			if tx.Layout, err = tx.detect(ctx); err != nil {
				return err
			}
			s.layout.Store(tx.Layout)
		}
		if err := tx.Layout.noTables; err != nil {
			return err
		}
		return f(tx)
	}
}

// Layout returns the database's layout. It detects the layout at the first use.
func (s *Store) Layout(ctx context.Context) (*Layout, error) {
	if s.layout.Load() == nil {
		if err := s.Read(ctx, func(*Tx) error { return nil }); err != nil {
			return nil, err
		}
	}
	l := s.layout.Load()
	if l.noTables != nil {
		return nil, l.noTables
	}
	return l, nil
}

// stream yields the rows of the query that build returns, read by scan.
func stream[T any](ctx context.Context, s *Store, build func(*Layout) (*engine.Query, error), scan func(*Layout, *engine.Row) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var q *engine.Query
		l, err := s.Layout(ctx)
		if err == nil {
			q, err = build(l)
		}
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		engine.Stream(ctx, s.DB, q, func(r *engine.Row) T { return scan(l, r) })(yield)
	}
}
