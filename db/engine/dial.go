package engine

import (
	"context"
	"database/sql/driver"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// connector connects like pgx, with one difference. If the server refuses TLS and sslmode allows a
// connection without it, connector continues on the same connection, like libpq. pgx closes it and
// connects again, so the server starts a second process.
type connector struct{ driver.Connector }

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	refused := tlsRefusals{}
	defer func() {
		for _, conn := range refused {
			conn.Close()
		}
	}()
	return c.Connector.Connect(context.WithValue(ctx, tlsRefusalsKey{}, refused))
}

// tlsRefusals are the connections of one Connect, by address, on which the server has refused TLS and
// now waits for the start-up message.
type tlsRefusals map[string]net.Conn

type tlsRefusalsKey struct{}

// reusing makes dial return an earlier connection on which the server has refused TLS.
func reusing(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		refused, ok := ctx.Value(tlsRefusalsKey{}).(tlsRefusals)
		if !ok {
			return dial(ctx, network, address) // a cancel request
		}
		if conn := refused[address]; conn != nil {
			delete(refused, address)
			return conn, nil
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &dialled{Conn: conn, keep: func() { refused[address] = conn }}, nil
	}
}

// dialled is a connection. Close keeps it open if the server has refused TLS.
type dialled struct {
	net.Conn
	keep    func()
	read    bool
	refused bool
}

// Read implements net.Conn. Only the answer to the request for TLS is a single byte: "N" is a refusal
// (PostgreSQL documentation, "SSL Session Encryption").
func (d *dialled) Read(p []byte) (int, error) {
	n, err := d.Conn.Read(p)
	d.refused = !d.read && len(p) == 1 && n == 1 && p[0] == 'N'
	d.read = true
	return n, err
}

// Close implements net.Conn.
func (d *dialled) Close() error {
	if d.refused {
		d.keep()
		return nil
	}
	return d.Conn.Close()
}
