package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"tokenctl/db/dbtest"
)

// cut is a proxy before PostgreSQL that breaks one connection: when the client has sent
// so many blocks, or at the commit of a change if that is 0; before the server hears the
// last block or before the client hears back.
type cut struct {
	url     string
	sent    atomic.Int32
	writes  atomic.Bool   // a statement that changes rows was sent
	commits atomic.Bool   // the last block was the commit of such
	happens chan struct{} // closed when the server knows, too
}

func newCut(t *testing.T, address string, after int32, heard bool) *cut {
	t.Helper()
	c := &cut{happens: make(chan struct{})}
	c.url = dbtest.Proxy(t, address, func(client, server *net.TCPConn, block []byte) bool {
		for _, word := range []string{"update ", "delete from ", "insert into "} {
			if bytes.Contains(block, []byte(word)) {
				c.writes.Store(true)
			}
		}
		commits := c.writes.Load() && bytes.Contains(block, []byte("commit\x00"))
		if n := c.sent.Add(1); n != after && (after != 0 || !commits) {
			return true
		}
		c.commits.Store(commits)
		client.Close()
		if heard {
			server.Write(block)
		}
		server.CloseWrite()
		io.ReadAll(server) // until the server has done its part
		close(c.happens)
		return false
	})
	return c
}

// A connection that breaks, whenever it does, leaves all or nothing of a change, and
// what is said of it is true.
func TestChangeCut(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	for name, heard := range map[string]bool{"before the server hears": false, "before the client hears": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStock(newWorld(t, "postgres"), 60)
			s.cutEverywhere("rotate", heard, func() ([]string, func() bool) {
				keys := s.sql("select key from authtoken_token order by 1")
				return []string{"rotate", "--kind", "drf", "--yes", "--out", "new"}, func() bool {
					var kept, gone int
					for key := range strings.Lines(s.sql("select key from authtoken_token") + "\n") {
						if strings.Contains(keys, strings.TrimSpace(key)) {
							kept++
						} else {
							gone++
						}
					}
					if kept > 0 && gone > 0 || kept+gone != 60 {
						t.Errorf("%d keys are as they were, and %d are others", kept, gone)
					}
					return gone > 0
				}
			})
			s.cutEverywhere("blacklist", heard, func() ([]string, func() bool) {
				s.taken++
				user, names := s.taken, map[string]string{}
				for _, kind := range stocked {
					names[kind] = s.name(kind, user)
				}
				return []string{"blacklist", "--user", userName(user), "--yes"}, func() bool {
					var works int
					for kind, name := range names {
						if s.works(kind, name) {
							works++
						}
					}
					if works != 0 && works != len(names) {
						t.Errorf("%d of the credentials work", works)
					}
					return works == 0
				}
			})
		})
	}
}

// cutEverywhere cuts a command at its first block, at its second and so on, until nothing
// is left to cut. next returns the command and what tells whether it happened.
func (s *stock) cutEverywhere(verb string, heard bool, next func() (args []string, happened func() bool)) {
	s.t.Helper()
	const most = 60
	commits := 0
	for n := int32(1); n < most; n++ {
		args, happened := next()
		before := s.everyRow()
		c := newCut(s.t, s.url, n, heard)
		cmd := s.command(append(args, "-o", "json")...)
		cmd.Env = append(s.env, "DATABASE_URL="+c.url)
		r := s.run(cmd)
		wasCut := c.sent.Load() >= n
		if wasCut {
			<-c.happens
		}
		s.gone()
		did := happened()
		if !did {
			s.same(verb+" that was cut", before)
		}
		out := filepath.Join(s.dir, "new")
		text, err := os.ReadFile(out)
		os.Remove(out)
		fail := func(what string) {
			s.t.Helper()
			s.t.Errorf("%s, cut at block %d (%v): %s: status %d: %s", verb, n, heard, what, r.status, r.stderr)
		}
		unknown := strings.Contains(r.stderr, `"code":"outcome_unknown"`)
		switch {
		case r.status == 0 && !did:
			fail("it did not happen")
		case r.status == 0 && verb == "rotate" && err != nil:
			fail("the secrets are lost")
		case r.status != 0 && !wasCut:
			fail("it failed though nothing was cut")
		case r.status != 0 && c.commits.Load() != unknown:
			fail("is the outcome unknown?")
		case r.status != 0 && !unknown && did:
			fail("it happened")
		case r.status != 0 && !unknown && !strings.Contains(r.stderr, `"code":"database_unreachable"`) && !strings.Contains(r.stderr, `"code":"database_refused"`):
			fail("it is not said that the connection was lost")
		case r.status != 0 && verb == "rotate" && unknown != (err == nil):
			fail("is there a file?")
		}
		if did && verb == "rotate" {
			for key := range strings.Lines(s.sql("select key from authtoken_token") + "\n") {
				if !bytes.Contains(text, []byte(strings.TrimSpace(key))) {
					fail("a live key is not in the file")
					break
				}
			}
		}
		if unknown {
			commits++
		}
		if !wasCut {
			if commits != 1 {
				s.t.Errorf("%s: %d of %d cuts left the outcome unknown, want 1", verb, commits, n)
			}
			return
		}
	}
	s.t.Errorf("%s: more than %d blocks", verb, most)
}
