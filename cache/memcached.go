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

// Memcached is a client of the memcached servers of an application. It speaks the text protocol (doc/protocol.txt
// of memcached 1.6). Only the application's client knows which server has a key, so Memcached asks each server.
type Memcached struct {
	access  Access
	servers []string // each is host:port, or the path of a socket
}

// memcachedPort is the port for an address without a port.
const memcachedPort = "11211"

// longestKey is KEY_MAX_LENGTH of memcached.
const longestKey = 250

// OpenMemcached returns a Memcached without connecting. The URL is memcached:// and a list of addresses, separated
// by commas. For an invalid URL the error has the code [tokenctl.CodeConfigInvalid].
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

// each connects to one server after another, and runs f with each connection.
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
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })() //nolint:errcheck // it ends a read or write that is waiting
	if err := conn.SetDeadline(time.Now().Add(m.access.Timeout)); err != nil {
		return err
	}
	return f(bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn)))
}

// send sends a command.
func send(rw *bufio.ReadWriter, command string) error {
	rw.WriteString(command + "\r\n") //nolint:errcheck // Flush returns it
	return rw.Flush()
}

// answer reads a line. If the line is an error, answer returns an error without its text, which may quote a key.
func (m *Memcached) answer(rw *bufio.ReadWriter) (string, error) {
	text, err := rw.ReadString('\n')
	text = strings.TrimSuffix(text, "\r\n")
	word, _, _ := strings.Cut(text, " ")
	if err == nil && slices.Contains([]string{"ERROR", "CLIENT_ERROR", "SERVER_ERROR"}, word) {
		err = &tokenctl.Error{Code: m.access.Denied, Message: "the memcached server answered with " + word, Hint: "tokenctl speaks the text protocol without authentication; the server is named by " + m.access.Source}
	}
	return text, err
}

// storable reports whether memcached allows a key.
func storable(key string) bool {
	return len(key) <= longestKey && !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// Values reads the values of keys, in the order of the keys. Lives is negative, because memcached does not send
// the remaining time to live.
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
			if err := send(rw, "get "+strings.Join(batch, " ")); err != nil {
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

// read reads the answer to get: for each value a line "VALUE key flags bytes" and the value, then a line "END".
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
		err := send(rw, "version")
		if err == nil {
			_, err = m.answer(rw)
		}
		return err
	})
}

// Set returns an error if there is an entry to write: mint compares its sessions with those of the application,
// and memcached cannot list them.
func (m *Memcached) Set(_ context.Context, entries []Entry) error {
	if len(entries) > 0 {
		return errMemcached
	}
	return nil
}

// Delete deletes keys, and reports for each whether it existed.
func (m *Memcached) Delete(ctx context.Context, keys []string) ([]bool, error) {
	were := make([]bool, len(keys))
	return were, m.each(ctx, func(rw *bufio.ReadWriter) error {
		for i, key := range keys {
			if !storable(key) {
				continue
			}
			if err := send(rw, "delete "+key); err != nil {
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

// errMemcached is the error for an operation that needs a list of keys.
var errMemcached = &tokenctl.Error{Code: tokenctl.CodeKindUnsupported, Message: "the application's sessions are in memcached, which cannot list them",
	Hint: "tokenctl takes the key of one, as the cookie has it, from standard input: -; changing the user's password or deactivating the user ends all"}
