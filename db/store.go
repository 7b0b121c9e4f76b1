// Package db is everything in tokenctl that speaks SQL about Django's tables: finding out
// their layout, the users, and a file for each Django app. How a database is opened, asked
// and written, and what its errors mean, is in package engine below it.
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

// Options say how a database is used.
type Options struct {
	Schema         string        // PostgreSQL: look for Django's tables here, not along search_path
	Timeout        time.Duration // bounds connecting, waiting for locks and single short statements
	Version        string        // tokenctl's, for application_name
	Now            tokenctl.Clock
	UserTable      string      // setting auth.user_table
	UsernameField  string      // setting auth.username_field
	TokenTable     string      // setting knox.token_table
	AuthTokenTable string      // setting drf.token_table
	SessionTable   string      // setting session.session_table
	Connections    int         // at most so many at a time; 0: no limit
	Zone           django.Zone // settings time.use_tz and time.time_zone

	Allow func() error // is asked before a transaction that writes, and may refuse it; nil: all are allowed
	// Intend is asked before a transaction commits: see [engine.Options].
	Intend func(context.Context) (settle func(engine.Phase), err error)
	Phase  func(engine.Phase) // is told how far a transaction is that writes; may be nil
	Warn   func(text string)  // is told what a user must know of a commit that succeeded; may be nil
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

// Tx is a transaction in a database whose layout is known.
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

// Write runs f in a transaction: see [engine.DB.Transact].
func (s *Store) Write(ctx context.Context, f func(*Tx) error) error {
	return s.transact(ctx, engine.Mode{}, f)
}

// WriteMany is Write for work of any size: its statements may take as long as they
// take, and only locks are not waited for longer than otherwise.
func (s *Store) WriteMany(ctx context.Context, f func(*Tx) error) error {
	return s.transact(ctx, engine.Mode{Unlimited: true}, f)
}

func (s *Store) transact(ctx context.Context, m engine.Mode, f func(*Tx) error) error {
	return s.Transact(ctx, m, s.withLayout(ctx, f))
}

func (s *Store) transactOn(ctx context.Context, conn *sql.Conn, m engine.Mode, f func(*Tx) error) error {
	return s.TransactOn(ctx, conn, m, s.withLayout(ctx, f))
}

// newTx is a transaction in which nobody has looked at the layout.
func (s *Store) newTx(tx *engine.Tx) *Tx { return &Tx{Tx: tx, opts: &s.opts} }

// withLayout calls f with a transaction when the layout is known.
func (s *Store) withLayout(ctx context.Context, f func(*Tx) error) func(*engine.Tx) error {
	return func(t *engine.Tx) (err error) {
		tx := s.newTx(t)
		if tx.Layout = s.layout.Load(); tx.Layout == nil {
			if tx.Layout, err = tx.detect(ctx); err != nil {
				return err
			}
			s.layout.Store(tx.Layout)
		}
		if err := tx.Layout.empty; err != nil {
			return err
		}
		return f(tx)
	}
}

// Layout returns what was found out about the database, looking if nobody has.
func (s *Store) Layout(ctx context.Context) (*Layout, error) {
	if s.layout.Load() == nil {
		if err := s.Read(ctx, func(*Tx) error { return nil }); err != nil {
			return nil, err
		}
	}
	l := s.layout.Load()
	if l.empty != nil {
		return nil, l.empty
	}
	return l, nil
}

// stream yields what scan makes of the rows of the query that build makes.
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
