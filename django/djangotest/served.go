package djangotest

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// ServedIterations is what the served project's password hasher, pbkdf2_sha256,
// counts to: thousands of logins are compared, not what one costs.
const ServedIterations = 1000

// Served is a project's own web server.
type Served struct {
	Addr string // host and port

	pr  *Project
	in  io.WriteCloser
	out *bufio.Reader
}

// Serve serves a project of [Options] Served over HTTP until the test ends. It
// gets each request's bytes as a WSGI server hands them on: see serve.py.
func (pr *Project) Serve() *Served {
	pr.t.Helper()
	cmd := pr.Command("serve.py")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		pr.t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		pr.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		pr.t.Fatal(err)
	}
	pr.t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait() // how it ends matters to nobody
		if stderr.Len() > 0 {
			pr.t.Logf("Django %s: %s", pr.Peer.Name, &stderr)
		}
	})
	s := &Served{pr: pr, in: in, out: bufio.NewReader(out)}
	s.Addr = "127.0.0.1:" + s.line()
	return s
}

// ClearCache forgets what the project's cache holds: what throttles have counted.
func (s *Served) ClearCache() {
	s.pr.t.Helper()
	if _, err := s.in.Write([]byte("clear\n")); err != nil {
		s.pr.t.Fatal(err)
	}
	s.line()
}

// line reads one of the server's answers.
func (s *Served) line() string {
	s.pr.t.Helper()
	line, err := s.out.ReadString('\n')
	if err != nil {
		s.pr.t.Fatalf("Django %s does not serve: %v", s.pr.Peer.Name, err)
	}
	return strings.TrimSpace(line)
}
