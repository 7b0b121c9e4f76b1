// Package djangotest lets tests ask the real thing: Django REST Framework and its
// friends, at several ages, on a database of the test's choice.
//
// Only tests import it. It imitates nothing: it runs the peers' own code in Python. The
// databases themselves come from package dbtest.
package djangotest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Peer is one age of Django, as a Debian suite ships it, unpacked into the cache
// by .ci/peers.
type Peer struct {
	Name                string // Django's release series: "3.2", "4.2" or "5.2"
	Suite               string
	Python              string
	Django              string // the full version, as of those below
	DjangoRESTFramework string
	SimpleJWT           string
	PyJWT               string
	CORSHeaders         string

	path string // PYTHONPATH
}

// Peers returns the ages that this machine has, the oldest first. That none of
// them got lost is for .ci/peers to say.
func Peers(t testing.TB) []Peer {
	t.Helper()
	peers, err := present()
	if err != nil {
		t.Fatal(err)
	}
	if len(peers) == 0 {
		Missing(t, "Django")
	}
	return peers
}

// Each runs f once for each age, or only for the newest unless [All] is true.
func Each(t *testing.T, f func(t *testing.T, p Peer)) {
	t.Helper()
	peers := Peers(t)
	if !All() {
		peers = peers[len(peers)-1:]
	}
	for _, p := range peers {
		t.Run(p.Name, func(t *testing.T) { f(t, p) })
	}
}

// Has tells whether [Peers] has something to return.
func Has() bool {
	peers, err := present()
	return err == nil && len(peers) > 0
}

// Source returns a source file of the peers, such as "django/core/signing.py"; empty where
// this age has none of that name.
func (p Peer) Source(t testing.TB, name string) string {
	t.Helper()
	for _, folder := range filepath.SplitList(p.path) {
		text, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
		if err == nil {
			return string(text)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return ""
}

// present returns the ages in the cache.
func present() ([]Peer, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(cache, "*", "peer.json"))
	if err != nil {
		return nil, err
	}
	var peers []Peer
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var p Peer
		if err := json.Unmarshal(data, &p); err != nil {
			return nil, err
		}
		if p.Name == "" {
			continue // compiled parts, not an age
		}
		p.path = strings.Join([]string{
			filepath.Join(filepath.Dir(file), "lib"),
			filepath.Join(cache, "native", "lib"),
		}, string(filepath.ListSeparator))
		peers = append(peers, p)
	}
	slices.SortFunc(peers, func(a, b Peer) int { return strings.Compare(a.Name, b.Name) })
	return peers, nil
}

// cacheDir is where .ci/peers unpacks; os.UserCacheDir would not do, as it names
// another folder on some systems.
func cacheDir() (string, error) {
	if dir := os.Getenv("TOKENCTL_PEERS"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "tokenctl", "peers"), nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".cache", "tokenctl", "peers"), err
}
