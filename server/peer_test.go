package server_test

import (
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// TestPeer asks real Django and tokenctl the same, on identical databases, and
// compares what they answer and what is then in their rows. What may differ is
// listed in tolerated, with a reason each. Unless every test must run, it asks about one
// database only.
//
// knox and dj-rest-auth come in where TOKENCTL_TEST_KNOX and
// TOKENCTL_TEST_REST_AUTH name checkouts of them.
func TestPeer(t *testing.T) {
	t.Parallel()
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		excused, left := tolerated(), 0
		empty := migrated(t, p, "sqlite")
		ask := func(engine, empty string, v variant) {
			left += len(v.asks)
			t.Run(engine+" "+v.name, func(t *testing.T) {
				w := newWorld(t, p, engine, empty, v)
				for _, seq := range v.asks {
					t.Run(seq.name, func(t *testing.T) {
						left--
						if found := w.differences(t, seq, excused); found != "" {
							t.Error(found)
						}
					})
				}
			})
		}
		if !djangotest.All() {
			ask("sqlite", empty, plain())
			return
		}
		for _, v := range variants(djangotest.Peers(t), p) {
			ask("sqlite", empty, v)
		}
		t.Run("random", func(t *testing.T) {
			random(t, newWorld(t, p, "sqlite", empty, plain()), excused, fromEnvironment(t, "TOKENCTL_TEST_RANDOM", 300))
		})
		// What differs on PostgreSQL does not depend on Django's age.
		if p.Name == djangotest.Peers(t)[0].Name || djangotest.Long() {
			ask("postgres", migrated(t, p, "postgres"), onPostgres())
		}
		for _, tolerance := range excused {
			// A run of a part says nothing.
			if tolerance.used.Load() == 0 && left == 0 && !tolerance.needless {
				t.Errorf("nothing uses the tolerance: %s", tolerance.reason)
			}
		}
	})
}

// TestPeerItself asks one Django the same twice, and then two Djangos of different
// ages: the comparison sees no difference where there is none, and sees those that
// there are.
func TestPeerItself(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	peers := djangotest.Peers(t)
	p, other := peers[0], peers[len(peers)-1]
	empty := migrated(t, p, "sqlite")
	excused := tolerances{browsable()}
	against := func(other djangotest.Peer) *world {
		w, copied := halfWorld(t, p, "sqlite", empty, plain())
		w.ours.addr = other.Project(t, copied, djangotest.Options{Served: true, Settings: worldSettings}).Serve().Addr
		return w
	}
	same, different, differences := against(p), against(other), 0
	for i, seq := range same.variant.asks {
		if i%4 != 0 {
			continue
		}
		if found := same.differences(t, seq, excused); found != "" {
			t.Errorf("%s: %s", seq.name, found)
		}
		if different.differences(t, seq, excused) != "" {
			differences++
		}
	}
	random(t, same, excused, 200)
	if p.Name != other.Name && differences < 50 {
		t.Errorf("Django %s and %s differ in %d sequences only", p.Name, other.Name, differences)
	}
}
