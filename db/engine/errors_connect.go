package engine

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"tokenctl"
)

// refusalHints are the hints for a refused connection, by SQLSTATE.
var refusalHints = map[string]string{
	"3D000": "check the database's name",
	"42501": "grant the role connect on the database",
	"53300": "the server, the database or the role has no connection left; try again",
	"55000": "the database accepts no connections now",
	"57P03": "the server is starting up or shutting down, or is a standby that accepts no connections; try again",
	"08P01": "the connection pooler refused; check its log",
	"28000": "check the role, and pg_hba.conf on the server; it may ask for TLS (sslmode=require)",
}

// connectError returns the error for a connection that could not be made.
func (db *DB) connectError(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		hint := cmp.Or(refusalHints[pg.Code], "check the user, the password (.pgpass, PGPASSWORD, a service file) and pg_hba.conf")
		return &tokenctl.Error{Code: tokenctl.CodeDatabaseRefused, Message: "the database refused the connection: " + pg.Message, Hint: hint, Err: err}
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return (&Tx{db: db}).sqliteError(lite)
	}
	e := &tokenctl.Error{Code: tokenctl.CodeDatabaseUnreachable, Message: "cannot reach the database", Err: err,
		Hint: "check the host and the port, and that the server listens there"}
	host := "the server"
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		host = connect.Config.Host
		e.Message += fmt.Sprintf(" (%s on %s)", connect.Config.Database, host)
	}
	reason, hint := reachReason(err, host)
	e.Message += ": " + reason
	if hint != "" {
		e.Hint = hint
	}
	return e
}

// reachReason returns the cause of a failed connection, and a hint if the general one does not fit.
func reachReason(err error, host string) (reason, hint string) {
	// With sslmode=prefer the last attempt is the one without TLS.
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		err = errors.Unwrap(connect)
		if many, ok := err.(interface{ Unwrap() []error }); ok && len(many.Unwrap()) > 0 {
			err = many.Unwrap()[len(many.Unwrap())-1]
		}
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host", ""
	case errors.As(err, &dns):
		return "the name server gave no answer about " + dns.Name, "check the network and the name server"
	case errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err):
		return "no answer in time", ""
	}
	if reason, hint := tlsReason(err, host); reason != "" {
		return reason, hint
	}
	text := err.Error()
	switch {
	case errors.As(err, &op):
		return op.Err.Error(), ""
	case strings.Contains(text, "read only"), strings.Contains(text, "standby"), strings.Contains(text, "read-write"):
		return "no server fits target_session_attrs", "check target_session_attrs, and which server is the primary"
	case strings.Contains(text, "invalid body length"):
		return "the program there does not speak PostgreSQL's protocol", "check the port"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the server closed the connection before the login", "check that a PostgreSQL server listens there, and its log"
	}
	return innermost(err).Error(), ""
}

// tlsReason returns the cause of a failure of TLS; it is empty for other failures.
func tlsReason(err error, host string) (reason, hint string) {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	var op *net.OpError
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &name):
		return "the server's certificate is not for the name " + host, "connect by a name that the certificate has; sslmode=verify-ca does not compare it"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's certificate has expired, or is not valid yet", "renew it on the server; check the clock here"
	case errors.As(err, &unknown):
		return "the server's certificate is not from an authority that is trusted here", "name the authority's certificate with sslrootcert=FILE"
	case errors.As(err, &verification), errors.As(err, &invalid):
		return "the server's certificate does not verify: " + innermost(err).Error(), "correct the certificate on the server"
	case errors.As(err, &op) && op.Op == "remote error": // a TLS alert
		return "the server ended the TLS handshake: " + strings.TrimPrefix(op.Err.Error(), "tls: "), "it may ask for a client certificate: sslcert=FILE and sslkey=FILE"
	case errors.As(err, &header):
		return "the program there does not speak PostgreSQL's TLS", "check the port"
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return "the server does not offer TLS, and sslmode asks for it", "switch on TLS at the server, or use sslmode=prefer if the network is trusted"
	case strings.Contains(err.Error(), "tls error"):
		return "the TLS handshake failed: " + innermost(err).Error(), "check sslmode and the server's TLS settings"
	}
	return "", ""
}

// innermost returns the error at the end of a chain of wrapped errors.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if many, ok := err.(interface{ Unwrap() []error }); ok && len(many.Unwrap()) > 0 {
			next = many.Unwrap()[0]
		}
		if next == nil {
			return err
		}
		err = next
	}
}
