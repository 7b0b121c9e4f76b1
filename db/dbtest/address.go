package dbtest

import (
	"crypto/rand"
	"net"
	"net/url"
	"strings"
	"testing"
)

// With adds parameters to a URL.
func With(address string, pairs ...string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String()
}

// Name is how tokenctl's messages name the database of a URL.
func Name(address string) string {
	if path, ok := strings.CutPrefix(address, "sqlite:///"); ok {
		return path
	}
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return strings.TrimPrefix(u.Path, "/") + " on " + u.Hostname()
}

// As is the URL for another role.
func As(address, role, password string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	u.User = url.UserPassword(role, password)
	return u.String()
}

// NewRole makes a role for the test's time; it must come before the database in
// which the role will own or be granted anything.
func NewRole(t testing.TB, options string) string {
	t.Helper()
	server := PostgresServer(t)
	name := "tokenctl_" + strings.ToLower(rand.Text())
	Exec(t, server.URL, "create role "+name+" login "+options)
	t.Cleanup(func() { Exec(t, server.URL, "drop role "+name) })
	return name
}

// Silent is an address that takes connections and never says a word.
func Silent(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}
