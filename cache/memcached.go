package cache

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"tokenctl"
)

// Memcached is the memcached servers of an application: doc/protocol.txt of memcached 1.6. Which
// of them has a key is the application's client to know, so each is asked.
type Memcached struct {
	access  Access
	servers []string // host:port, or the path of a socket
}

// memcachedPort is the port of a server whose address has none.
const memcachedPort = "11211"

// longestKey is KEY_MAX_LENGTH of memcached.
const longestKey = 250

// OpenMemcached returns a Memcached without connecting. The URL is memcached:// with the addresses
// behind it, with commas between them.
func OpenMemcached(a Access) (*Memcached, error) {
	m := &Memcached{access: a}
	for server := range strings.SplitSeq(strings.TrimPrefix(a.URL.Reveal(), "memcached://"), ",") {
		if !strings.HasPrefix(server, "/") {
			host, port, err := net.SplitHostPort(server)
			if err != nil {
				host, port = strings.Trim(server, "[]"), memcachedPort
			}
			if host == "" || strings.ContainsAny(host, "/@ ") {
				return nil, &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: a.Source + " is not the URL of memcached servers",
					Hint: "write memcached://host:11211,other:11211 or memcached:///run/memcached.sock"}
			}
			server = net.JoinHostPort(host, port)
		}
		m.servers = append(m.servers, server)
	}
	return m, nil
}

// Place is the servers as messages name them.
func (m *Memcached) Place() string { return strings.Join(m.servers, ", ") }

// each runs f with a connection to each server.
func (m *Memcached) each(ctx context.Context, f func(*bufio.ReadWriter) error) error {
	for _, server := range m.servers {
		if err := m.with(ctx, server, f); err != nil {
			var known *tokenctl.Error
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if errors.As(err, &known) {
				return err
			}
			reason, hint := reachReason(err)
			return &tokenctl.Error{Code: m.access.Unreachable, Err: err, Message: "the memcached server " + server + " cannot be reached: " + reason,
				Hint: strings.ReplaceAll(hint, "Redis", "memcached") + "; the server is named by " + m.access.Source}
		}
	}
	return nil
}

func (m *Memcached) with(ctx context.Context, server string, f func(*bufio.ReadWriter) error) error {
	network := "tcp"
	if strings.HasPrefix(server, "/") {
		network = "unix"
	}
	limited, cancel := context.WithTimeout(ctx, m.access.Timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(limited, network, server)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })() //nolint:errcheck // it ends what waits
	if err := conn.SetDeadline(time.Now().Add(m.access.Timeout)); err != nil {
		return err
	}
	return f(bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn)))
}

// answer reads a line. Its text is not repeated where it is an error: it may quote what was sent.
func (m *Memcached) answer(rw *bufio.ReadWriter) (string, error) {
	text, err := rw.ReadString('\n')
	text = strings.TrimSuffix(text, "\r\n")
	word, _, _ := strings.Cut(text, " ")
	if err == nil && slices.Contains([]string{"ERROR", "CLIENT_ERROR", "SERVER_ERROR"}, word) {
		err = &tokenctl.Error{Code: m.access.Denied, Message: "the memcached server answered with " + word, Hint: "tokenctl speaks the text protocol without authentication; the server is named by " + m.access.Source}
	}
	return text, err
}

// storable reports whether memcached can have a key.
func storable(key string) bool {
	return len(key) <= longestKey && !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// Values reads the values under keys, in their order. How long they live memcached does not tell.
func (m *Memcached) Values(ctx context.Context, keys []string) ([]Value, error) {
	const perLine = 50
	values := make([]Value, len(keys))
	of := map[string][]int{}
	for i, key := range keys {
		values[i].Lives = noKey
		if storable(key) {
			of[key] = append(of[key], i)
		}
	}
	return values, m.each(ctx, func(rw *bufio.ReadWriter) error {
		for batch := range slices.Chunk(keys, perLine) {
			batch = slices.DeleteFunc(slices.Clone(batch), func(key string) bool { return !storable(key) })
			if len(batch) == 0 {
				continue
			}
			if _, err := rw.WriteString("get " + strings.Join(batch, " ") + "\r\n"); err != nil {
				return err
			}
			if err := rw.Flush(); err != nil {
				return err
			}
			if err := m.read(rw, func(key, text string) {
				for _, i := range of[key] {
					values[i] = Value{Found: true, Text: text, Lives: -1}
				}
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// read reads the answer to get: VALUE key flags bytes, the value, and so on up to END.
func (m *Memcached) read(rw *bufio.ReadWriter, found func(key, text string)) error {
	for {
		line, err := m.answer(rw)
		if err != nil || line == "END" {
			return err
		}
		words := strings.Fields(line)
		n := -1
		if len(words) >= 4 && words[0] == "VALUE" {
			n, err = strconv.Atoi(words[3])
		}
		const largest = 128 << 20 // item_size_max is 1 MiB by default
		if err != nil || n < 0 || n > largest {
			return fmt.Errorf("no answer of memcached")
		}
		text := make([]byte, n+len("\r\n"))
		if _, err := io.ReadFull(rw, text); err != nil {
			return err
		}
		found(words[1], string(text[:n]))
	}
}

// Ping asks each server for its version.
func (m *Memcached) Ping(ctx context.Context) error {
	return m.each(ctx, func(rw *bufio.ReadWriter) error {
		_, err := rw.WriteString("version\r\n")
		if err == nil {
			err = rw.Flush()
		}
		if err == nil {
			_, err = m.answer(rw)
		}
		return err
	})
}

// Set writes nothing: what cannot be listed is not written either.
func (m *Memcached) Set(_ context.Context, entries []Entry) error {
	if len(entries) > 0 {
		return errMemcached
	}
	return nil
}

// Delete removes keys, and reports which of them were there.
func (m *Memcached) Delete(ctx context.Context, keys []string) ([]bool, error) {
	were := make([]bool, len(keys))
	return were, m.each(ctx, func(rw *bufio.ReadWriter) error {
		for i, key := range keys {
			if !storable(key) {
				continue
			}
			if _, err := rw.WriteString("delete " + key + "\r\n"); err != nil {
				return err
			}
			if err := rw.Flush(); err != nil {
				return err
			}
			line, err := m.answer(rw)
			if err != nil {
				return err
			}
			were[i] = were[i] || line == "DELETED"
		}
		return nil
	})
}

// errMemcached is about what takes a list of keys.
var errMemcached = &tokenctl.Error{Code: tokenctl.CodeKindUnsupported, Message: "the application's sessions are in memcached, which cannot list them",
	Hint: "tokenctl takes the key of one, as the cookie has it, from standard input: -; changing the user's password or deactivating the user ends all"}
