package tokens_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"tokenctl/db"
	"tokenctl/db/dbtest"
	"tokenctl/tokens"
)

// TestBlacklistSelected: the statements of each kind find what its list shows, but
// what is blacklisted already.
func TestBlacklistSelected(t *testing.T) {
	undone := errors.New("undone")
	is, not := true, false
	dbtest.Engines(t, func(t *testing.T, engine, _ string) {
		url, _ := dbtest.Fixture(t, engine)
		dbtest.Query(url, "update auth_user set is_active = false where id = (select min(user_id) from authtoken_token)")
		store, env := open(t, url)
		now := time.Now()
		var selectors []tokens.Selector
		for _, kind := range append([]*tokens.Kind{nil}, tokens.Kinds()...) {
			var kinds []*tokens.Kind
			if kind != nil {
				kinds = []*tokens.Kind{kind}
			}
			for _, s := range []tokens.Selector{{}, {Sort: "id"}, {Types: []string{"sliding"}}, {Types: []string{"refresh", "access"}},
				{UserIDs: []string{"1", "2"}}, {UserIDs: []string{}}, {Staff: &is}, {Staff: &not, Superuser: &not},
				{Statuses: []tokens.Status{tokens.Active}}, {Statuses: []tokens.Status{tokens.Disabled}}, {Statuses: []tokens.Status{tokens.Dead, tokens.Expired}},
				{Statuses: []tokens.Status{tokens.Blacklisted}}, {Statuses: []tokens.Status{tokens.Active, tokens.Disabled, tokens.Expired}},
				{CreatedBefore: now}, {CreatedAfter: now}, {CreatedBefore: now, CreatedAfter: now.AddDate(-1, 0, 0), Staff: &not},
				{ExpiresBefore: now}, {ExpiresAfter: now}, {ExpiresAfter: now.AddDate(0, 0, -3), ExpiresBefore: now.AddDate(1, 0, 0)}} {
				s.Kinds = kinds
				selectors = append(selectors, s)
			}
		}
		decided, found := 0, 0
		for _, s := range selectors {
			s.PassedOver, s.Unreadable = new(int), new(int)
			layout, err := store.Layout(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if ok, err := s.Decidable(layout); err != nil {
				t.Fatal(err)
			} else if !ok {
				continue
			}
			decided++
			var want, got []string
			counts := map[*tokens.Kind]int{}
			for c, err := range tokens.List(t.Context(), env, store, s) {
				if err != nil {
					t.Fatal(err)
				}
				if !c.Settled("blacklist") {
					want = append(want, c.ID)
					counts[c.Of()]++
				}
			}
			for _, tell := range []func(string){nil, func(id string) { got = append(got, id) }} {
				err = store.Write(t.Context(), func(tx *db.Tx) error {
					n, err := tokens.BlacklistSelected(t.Context(), env, tx, s, tell)
					if err != nil {
						return err
					}
					if fmt.Sprint(n) != fmt.Sprint(counts) {
						t.Errorf("%+v: %v were blacklisted, and listed %v", s, n, counts)
					}
					return errors.Join(tx.CheckConstraints(t.Context()), undone)
				})
				if !errors.Is(err, undone) {
					t.Fatalf("%+v: %v", s, err)
				}
			}
			slices.Sort(want)
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("%+v: blacklisted %v, and listed %v", s, got, want)
			}
			found += len(want)
		}
		if decided < 70 || found < 200 {
			t.Errorf("only %d selectors of %d were decidable, and picked %d", decided, len(selectors), found)
		}
	})
}
