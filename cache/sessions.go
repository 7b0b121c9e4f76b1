package cache

import (
	"context"
	"errors"
	"hash/maphash"
	"iter"
	"slices"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/django"
)

// ErrNoText is about a key of a session under which Redis has a list or the like.
var ErrNoText = errors.New("what stands under its key is no value of a cache")

// server has the values.
type server interface {
	Ping(ctx context.Context) error
	Values(ctx context.Context, keys []string) ([]Value, error)
	Set(ctx context.Context, entries []Entry) error
	Delete(ctx context.Context, keys []string) ([]bool, error)
}

// Sessions are the sessions that an application keeps in Redis or memcached.
type Sessions struct {
	server     server
	redis      *Client // nil: memcached
	settings   tokenctl.SessionSettings
	head, tail string // of the key of every session, around what the cookie has
}

// NewSessions are the sessions of the application with these settings. It does not connect.
func NewSessions(a Access, settings tokenctl.SessionSettings) (*Sessions, error) {
	s := &Sessions{settings: settings}
	var err error
	if settings.Memcached() {
		s.server, err = OpenMemcached(a)
	} else {
		s.redis, err = Open(a)
		s.server = s.redis
	}
	const mark = "\x00"
	s.head, s.tail, _ = strings.Cut(s.key(mark), mark)
	return s, err
}

// Ping connects, logs in and asks for a sign of life.
func (s *Sessions) Ping(ctx context.Context) error { return s.server.Ping(ctx) }

// Close ends the connections.
func (s *Sessions) Close() error {
	if s.redis == nil {
		return nil
	}
	return s.redis.Close()
}

func (s *Sessions) key(session string) string {
	return Key(s.settings.KeyFunction(), s.settings.CacheKeyPrefix, s.settings.Version(), s.settings.CacheKeys()+session)
}

// session is what the cookie of the session under a key has; ok is false where it is no session's.
func (s *Sessions) session(key string) (session string, ok bool) {
	if len(key) < len(s.head)+len(s.tail) {
		return "", false
	}
	session = key[len(s.head) : len(key)-len(s.tail)]
	// The keys of the engine cached_db begin as those of cache.
	const other = "d_db"
	return session, django.ValidSessionKey(session) && !(s.settings.CacheOnly() && strings.HasPrefix(session, other))
}

// Session is a session in a cache.
type Session struct {
	Key     tokenctl.Secret
	Value   string
	Login   django.SessionLogin
	Problem error         // why the value is not read
	Lives   time.Duration // how long it still lives; negative: it has no end
}

// noKey is what PTTL answers about a key that is not there.
const noKey = -2

// read makes a session of what stands under its key; nil if nothing does.
func read(key string, v Value) *Session {
	s := &Session{Key: tokenctl.NewSecret(key), Value: v.Text, Lives: v.Lives}
	switch {
	case v.Found:
		s.Login, s.Problem = ReadSession(v.Text)
	case v.Lives == noKey:
		return nil
	default:
		s.Problem = ErrNoText
	}
	return s
}

// Lists is the error where the cache cannot tell which sessions it has.
func (s *Sessions) Lists() error {
	if s.redis == nil {
		return errMemcached
	}
	return nil
}

// Get returns sessions by what their cookies have, in their order; nil for one that is not there.
func (s *Sessions) Get(ctx context.Context, keys []tokenctl.Secret) ([]*Session, error) {
	full := make([]string, len(keys))
	for i, key := range keys {
		full[i] = s.key(key.Reveal())
	}
	values, err := s.server.Values(ctx, full)
	if err != nil {
		return nil, err
	}
	list := make([]*Session, len(keys))
	for i, v := range values {
		list[i] = read(keys[i].Reveal(), v)
	}
	return list, nil
}

// All yields the sessions whose keys begin with start, each once, in batches and in no order.
// wanted, if not nil, chooses among the keys, so that no other value is read.
func (s *Sessions) All(ctx context.Context, start string, wanted func(key string) bool) iter.Seq2[[]*Session, error] {
	pattern := Match(s.settings.KeyFunction(), s.settings.CacheKeyPrefix, s.settings.Version(), s.settings.CacheKeys()+start)
	return func(yield func([]*Session, error) bool) {
		// SCAN may return a key twice. Eight bytes for each key are what a list keeps of it.
		seed, seen := maphash.MakeSeed(), map[uint64]struct{}{}
		if err := s.Lists(); err != nil {
			yield(nil, err)
			return
		}
		for batch, err := range s.redis.Keys(ctx, pattern) {
			var keys []tokenctl.Secret
			for _, key := range batch {
				session, ok := s.session(key)
				if !ok || wanted != nil && !wanted(session) {
					continue
				}
				hash := maphash.String(seed, session)
				if _, again := seen[hash]; again {
					continue
				}
				seen[hash] = struct{}{}
				keys = append(keys, tokenctl.NewSecret(session))
			}
			var list []*Session
			if err == nil && keys != nil {
				list, err = s.Get(ctx, keys)
			}
			list = slices.DeleteFunc(list, func(v *Session) bool { return v == nil }) // it has ended meanwhile
			if (err != nil || len(list) > 0) && !yield(list, err) || err != nil {
				return
			}
		}
	}
}

// Put writes sessions, each with its value and how long it is to live.
func (s *Sessions) Put(ctx context.Context, keys []tokenctl.Secret, values []string, lives []time.Duration) error {
	entries := make([]Entry, len(keys))
	for i, key := range keys {
		entries[i] = Entry{Key: s.key(key.Reveal()), Value: values[i], Lives: lives[i]}
	}
	return s.server.Set(ctx, entries)
}

// Delete deletes sessions.
func (s *Sessions) Delete(ctx context.Context, keys []tokenctl.Secret) error {
	full := make([]string, len(keys))
	for i, key := range keys {
		full[i] = s.key(key.Reveal())
	}
	_, err := s.server.Delete(ctx, full)
	return err
}
