package main

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cutter passes a connection to PostgreSQL on until the client says commit, and
// then cuts it: before the server hears of it, or before the client hears back.
func cutter(t *testing.T, address string, heard bool) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go cutAtCommit(client, server, heard)
		}
	}()
	u.Host = listener.Addr().String()
	q := u.Query()
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	return u.String()
}

func cutAtCommit(client net.Conn, server string, heard bool) {
	defer client.Close()
	backend, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer backend.Close()
	writes := false // read-only transactions are let through
	go io.Copy(client, backend)
	block := make([]byte, 64<<10)
	for {
		n, err := client.Read(block)
		if err != nil {
			return
		}
		writes = writes || bytes.Contains(block[:n], []byte("insert into"))
		if writes && bytes.Contains(block[:n], []byte("commit\x00")) {
			client.Close() // before the answer can get through
			if heard {
				backend.Write(block[:n])
				io.ReadAll(backend) // until the server noticed that it is alone
			}
			return
		}
		if _, err := backend.Write(block[:n]); err != nil {
			return
		}
	}
}

// The connection is lost during commit: nobody can tell whether it happened, so
// the secret is kept, and tokenctl says how to find out.
func TestOutcomeUnknown(t *testing.T) {
	t.Parallel()
	for name, heard := range map[string]bool{"committed": true, "rolled back": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "postgres")
			cmd := w.command("mint", "alice", "--create", "--out", "token")
			cmd.Env = append(w.env, "DATABASE_URL="+cutter(t, w.url, heard))
			p := w.start(cmd)
			r := p.ends(testLimit)
			w.want(r, 1, "tokenctl: the connection was lost while the transaction was being committed: it may or may not have happened\n",
				"hint: tokenctl verify --token-file token tells whether it is live\n")
			secret, err := os.ReadFile(filepath.Join(w.dir, "token"))
			if err != nil {
				t.Fatal("the secret was not kept: ", err)
			}
			if heard {
				within(t, testLimit, "the commit", func() bool { return w.key() == strings.TrimSpace(string(secret)) })
				w.want(w.run(w.command("verify", "--token-file", "token")), 0)
			} else {
				w.rows("0", "0")
				w.want(w.run(w.command("verify", "--token-file", "token")), 4)
			}

			// Without --out the secret is on stdout.
			cmd = w.command("mint", "bob", "--create", "-o", "json")
			cmd.Env = append(w.env, "DATABASE_URL="+cutter(t, w.url, heard))
			r = w.run(cmd)
			w.want(r, 1, `"code":"outcome_unknown"`, "tokenctl verify - tells whether the secret printed above is live")
			if !strings.Contains(r.stdout, `"token"`) {
				t.Errorf("stdout: %q", r.stdout)
			}
		})
	}
}
