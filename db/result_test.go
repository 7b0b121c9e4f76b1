package db_test

import (
	"testing"

	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
)

// TestStatementWhileReading: a statement in the middle of a result does not wait
// for itself for ever, and what was done before it is rolled back.
func TestStatementWhileReading(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, s *db.Store, address string) {
		u := newUser(t, s, "ann")
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			err := s.Write(t.Context(), func(tx *db.Tx) error {
				if _, err := inserted(t.Context(), tx, u, key(1)); err != nil {
					return err
				}
				return tx.Each(t.Context(), &engine.Query{Text: "select 1"}, func(engine.Row) error { return tx.Exec(t.Context(), "select 1") })
			})
			t.Error(err)
		}()
		if got := dbtest.Query(address, "select count(*) from authtoken_token"); got != "0\n" {
			t.Errorf("%s tokens", got)
		}
		if _, err := insertToken(t.Context(), s, u, key(1)); err != nil {
			t.Error(err)
		}
	})
}
