package engine

import (
	"context"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"tokenctl"
)

// connState is the state of one connection to PostgreSQL. The server's limits do not help when the
// server no longer answers, so the client has a limit too.
type connState struct {
	limit        time.Duration // the server's limit for a statement; 0: none
	began        time.Time     // when the last statement began
	sql          string        // the text of the last statement, without values
	cancelled    atomic.Bool   // tokenctl has cancelled the last statement
	failed       atomic.Pointer[failure]
	connErr      atomic.Pointer[tokenctl.Error] // why the connection has ended
	unreplicated atomic.Bool                    // the last commit has not reached the standby
}

// failure is the server's last error. The refusals of later statements in the same transaction do not
// replace it.
type failure struct {
	*pgconn.PgError
	late bool   // tokenctl's time limit ended the statement
	sql  string // the statement
}

// patience is the time that the client waits beyond the server's limit.
const patience = 500 * time.Millisecond

// stateOf returns the state of a connection.
func stateOf(conn *pgconn.PgConn) *connState {
	l, ok := conn.CustomData()["tokenctl"].(*connState)
	if !ok {
		l = new(connState)
		conn.CustomData()["tokenctl"] = l
	}
	return l
}

// begin starts the time of a statement. The caller calls done after the result.
func (s *connState) begin(ctx context.Context, sql string) (_ context.Context, done context.CancelFunc) {
	s.began, s.sql = time.Now(), sql
	s.cancelled.Store(false)
	if s.limit == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.limit+patience)
}

// watch makes config keep a state for every connection.
func watch(config *pgx.ConnConfig) {
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler { return &canceller{conn: conn} }
	config.Tracer = tracer{}
	config.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		l := stateOf(conn)
		if err.Code != abortedTransaction {
			// Only the text distinguishes a limit from somebody's pg_cancel_backend, and it is in the
			// server's language. The elapsed time works for every language.
			late := l.cancelled.Load() || strings.Contains(err.Message, "statement timeout") || l.limit > 0 && time.Since(l.began) >= l.limit
			l.failed.Store(&failure{err, late, l.sql})
		}
		return err.Severity != "FATAL" && err.SeverityUnlocalized != "FATAL"
	}
	config.OnNotice = func(conn *pgconn.PgConn, n *pgconn.Notice) {
		// The text of the notice is in the server's language; the routine's name is not.
		if n.Routine == "SyncRepWaitForLSN" {
			stateOf(conn).unreplicated.Store(true)
		}
	}
}

// abortedTransaction is the SQLSTATE of a statement after one that failed.
const abortedTransaction = "25P02"

// tracer measures the time of the statements that go through pgx.
type tracer struct{}

type (
	statementKey struct{}
	batchKey     struct{}
)

func started(ctx context.Context, conn *pgx.Conn, sql string, key any) context.Context {
	ctx, done := stateOf(conn.PgConn()).begin(ctx, sql)
	return context.WithValue(ctx, key, done)
}

func ended(ctx context.Context, key any) {
	if done, ok := ctx.Value(key).(context.CancelFunc); ok {
		done()
	}
}

// TraceQueryStart implements pgx.QueryTracer.
func (tracer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return started(ctx, conn, data.SQL, statementKey{})
}

// TraceQueryEnd implements pgx.QueryTracer. pgx also calls it for each statement of a batch, for which
// it has not called TraceQueryStart.
func (tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	ended(ctx, statementKey{})
}

// TraceCopyFromStart implements pgx.CopyFromTracer.
func (tracer) TraceCopyFromStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	return started(ctx, conn, "copy "+data.TableName.Sanitize(), statementKey{})
}

// TraceCopyFromEnd implements pgx.CopyFromTracer.
func (tracer) TraceCopyFromEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromEndData) {
	ended(ctx, statementKey{})
}

// TraceBatchStart implements pgx.BatchTracer.
func (tracer) TraceBatchStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return started(ctx, conn, "", batchKey{})
}

// TraceBatchQuery implements pgx.BatchTracer.
func (tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (tracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) {
	ended(ctx, batchKey{})
}

// canceller ends a statement on the server when its context ends. The connection can still roll back.
// pgx's own handler closes its cancel request as soon as the statement has ended, and this crashes
// PgBouncer 1.18 for all clients (pgbouncer/pgbouncer#801).
type canceller struct {
	conn *pgconn.PgConn
	done chan struct{}
	late <-chan time.Time
}

// HandleCancel implements ctxwatch.Handler.
func (c *canceller) HandleCancel(ctx context.Context) {
	done := make(chan struct{})
	c.done, c.late = done, time.After(600*time.Millisecond)
	if context.Cause(ctx) == errAbandoned {
		c.conn.Conn().SetDeadline(time.Now()) //nolint:errcheck // a closed connection needs none
		close(done)
		return
	}
	stateOf(c.conn).cancelled.Store(true)
	c.conn.Conn().SetDeadline(time.Now().Add(500 * time.Millisecond)) //nolint:errcheck // a closed connection needs none
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		c.conn.CancelRequest(ctx) //nolint:errcheck // the deadline still ends the statement
		// The server forwards the request as a signal. A late signal would end the next statement.
		time.Sleep(100 * time.Millisecond)
	}()
}

// HandleUnwatchAfterCancel implements ctxwatch.Handler.
func (c *canceller) HandleUnwatchAfterCancel() {
	select {
	case <-c.done:
	case <-c.late:
	}
	c.conn.Conn().SetDeadline(time.Time{}) //nolint:errcheck // a closed connection needs none
}

// dialer makes connections that notice a lost peer within timeout, even during a statement without a
// time limit: the peer answers no keepalive probes, or does not acknowledge sent data.
func dialer(timeout time.Duration) *net.Dialer {
	interval := max(timeout/4, time.Second).Round(time.Second)
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: interval, Interval: interval, Count: 3},
		Control: func(network, _ string, c syscall.RawConn) error {
			if runtime.GOOS != "linux" || !strings.HasPrefix(network, "tcp") {
				return nil
			}
			const tcpUserTimeout = 18 // TCP_USER_TIMEOUT, tcp(7)
			return c.Control(func(fd uintptr) {
				// Without it the system's limit counts, which is a quarter of an hour.
				syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(timeout.Milliseconds())) //nolint:errcheck
			})
		},
	}
}
