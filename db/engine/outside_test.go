package engine_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
)

// Changes outside the database come behind those of rows and the intent, and before the commit.
// What a failed part of a transaction has added is not done. An error undoes the rows, and says
// what stands.
func TestOutside(t *testing.T) {
	t.Parallel()
	dbtest.EachEngine(t, func(t *testing.T, name string) {
		url, _ := dbtest.Fixture(t, name)
		var events []string
		s := open(t, url, engine.Options{Intend: func(context.Context) (func(engine.Phase), error) {
			events = append(events, "intent")
			return func(p engine.Phase) {
				events = append(events, map[engine.Phase]string{engine.Committed: "settled", engine.RolledBack: "undone"}[p])
			}, nil
		}})
		failure := error(nil)
		run := func() error {
			events = nil
			return s.Transact(t.Context(), engine.Mode{}, func(tx *engine.Tx) error {
				tx.BeforeCommit(func(context.Context) error {
					events = append(events, "outside")
					return failure
				})
				tx.AtEnd(func(_ context.Context, p engine.Phase) string {
					events = append(events, "end")
					if p == engine.Committed {
						return ""
					}
					return "something stands"
				})
				part := errors.New("part")
				if err := tx.Try(t.Context(), func() error {
					tx.BeforeCommit(func(context.Context) error {
						events = append(events, "of a failed part")
						return nil
					})
					return part
				}); !errors.Is(err, part) {
					t.Error(err)
				}
				return nil
			})
		}
		if err := run(); err != nil || !slices.Equal(events, []string{"intent", "outside", "end", "settled"}) {
			t.Errorf("%v: %q", err, events)
		}
		failure = &tokenctl.Error{Code: tokenctl.CodeCacheUnreachable, Message: "gone", Hint: "try again"}
		err := run()
		var e *tokenctl.Error
		if !errors.As(err, &e) || e.Code != tokenctl.CodeCacheUnreachable || e.Hint != "something stands; try again" || !slices.Equal(events, []string{"intent", "outside", "end", "undone"}) {
			t.Errorf("%v: %q", err, events)
		}
	})
}
