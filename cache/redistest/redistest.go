// Package redistest starts Redis and Valkey servers for tests. Only tests import it.
package redistest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"tokenctl/django/djangotest"
)

// programs are the servers that may be installed: Debian's redis-server and valkey-server.
var programs = []string{"redis-server", "valkey-server"}

// Each runs f once for each server that is installed.
func Each(t *testing.T, f func(t *testing.T, s *Server)) {
	t.Helper()
	found := false
	for _, program := range programs {
		if _, err := exec.LookPath(program); err == nil {
			found = true
			t.Run(program, func(t *testing.T) { f(t, start(t, program, nil)) })
		}
	}
	if !found {
		djangotest.Missing(t, "redis-server")
	}
}

// Server is a server of a test. It listens on 127.0.0.1 and on a unix socket, keeps nothing on
// disk, and ends with the test.
type Server struct {
	Addr   string // host:port
	Socket string // a path

	t       testing.TB
	program string
	args    []string
	process *exec.Cmd
	alive   io.Closer     // standard input of process: the server ends with it
	client  *redis.Client // of the test itself, over the socket
}

// Start starts a server with further arguments, such as "--maxmemory", "1mb".
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err == nil {
			return start(t, program, args)
		}
	}
	djangotest.Missing(t, "redis-server")
	return nil
}

func start(t testing.TB, program string, args []string) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "redis") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &Server{Socket: filepath.Join(dir, "s"), t: t, program: program, args: args}
	t.Cleanup(s.Stop)
	// Between FreeAddr and the server's start another test may take the port.
	err = errors.New("no address")
	for try := 0; err != nil && try < 5; try++ {
		s.Addr = FreeAddr(t)
		err = s.serve()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.client = redis.NewClient(&redis.Options{Network: "unix", Addr: s.Socket, MaxRetries: -1, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}})
	t.Cleanup(func() { s.client.Close() })
	return s
}

// FreeAddr is an address on which nobody listens.
func FreeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// URL is the server's URL over TCP, with more behind it such as "/2".
func (s *Server) URL(more string) string { return "redis://" + s.Addr + more }

// Stop ends the server at once, as a crash does. What was written is lost.
func (s *Server) Stop() {
	if s.process == nil {
		return
	}
	s.alive.Close()
	s.process.Wait() //nolint:errcheck // the server was killed
	s.process = nil
}

// Restart starts a server that was stopped, at the same address, and waits until it takes
// connections.
func (s *Server) Restart() {
	s.t.Helper()
	if err := s.serve(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) serve() error {
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	dir := filepath.Dir(s.Socket)
	return s.listen(s.program, append([]string{"--port", port, "--bind", "127.0.0.1", "--unixsocket", s.Socket, "--dir", dir, "--save", "", "--appendonly", "no", "--daemonize", "no", "--logfile", ""}, s.args...)...)
}

// untilClosed runs a program until its own standard input ends: also where the test was
// killed no server is left.
const untilClosed = `"$@" </dev/null & read _; kill -9 $!; wait`

// listen starts a program and waits until it says that it takes connections.
func (s *Server) listen(program string, args ...string) error {
	s.process = exec.Command("sh", append([]string{"-c", untilClosed, "sh", program}, args...)...)
	out, err := s.process.StdoutPipe()
	if err == nil {
		s.alive, err = s.process.StdinPipe()
	}
	if err == nil {
		err = s.process.Start()
	}
	if err != nil {
		return err
	}
	var log strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		fmt.Fprintln(&log, line)
		// The socket comes last: Redis 7.0 names its path, later ones and Valkey say "unix".
		// A Sentinel has none, and says that it watches its server.
		ready := strings.Contains(line, "eady to accept connections") && (strings.Contains(line, s.Socket) || strings.HasSuffix(line, " unix"))
		if ready || strings.Contains(line, "+monitor master") {
			go io.Copy(io.Discard, out) //nolint:errcheck // it ends with the server
			return nil
		}
	}
	s.Stop()
	return fmt.Errorf("%s has ended:\n%s", program, log.String())
}

// Do sends a command to the server and returns its answer as text. A list is in lines.
func (s *Server) Do(args ...any) string {
	s.t.Helper()
	answer, err := s.client.Do(context.Background(), args...).Result()
	if err != nil && err != redis.Nil { //nolint:errorlint // go-redis returns it as it is
		s.t.Fatalf("%s: %v", args, err)
	}
	switch answer := answer.(type) {
	case nil:
		return ""
	case int64:
		return strconv.FormatInt(answer, 10)
	case []any:
		var lines []string
		for _, e := range answer {
			lines = append(lines, fmt.Sprint(e))
		}
		return strings.Join(lines, "\n")
	default:
		return fmt.Sprint(answer)
	}
}

// StartSentinel starts a Sentinel that knows one server under a name, and returns its address.
func StartSentinel(t testing.TB, name, address string) string {
	t.Helper()
	s := &Server{Addr: FreeAddr(t), t: t}
	t.Cleanup(s.Stop)
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("port %s\nbind %s\nsentinel monitor %s %s 1\n", port, host, name, strings.Replace(address, ":", " ", 1))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	program := programs[0]
	if _, err := exec.LookPath(program); err != nil {
		program = programs[1]
	}
	if err := s.listen(program, file, "--sentinel"); err != nil {
		t.Fatal(err)
	}
	return s.Addr
}
