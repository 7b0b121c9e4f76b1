package cache

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"

	"tokenctl"
)

// explain returns the [*tokenctl.Error] for an error of go-redis. It never repeats the text of a server's answer,
// because the text may quote the command.
func (c *Client) explain(command string, err error) error {
	if err == nil {
		return nil
	}
	var answer redis.Error
	var e *tokenctl.Error
	switch {
	case strings.HasPrefix(err.Error(), "redis: all sentinels"): // masterAddr in sentinel.go of go-redis 9.23; the Sentinels' answers follow
		e = &tokenctl.Error{Code: c.access.Unreachable, Message: "the Redis server " + c.place + " cannot be reached: no Sentinel knows its address", Hint: "check the addresses of the Sentinels, master_name, and the Sentinels' password before the @"}
	case errors.As(err, &answer):
		e = c.answerError(command, answer)
	default:
		reason, hint := reachReason(err)
		e = &tokenctl.Error{Code: c.access.Unreachable, Message: "the Redis server " + c.place + " cannot be reached: " + reason, Hint: hint}
	}
	e.Hint += "; the server is named by " + c.access.Source
	e.Err = err
	return e
}

// answerError translates an error that the server has sent. It recognises the beginning of the text:
// the prefixes are in src/server.c and src/acl.c of Redis 7.0.
func (c *Client) answerError(command string, err redis.Error) *tokenctl.Error {
	server := "the Redis server " + c.place
	denied := func(message, hint string) *tokenctl.Error {
		return &tokenctl.Error{Code: c.access.Denied, Message: message, Hint: hint}
	}
	unreachable := func(message, hint string) *tokenctl.Error {
		return &tokenctl.Error{Code: c.access.Unreachable, Message: message, Hint: hint}
	}
	starts := func(prefix string) bool { return redis.HasErrorPrefix(err, prefix) }
	switch {
	case starts("NOAUTH"):
		return denied(server+" requires a password, but none is configured", "give the password in the variable or in password_file that belongs to the URL")
	case redis.IsAuthError(err):
		return denied(server+" refused the user or the password", "check the user in the URL, and the password")
	case starts("AUTH <password> called without any password"):
		return denied(server+" requires no password, but one is configured", "leave the password out, or name the right server")
	case redis.IsPermissionError(err) && strings.Contains(err.Error(), " key"):
		return denied("the user at "+server+" may not use the keys that "+command+" is about", "grant the keys: ACL SETUSER NAME ~PREFIX*")
	case redis.IsPermissionError(err):
		return denied("the user at "+server+" may not run "+command, "grant it: ACL SETUSER NAME +"+strings.ReplaceAll(strings.ToLower(command), " and ", " +"))
	case redis.IsReadOnlyError(err):
		return denied(server+" is a replica, which accepts no writes", "name the primary; behind Sentinels: ?master_name=NAME")
	case redis.IsOOMError(err):
		return denied(server+" accepts no writes: its memory is full (maxmemory)", "give it more memory, or a maxmemory-policy that evicts other keys")
	case starts("MISCONF"), starts("NOREPLICAS"):
		return denied(server+" accepts no writes: it cannot save them, or has too few replicas", "see the server's log")
	case starts("DB index"), starts("SELECT is not allowed"):
		return denied(server+" has no database of this number", "correct the number after the / of the URL")
	case starts("MOVED"), starts("ASK"), starts("CROSSSLOT"):
		return denied(server+" is part of a Redis Cluster, which tokenctl does not support", "name a server outside the cluster")
	case redis.IsLoadingError(err):
		return unreachable(server+" is starting and has not read its data yet", "try again")
	case redis.IsMasterDownError(err), redis.IsClusterDownError(err), redis.IsTryAgainError(err):
		return unreachable(server+" has lost its primary or its cluster", "see the server's log; try again")
	case redis.IsMaxClientsError(err):
		return unreachable(server+" has no connection left (maxclients)", "try again")
	}
	return denied(server+" answered "+command+" with an error", "check the server; tokenctl needs Redis 4 or newer, or Valkey")
}

// reachReason returns the reason why there is no answer, and a hint.
func reachReason(err error) (reason, hint string) {
	var dns *net.DNSError
	var op *net.OpError
	var network net.Error
	var number syscall.Errno
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var verification *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	const check = "check the host and the port, whether it uses TLS (rediss://) or not (redis://), and whether Redis listens there"
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host", check
	case errors.As(err, &dns):
		return "the name server gave no answer", "check the network and the name server"
	case errors.As(err, &unknown):
		return "its certificate is not from an authority that is trusted here", "name the authority's certificate in SSL_CERT_FILE"
	case errors.As(err, &name):
		return "its certificate is not for this name", "use a name that is in the certificate"
	case errors.As(err, &verification):
		return "its certificate is not valid", "renew the certificate, and check the clock here"
	case errors.As(err, &header):
		return "the program there does not speak TLS", "check the port, or write redis:// instead of rediss://"
	case errors.As(err, &op) && op.Op == "remote error":
		return "it ended the TLS handshake", "it may ask for a client certificate, which tokenctl does not send"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, redis.ErrPoolTimeout), errors.As(err, &network) && network.Timeout():
		return "no answer in time", check + ", or allow more with --timeout"
	case errors.As(err, &number):
		return number.Error(), check
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "it closed the connection", "see the server's log; " + check
	}
	return "the program there does not speak Redis's protocol", check
}
