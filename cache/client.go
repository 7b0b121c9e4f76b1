package cache

import (
	"context"
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

// Access is how a Redis or Valkey server is reached, and what its errors are called.
type Access struct {
	// URL is what go-redis's ParseURL takes: redis://user@host:port/db, rediss:// with TLS,
	// unix:///path?db=0. With master_name it is what ParseFailoverURL takes: the addresses
	// are Sentinels, whose user and password stand before the @. It may hold passwords.
	URL tokenctl.Secret
	// Source is what the URL is from, for messages: "denylist.url".
	Source string
	// Password replaces the password of the URL; with Sentinels, that of the servers.
	Password tokenctl.Secret
	Timeout  time.Duration // of one answer; connecting and retries are part of it

	// Unreachable is the code of errors about a server that gives no answer, and Denied
	// about one that refuses the user or the command.
	Unreachable, Denied tokenctl.Code
}

// Client speaks with one server. It connects when it is first asked something, and several
// goroutines may use it.
type Client struct {
	access Access
	redis  *redis.Client
	place  string // the server's address, or its name among the Sentinels
}

// retries is how often a command is sent again to a server that closed the connection.
// Every command that a Client sends may be done twice.
const retries = 2

// connections is how many commands can be under way at a time.
const connections = 16

// batchSize is how many keys one round trip is about.
const batchSize = 1000

// go-redis reports failed connections on stderr, beside the error that it returns.
var silence = sync.OnceFunc(logging.Disable)

// Open returns a Client without connecting. A URL that cannot be read is a
// [tokenctl.CodeConfigInvalid] error that does not repeat it: it may hold a password.
func Open(a Access) (*Client, error) {
	silence()
	c := &Client{access: a}
	invalid := &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: a.Source + " is not the URL of a Redis server",
		Hint: "write redis://user@host:6379/0, rediss:// for TLS, or unix:///path/redis.sock?db=0; behind Sentinels: redis://sentinel:26379/0?master_name=NAME"}
	text := a.URL.Reveal()
	quiet := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled} // which asks the server for more than ACLs may allow
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

// Place is the server as messages name it, without user and password.
func (c *Client) Place() string { return c.place }

// WithoutPasswords is the URL of a Redis as it can be shown: the address, the database and the
// user. It is empty if the URL cannot be read.
func WithoutPasswords(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Fragment != "" {
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

// HasPassword reports whether the URL of a Redis holds a password.
func HasPassword(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return true // nobody knows
	}
	_, has := u.User.Password()
	return has || u.Query().Has("password")
}

// Close ends the connections.
func (c *Client) Close() error { return c.redis.Close() }

// ask runs f, which sends command, within the time of one answer. go-redis does not notice
// that a context was canceled while it waits for an answer, so f may go on behind it.
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

// Ping connects, logs in and asks for a sign of life.
func (c *Client) Ping(ctx context.Context) error {
	_, err := ask(ctx, c, "PING", func(ctx context.Context) (string, error) { return c.redis.Ping(ctx).Result() })
	return err
}

// Keys yields the keys that match a pattern, in batches of about a thousand; see [Match]. They
// come in no order. A key that is there all the time comes at least once, and may come again.
func (c *Client) Keys(ctx context.Context, pattern string) iter.Seq2[[]string, error] {
	type page struct {
		keys []string
		next uint64
	}
	return func(yield func([]string, error) bool) {
		for cursor := uint64(0); ; {
			p, err := ask(ctx, c, "SCAN", func(ctx context.Context) (p page, err error) {
				p.keys, p.next, err = c.redis.Scan(ctx, cursor, pattern, batchSize).Result()
				return p, err
			})
			if err != nil {
				yield(nil, err)
				return
			}
			if len(p.keys) > 0 && !yield(p.keys, nil) {
				return
			}
			if cursor = p.next; cursor == 0 {
				return
			}
		}
	}
}

// Value is what stands under a key.
type Value struct {
	Found bool   // false: there is no such key, or no text under it
	Text  string // binary where the application wrote that
	// Lives is how long it still lives, to the millisecond; negative: it has no end.
	Lives time.Duration
}

// Values reads the values under keys, in their order, in one round trip for every thousand.
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
				// The key may have ended between both commands: its life is -2 then.
				text, ok := v.(string)
				values[i] = Value{Found: ok && lives[i].Val() != -2, Text: text, Lives: lives[i].Val()}
			}
			return values, nil
		})
	})
}

// inBatches calls f for each thousand of a list, and puts together what it returns.
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
	// Lives is when the server removes it, from the moment in which it reads it: a duration
	// does not depend on the server's clock. It is rounded up to the second.
	Lives time.Duration
}

// Set writes entries over what stands under their keys, in one round trip for every thousand.
// After an error some of them may have been written.
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

// Delete removes keys, in one round trip for every thousand, and reports which of them were
// there.
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
			were := make([]bool, len(batch))
			for i, n := range counts {
				were[i] = n.Val() > 0
			}
			return were, nil
		})
	})
}
