package cache

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/django"
)

// ErrNoText is the error for a session whose value in Redis is not a text, but a list or another type.
var ErrNoText = errors.New("what stands under its key is no value of a cache")

// server is a client of Redis or memcached.
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
	head, tail string // the parts of every key before and after the session key
}

// NewSessions returns the sessions of the application with these settings, without connecting. For an invalid URL
// the error has the code [tokenctl.CodeConfigInvalid].
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

// Ping connects, logs in and checks that each server answers.
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

func (s *Sessions) keys(sessions []tokenctl.Secret) []string {
	return tokenctl.Mapped(sessions, func(session tokenctl.Secret) string { return s.key(session.Reveal()) })
}

// session returns the session key in a key of the cache. ok is false if the key does not belong to a session of the
// application.
func (s *Sessions) session(key string) (session string, ok bool) {
	if len(key) < len(s.head)+len(s.tail) {
		return "", false
	}
	session = key[len(s.head) : len(key)-len(s.tail)]
	// CacheKeys of the engine cached_db begins with CacheKeys of the engine cache.
	const other = "d_db"
	return session, django.ValidSessionKey(session) && !(s.settings.CacheOnly() && strings.HasPrefix(session, other))
}

// Session is a session in a cache.
type Session struct {
	Key     tokenctl.Secret
	Value   string
	Login   django.SessionLogin
	Problem error         // the reason why the value cannot be read; nil: Login is from the value
	Lives   time.Duration // the remaining time to live; negative: the session has no end, or memcached has it
}

// noKey is the answer of PTTL for a key that does not exist.
const noKey = -2

// read returns the session with a value; nil if the cache has no value.
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

// Lists returns an error if the cache cannot list its sessions, and nil otherwise. Only Redis can list them.
func (s *Sessions) Lists() error {
	if s.redis == nil {
		return errMemcached
	}
	return nil
}

// Get returns sessions by their session keys, in the order of the keys; nil for a key without a session.
func (s *Sessions) Get(ctx context.Context, keys []tokenctl.Secret) ([]*Session, error) {
	values, err := s.server.Values(ctx, s.keys(keys))
	if err != nil {
		return nil, err
	}
	list := make([]*Session, len(keys))
	for i, v := range values {
		list[i] = read(keys[i].Reveal(), v)
	}
	return list, nil
}

// All yields each session whose key begins with start once, in batches and in no order. wanted may be nil;
// otherwise All reads only the values of the keys for which it returns true.
func (s *Sessions) All(ctx context.Context, start string, wanted func(key string) bool) iter.Seq2[[]*Session, error] {
	pattern := Match(s.settings.KeyFunction(), s.settings.CacheKeyPrefix, s.settings.Version(), s.settings.CacheKeys()+start)
	return func(yield func([]*Session, error) bool) {
		if err := s.Lists(); err != nil {
			yield(nil, err)
			return
		}
		for batch, err := range s.redis.Keys(ctx, pattern) {
			var keys []tokenctl.Secret
			for _, key := range batch {
				if session, ok := s.session(key); ok && (wanted == nil || wanted(session)) {
					keys = append(keys, tokenctl.NewSecret(session))
				}
			}
			var list []*Session
			if err == nil && keys != nil {
				list, err = s.Get(ctx, keys)
			}
			list = slices.DeleteFunc(list, func(v *Session) bool { return v == nil }) // the session has ended since SCAN
			if (err != nil || len(list) > 0) && !yield(list, err) || err != nil {
				return
			}
		}
	}
}

// Put writes sessions, each with its value and its time to live. After an error it may have written some of them.
func (s *Sessions) Put(ctx context.Context, keys []tokenctl.Secret, values []string, lives []time.Duration) error {
	entries := make([]Entry, len(keys))
	for i, key := range keys {
		entries[i] = Entry{Key: s.key(key.Reveal()), Value: values[i], Lives: lives[i]}
	}
	return s.server.Set(ctx, entries)
}

// Delete deletes sessions. After an error it may have deleted some of them.
func (s *Sessions) Delete(ctx context.Context, keys []tokenctl.Secret) error {
	_, err := s.server.Delete(ctx, s.keys(keys))
	return err
}
