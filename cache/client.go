package cache

import (
	"context"
	"hash/maphash"
	"iter"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"tokenctl"
)

// Access has the parameters of a connection to a Redis or Valkey server, and the codes of its errors.
type Access struct {
	// URL is a URL for go-redis's ParseURL: redis://user@host:port/db, rediss:// with TLS,
	// unix:///path?db=0. With master_name it is for ParseFailoverURL: the addresses are
	// Sentinels, and their user and password come before the @. It may contain passwords.
	URL tokenctl.Secret
	// Source names the source of the URL in messages: "denylist.url".
	Source string
	// Password replaces the password of the URL; with Sentinels, that of the servers.
	Password tokenctl.Secret
	Timeout  time.Duration // for one answer, including connecting and retries

	// Unreachable is the code of the error if the server does not answer, and Denied if the
	// server refuses the user or the command.
	Unreachable, Denied tokenctl.Code
}

// Client is a client of one server. It connects at its first command. It is safe for
// concurrent use.
type Client struct {
	access Access
	redis  *redis.Client
	place  string // the server's address, or its name among the Sentinels
}

// retries is the number of times that a command is sent again after the server has closed the
// connection. All commands of a Client may be executed twice.
const retries = 2

// connections is the largest number of commands at a time.
const connections = 16

// batchSize is the number of keys in one round trip.
const batchSize = 1000

// silence turns off go-redis's log, which would write failed connections to stderr.
var silence = sync.OnceFunc(logging.Disable)

// Open returns a Client without connecting. For an invalid URL the error has the code
// [tokenctl.CodeConfigInvalid]. It does not quote the URL, which may contain a password.
func Open(a Access) (*Client, error) {
	silence()
	c := &Client{access: a}
	invalid := &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: a.Source + " is not the URL of a Redis server",
		Hint: "write redis://user@host:6379/0, rediss:// for TLS, or unix:///path/redis.sock?db=0; behind Sentinels: redis://sentinel:26379/0?master_name=NAME"}
	text := a.URL.Reveal()
	quiet := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled} // the other modes send commands that ACLs may forbid
	if _, query, _ := strings.Cut(text, "?"); strings.Contains("&"+query, "&master_name=") {
		o, err := redis.ParseFailoverURL(text)
		if err != nil || o.MasterName == "" || o.RouteByLatency || o.RouteRandomly {
			return nil, invalid
		}
		if !a.Password.IsZero() {
			o.Password = a.Password.Reveal()
		}
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout, o.ContextTimeoutEnabled = a.Timeout, a.Timeout, a.Timeout, a.Timeout, true
		o.MaxRetries, o.DialerRetries, o.PoolSize, o.PipelinePoolSize, o.DisableIdentity = retries, 1, connections, -1, true
		c.place = o.MasterName + ", which the Sentinels at " + strings.Join(o.SentinelAddrs, ", ") + " name"
		c.redis = redis.NewFailoverClient(o)
		return c, nil
	}
	o, err := redis.ParseURL(text)
	if err != nil {
		return nil, invalid
	}
	if !a.Password.IsZero() {
		o.Password = a.Password.Reveal()
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout, o.ContextTimeoutEnabled = a.Timeout, a.Timeout, a.Timeout, a.Timeout, true
	o.MaxRetries, o.DialerRetries, o.PoolSize, o.PipelinePoolSize, o.DisableIdentity = retries, 1, connections, -1, true
	o.MaintNotificationsConfig = quiet
	c.place = o.Addr
	c.redis = redis.NewClient(o)
	return c, nil
}

// WithoutPasswords returns the URL of a Redis without passwords: the address, the database and the
// user. It is empty for an invalid URL.
func WithoutPasswords(text string) string {
	u, err := url.Parse(text)
	if err != nil || !tokenctl.RedisURL(text) || u.Fragment != "" {
		return ""
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.User != nil && u.User.Username() != "" {
		shown.User = url.User(u.User.Username())
	}
	query := url.Values{}
	for _, name := range []string{"db", "master_name", "addr", "username", "skip_verify"} {
		if values := u.Query()[name]; values != nil {
			query[name] = values
		}
	}
	shown.RawQuery = query.Encode()
	return shown.String()
}

// HasPassword reports whether the URL of a Redis contains a password. For an invalid URL it returns
// true.
func HasPassword(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return true // an invalid URL may contain a password
	}
	_, has := u.User.Password()
	return has || u.Query().Has("password")
}

// Close ends the connections.
func (c *Client) Close() error { return c.redis.Close() }

// ask runs f, which sends command, with the time limit for one answer. go-redis ignores the end of a
// context while it waits for an answer, so f may continue after ask has returned.
func ask[T any](ctx context.Context, c *Client, command string, f func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	limited, cancel := context.WithTimeout(ctx, c.access.Timeout)
	answers := make(chan answer, 1)
	go func() {
		defer cancel()
		value, err := f(limited)
		answers <- answer{value, err}
	}()
	var a answer
	select {
	case a = <-answers:
	case <-ctx.Done():
		a.err = ctx.Err()
	}
	if a.err != nil && ctx.Err() != nil {
		return a.value, context.Cause(ctx)
	}
	return a.value, c.explain(command, a.err)
}

// Ping connects, logs in and sends PING.
func (c *Client) Ping(ctx context.Context) error {
	_, err := ask(ctx, c, "PING", func(ctx context.Context) (string, error) { return c.redis.Ping(ctx).Result() })
	return err
}

// Keys yields the keys that match a pattern of [Match], in batches of about a thousand and in no order. A key
// that exists during the whole call appears once.
func (c *Client) Keys(ctx context.Context, pattern string) iter.Seq2[[]string, error] {
	type page struct {
		keys []string
		next uint64
	}
	return func(yield func([]string, error) bool) {
		// SCAN may return a key twice. A hash of eight bytes for each key saves memory in a long list.
		seed, seen := maphash.MakeSeed(), map[uint64]struct{}{}
		for cursor := uint64(0); ; {
			p, err := ask(ctx, c, "SCAN", func(ctx context.Context) (p page, err error) {
				p.keys, p.next, err = c.redis.Scan(ctx, cursor, pattern, batchSize).Result()
				return p, err
			})
			if err != nil {
				yield(nil, err)
				return
			}
			p.keys = slices.DeleteFunc(p.keys, func(key string) bool {
				before := len(seen)
				seen[maphash.String(seed, key)] = struct{}{}
				return len(seen) == before
			})
			if len(p.keys) > 0 && !yield(p.keys, nil) {
				return
			}
			if cursor = p.next; cursor == 0 {
				return
			}
		}
	}
}

// Value is the value of a key.
type Value struct {
	Found bool   // false: the key does not exist, or its value is not a text
	Text  string // may be binary
	// Lives is the remaining time to live, to the millisecond. It is negative if the key does not
	// expire.
	Lives time.Duration
}

// Values reads the values of keys, in the order of the keys, with one round trip for every thousand keys.
func (c *Client) Values(ctx context.Context, keys []string) ([]Value, error) {
	return inBatches(keys, func(batch []string) ([]Value, error) {
		return ask(ctx, c, "MGET and PTTL", func(ctx context.Context) ([]Value, error) {
			pipe := c.redis.Pipeline()
			texts := pipe.MGet(ctx, batch...)
			lives := make([]*redis.DurationCmd, len(batch))
			for i, key := range batch {
				lives[i] = pipe.PTTL(ctx, key)
			}
			if _, err := pipe.Exec(ctx); err != nil {
				return nil, err
			}
			values := make([]Value, len(batch))
			for i, v := range texts.Val() {
				// If the key expired between the two commands, its time to live is -2.
				text, ok := v.(string)
				values[i] = Value{Found: ok && lives[i].Val() != -2, Text: text, Lives: lives[i].Val()}
			}
			return values, nil
		})
	})
}

// inBatches calls f for each thousand elements of a list, and joins the results.
func inBatches[T, R any](list []T, f func(batch []T) ([]R, error)) ([]R, error) {
	var results []R
	for batch := range slices.Chunk(list, batchSize) {
		part, err := f(batch)
		if err != nil {
			return nil, err
		}
		results = append(results, part...)
	}
	return results, nil
}

// Entry is a value to write.
type Entry struct {
	Key   string
	Value string
	// Lives is the time to live, rounded up to the second. It counts from the moment at which the
	// server reads the entry, so it does not depend on the server's clock.
	Lives time.Duration
}

// Set writes entries and replaces the values of existing keys, with one round trip for every
// thousand. After an error some of the entries may have been written.
func (c *Client) Set(ctx context.Context, entries []Entry) error {
	_, err := inBatches(entries, func(batch []Entry) ([]redis.Cmder, error) {
		return ask(ctx, c, "SET", func(ctx context.Context) ([]redis.Cmder, error) {
			_, err := c.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
				for _, e := range batch {
					pipe.Set(ctx, e.Key, e.Value, max(e.Lives+time.Second-1, time.Second).Truncate(time.Second))
				}
				return nil
			})
			return nil, err
		})
	})
	return err
}

// Delete deletes keys, with one round trip for every thousand, and reports for each whether it
// existed.
func (c *Client) Delete(ctx context.Context, keys []string) ([]bool, error) {
	return inBatches(keys, func(batch []string) ([]bool, error) {
		return ask(ctx, c, "DEL", func(ctx context.Context) ([]bool, error) {
			pipe := c.redis.Pipeline()
			counts := make([]*redis.IntCmd, len(batch))
			for i, key := range batch {
				counts[i] = pipe.Del(ctx, key)
			}
			if _, err := pipe.Exec(ctx); err != nil {
				return nil, err
			}
			return tokenctl.Mapped(counts, func(n *redis.IntCmd) bool { return n.Val() > 0 }), nil
		})
	})
}
