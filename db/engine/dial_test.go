package engine_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"tokenctl"
	"tokenctl/db/engine"
)

// TestTLSRefused connects to a server without TLS: where that will do, over the
// connection that it was refused on.
func TestTLSRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		query  string
		starts int // start-up messages that the server gets
	}{{"?sslmode=prefer", 1}, {"", 1}, {"?sslmode=disable", 1}, {"?sslmode=require", 0}, {"?sslmode=verify-full", 0}} {
		t.Run(test.query, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			accepted, starts := 0, 0
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					accepted++
					starts += refuseEverything(conn)
				}
			}()
			target, err := engine.ParseURL("postgresql://alice@"+listener.Addr().String()+"/app"+test.query, "")
			if err != nil {
				t.Fatal(err)
			}
			s, err := engine.Open(target, engine.Options{Timeout: 5 * time.Second, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			err = connect(t.Context(), s)
			var e *tokenctl.Error
			if !errors.As(err, &e) {
				t.Fatalf("got error %v", err)
			}
			listener.Close()
			<-ended
			if accepted != 1 || starts != test.starts {
				t.Errorf("got %d connections and %d start-up messages, want 1 and %d (%v)", accepted, starts, test.starts, err)
			}
		})
	}
}

// refuseEverything refuses TLS, and then whoever starts up; it returns how many did.
func refuseEverything(conn net.Conn) (starts int) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second)) //nolint:errcheck // it has none to fail on
	backend := pgproto3.NewBackend(conn, conn)
	for {
		message, err := backend.ReceiveStartupMessage()
		if err != nil {
			return starts
		}
		if _, ok := message.(*pgproto3.SSLRequest); ok {
			io.WriteString(conn, "N") //nolint:errcheck // the client's reading fails
			continue
		}
		backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28000", Message: "nobody gets in"})
		backend.Flush() //nolint:errcheck // the client's reading fails
		return starts + 1
	}
}
