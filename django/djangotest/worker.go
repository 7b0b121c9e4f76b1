package djangotest

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"sync"
)

// worker is a Python process that has the project's Django set up: it answers one
// JSON line with another.
type worker struct {
	mu   sync.Mutex
	conn net.Conn
	out  *bufio.Reader
}

// Vars are variables for Eval's Python, by name.
type Vars map[string]any

// Response is what a view answered.
type Response struct {
	Status int
	Header http.Header
	Body   string
}

// Migrate makes migrations for the project's own user model, if it has one, and
// applies everybody's.
func (pr *Project) Migrate() {
	pr.t.Helper()
	pr.Eval(`
from django.apps import apps
from django.core.management import call_command
if apps.is_installed("accounts"):
    call_command("makemigrations", "accounts", verbosity=0)
call_command("migrate", verbosity=0)
result = None`, nil)
}

// Eval runs Python inside the project. The names in vars are its variables; it
// also finds User (the user model), Token (authtoken's), settings, timezone and
// connection. What it assigns to result is decoded into out; out may be nil.
// An exception fails the test.
func (pr *Project) Eval(python string, out any, vars ...Vars) {
	pr.t.Helper()
	all := Vars{}
	for _, v := range vars {
		for name, value := range v {
			all[name] = value
		}
	}
	result := pr.ask(map[string]any{"op": "eval", "code": python, "vars": all})
	if out == nil {
		return
	}
	if err := json.Unmarshal(result, out); err != nil {
		pr.t.Fatalf("result of the Python: %v in %s", err, result)
	}
}

// Request sends a request through Django's whole stack, middleware included, and
// with CSRF checks as in production. Nothing is kept from one request to the next:
// cookies are the caller's to send. path may carry a query.
func (pr *Project) Request(method, path string, headers map[string]string, body string) Response {
	pr.t.Helper()
	result := pr.ask(map[string]any{"op": "request", "method": method, "path": path, "headers": headers, "body": body})
	var answer struct {
		Status int
		Header [][2]string
		Body   string
	}
	if err := json.Unmarshal(result, &answer); err != nil {
		pr.t.Fatal(err)
	}
	r := Response{Status: answer.Status, Header: http.Header{}, Body: answer.Body}
	for _, h := range answer.Header {
		r.Header.Add(h[0], h[1])
	}
	return r
}

// Use points the worker at another database; manage.py keeps the first one.
func (pr *Project) Use(databaseURL string) {
	pr.t.Helper()
	database, err := databaseSettings(databaseURL)
	if err != nil {
		pr.t.Fatal(err)
	}
	pr.ask(map[string]any{"op": "use", "database": database})
}

// ask exchanges one message with the worker.
func (pr *Project) ask(message any) json.RawMessage {
	pr.t.Helper()
	pr.once.Do(pr.start)
	w := pr.worker
	w.mu.Lock()
	defer w.mu.Unlock()
	return pr.exchange(message)
}

func (pr *Project) exchange(message any) json.RawMessage {
	pr.t.Helper()
	line, err := json.Marshal(message)
	if err != nil {
		pr.t.Fatal(err)
	}
	if _, err := pr.worker.conn.Write(append(line, '\n')); err != nil {
		pr.t.Fatalf("Django %s: %v", pr.Peer.Name, err)
	}
	reply, err := pr.worker.out.ReadBytes('\n')
	if err != nil {
		pr.t.Fatalf("Django %s: %v", pr.Peer.Name, err)
	}
	var answer struct {
		Result json.RawMessage
		Error  string
	}
	if err := json.Unmarshal(reply, &answer); err != nil {
		pr.t.Fatalf("Django %s: %v in %s", pr.Peer.Name, err, reply)
	}
	if answer.Error != "" {
		pr.t.Fatalf("Django %s: %s", pr.Peer.Name, answer.Error)
	}
	return answer.Result
}

// start starts the worker, which ends with the test.
func (pr *Project) start() {
	pr.t.Helper()
	conn, err := pr.fork()
	if err != nil {
		pr.t.Fatalf("Django %s: %v", pr.Peer.Name, err)
	}
	pr.worker = &worker{conn: conn, out: bufio.NewReader(conn)}
	pr.t.Cleanup(func() { conn.Close() })
	pr.exchange(map[string]any{"op": "move", "dir": pr.Dir})
	pr.exchange(map[string]any{"op": "use", "database": pr.database})
}
