package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// served is a tokenctl serve that answers.
type served struct {
	*running
	url string
	log *growing // its stderr

	client *http.Client
}

// serve starts the test server on a free port and waits for the line that says
// where it is. It ends with the test, if not before.
func (w *world) serve(args ...string) *served {
	w.t.Helper()
	s := &served{log: &growing{}, client: &http.Client{Timeout: testLimit, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // a test of certificates makes its own client
	}}}
	cmd := w.command(append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Stderr = s.log
	stdout, stdin, err := os.Pipe()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd.Stdout = stdin
	s.running = w.start(cmd)
	stdin.Close()
	w.t.Cleanup(func() {
		stdout.Close()
		s.Process.Kill() // which has ended already, mostly
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		w.t.Fatalf("serve %s: %v\n%s", strings.Join(args, " "), err, s.log)
	}
	s.url = strings.TrimSuffix(line, "\n")
	return s
}

// stops ends the server as SIGINT does, which is no failure.
func (s *served) stops() {
	s.w.t.Helper()
	s.Process.Signal(os.Interrupt)
	if r := s.ends(testLimit); r.status != 0 {
		s.w.t.Errorf("serve ended with status %d:\n%s", r.status, s.log)
	}
}

// logged waits until the log has a line with all these parts, and returns it.
func (s *served) logged(parts ...string) string {
	s.w.t.Helper()
	var found string
	within(s.w.t, testLimit, "a log line with "+strings.Join(parts, ", "), func() bool {
		for line := range strings.Lines(s.log.String()) {
			has := true
			for _, part := range parts {
				has = has && strings.Contains(line, part)
			}
			if has {
				found = line
				return true
			}
		}
		return false
	})
	return found
}

// growing is a buffer that is read while it is written.
type growing struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (g *growing) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.b.Write(p)
}

func (g *growing) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.b.String()
}

// ask sends a request, with headers such as "Host: a", and returns the answer. A
// body that begins with { is JSON.
func (s *served) ask(method, path, body string, headers ...string) (status int, header http.Header, text string) {
	s.w.t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.w.t.Fatal(err)
	}
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		s.w.t.Fatalf("%s %s: %v\n%s", method, path, err, s.log)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		s.w.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(data)
}

// wants asks, and checks the status and a part of the answer, which it returns.
func (s *served) wants(status int, part, method, path, body string, headers ...string) string {
	s.w.t.Helper()
	got, _, text := s.ask(method, path, body, headers...)
	if got != status || !strings.Contains(text, part) {
		s.w.t.Errorf("%s %s: %d %s, want %d %s", method, path, got, text, status, part)
	}
	return text
}

// user creates a user with a password. It also writes settings with which passwords are hashed fast.
func (w *world) user(name, password string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "tokenctl.toml"), []byte("auth.pbkdf2_iterations = 260000\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	cmd := w.command("user", "create", name, "--password-stdin", "-q")
	cmd.Stdin = strings.NewReader(password + "\n")
	w.want(w.run(cmd), 0)
}
