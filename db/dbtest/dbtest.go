// Package dbtest gives tests the real thing: fresh databases on PostgreSQL and
// SQLite, a PgBouncer, and databases that Django has filled.
//
// Only tests import it. It replaces no part of the program by a fake. The Python
// processes of Django are in package djangotest.
package dbtest

import (
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"tokenctl/django/djangotest"
)

// Main runs the tests of a package, for its TestMain. It has Go collect garbage less often than usual, because
// collecting took a quarter of the processor time of tests that run many commands in one process.
func Main(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// Missing ends a test that needs something this machine does not have: see
// [djangotest.Missing].
func Missing(t testing.TB, what string) {
	t.Helper()
	djangotest.Missing(t, what)
}

// Slow skips a test that takes long, unless every test must run: see [djangotest.Slow].
func Slow(t testing.TB) {
	t.Helper()
	djangotest.Slow(t)
}

// SQLite returns the URL of a SQLite file that does not exist yet.
func SQLite(t testing.TB) string {
	t.Helper()
	return "sqlite:///" + filepath.Join(t.TempDir(), "db.sqlite3")
}

// Fresh returns the URL of an empty database of an engine.
func Fresh(t testing.TB, engine string) string {
	t.Helper()
	if engine == "postgres" {
		return Postgres(t)
	}
	return SQLite(t)
}

// EachPeer runs f for each age of Django that [djangotest.Each] runs, each on one engine, at
// the same time. The name of the test decides with which engine the oldest age begins; the
// next age takes the other one. So a test meets each age and each engine, and some test
// meets each pair. With [djangotest.Long] every test meets each pair.
func EachPeer(t *testing.T, f func(t *testing.T, p djangotest.Peer, engine string)) {
	t.Helper()
	n := int(crc32.ChecksumIEEE([]byte(t.Name())) % 2)
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		for _, engine := range []string{"sqlite", "postgres"} {
			if Takes(engine, n) {
				t.Run(engine, func(t *testing.T) {
					t.Parallel()
					f(t, p, engine)
				})
			}
		}
		n++
	})
}

// Takes reports whether a test tries the case with number n on an engine. The engines take turns; with
// [djangotest.Long] both take every case.
func Takes(engine string, n int) bool {
	return djangotest.Long() || (n%2 == 0) == (engine == "sqlite")
}

// EnginesFor runs f on a fresh database of one engine, or of both where only is empty. The URL of PostgreSQL is
// that of [Reuse].
func EnginesFor(t *testing.T, only, name string, f func(t *testing.T, engine, url string)) {
	t.Helper()
	for _, engine := range []string{"sqlite", "postgres"} {
		if only == "" || only == engine {
			t.Run(engine+"/"+name, func(t *testing.T) {
				t.Parallel()
				f(t, engine, Reuse(t, Fresh(t, engine)))
			})
		}
	}
}

// EachEngine runs f once for each engine, at the same time.
func EachEngine(t *testing.T, f func(t *testing.T, engine string)) {
	t.Helper()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			f(t, engine)
		})
	}
}

// Engines runs f once for each kind of database, each time with a fresh, empty one. The URL of PostgreSQL is
// that of [Reuse].
func Engines(t *testing.T, f func(t *testing.T, engine, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, "sqlite", SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, "postgres", Reuse(t, Postgres(t))) })
}
