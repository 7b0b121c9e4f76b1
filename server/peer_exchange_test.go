package server_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// request is what is sent. Where a name stands in double braces, a secret of the
// world is put: {{drf.alice}}; or what an earlier answer of the sequence held:
// {{1.token}} a member of the first one's JSON, {{1.cookie.sessionid}} a cookie.
type request struct {
	method, target string
	headers        []string
	body           string
	raw            string // the whole request, instead of all that
}

// sequence is requests that build on one another, on fresh databases.
type sequence struct {
	name     string
	requests []request
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

var placeholder = regexp.MustCompile(`\{\{[a-zA-Z0-9_.]+\}\}`)

// bytes is the request as this side gets it.
func (r request) bytes(w *world, s *side) ([]byte, error) {
	var failed error
	expand := func(text string) string {
		return placeholder.ReplaceAllStringFunc(text, func(name string) string {
			value, err := w.value(s, strings.Trim(name, "{}"))
			if err != nil {
				failed = err
			}
			return value
		})
	}
	if r.raw != "" {
		return []byte(expand(r.raw)), failed
	}
	body := expand(r.body)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", r.method, expand(r.target))
	host, length := true, body != "" || r.method == "POST" || r.method == "PUT" || r.method == "PATCH"
	for _, h := range r.headers {
		name, _, _ := strings.Cut(h, ":")
		switch strings.ToLower(name) {
		case "host":
			host = false
		case "content-length", "transfer-encoding":
			length = false
		}
	}
	if host {
		b.WriteString("Host: localhost\r\n")
	}
	for _, h := range r.headers {
		b.WriteString(expand(h) + "\r\n")
	}
	if length {
		b.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	b.WriteString("Connection: close\r\n\r\n" + body)
	return []byte(b.String()), failed
}

// value is what a placeholder stands for. "basic.<user>.<password>" cannot be one:
// see basic.
func (w *world) value(s *side, name string) (string, error) {
	if secret, ok := w.secrets[name]; ok {
		return secret, nil
	}
	number, rest, _ := strings.Cut(name, ".")
	i, err := strconv.Atoi(number)
	if err != nil || i < 1 || i > len(s.answers) {
		return "", fmt.Errorf("nothing is called %q", name)
	}
	a := s.answers[i-1]
	if cookie, ok := strings.CutPrefix(rest, "cookie."); ok {
		for _, c := range (&http.Response{Header: a.header}).Cookies() {
			if c.Name == cookie {
				return c.Value, nil
			}
		}
		return "", fmt.Errorf("%s: answer %d sets no cookie %q", s.name, i, cookie)
	}
	members := map[string]any{}
	if err := json.Unmarshal([]byte(a.body), &members); err != nil {
		return "", fmt.Errorf("%s: answer %d is %s", s.name, i, a.body)
	}
	text, ok := members[rest].(string)
	if !ok {
		return "", fmt.Errorf("%s: answer %d has no %q: %s", s.name, i, rest, a.body)
	}
	return text, nil
}

// send sends one request and reads what comes back.
func (s *side) send(method string, data []byte) (answer, error) {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return answer{}, err
	}
	// A server that refuses before it has read everything resets the connection: what
	// it said is still read.
	_, wrote := conn.Write(data)
	all, err := io.ReadAll(conn)
	if len(all) == 0 {
		if wrote != nil {
			err = wrote
		}
		return answer{}, fmt.Errorf("%s: no answer: %v", s.name, err)
	}
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(all)), &http.Request{Method: method})
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", s.name, err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", s.name, err)
	}
	return answer{response.StatusCode, response.Header, string(body)}, nil
}

// ask sends one request to both sides at once and keeps the answers.
func (w *world) ask(r request) error {
	method := r.method
	if r.raw != "" {
		method, _, _ = strings.Cut(r.raw, " ")
	}
	failed := make(chan error, 2)
	for _, s := range []*side{w.django, w.ours} {
		data, err := r.bytes(w, s)
		if err != nil {
			return err
		}
		go func() {
			a, err := s.send(method, data)
			s.answers = append(s.answers, a)
			failed <- err
		}()
	}
	first, second := <-failed, <-failed
	if first != nil {
		return first
	}
	return second
}

// differences asks a sequence's requests, tells every difference that nothing
// excuses, and puts everything back.
func (w *world) differences(t *testing.T, seq sequence, excused tolerances) string {
	t.Helper()
	defer w.forget(t)
	var b strings.Builder
	for i, r := range seq.requests {
		if err := w.ask(r); err != nil {
			fmt.Fprintf(&b, "request %d, %s: %v\n", i+1, r, err)
			return b.String()
		}
		found, parted := w.compare(exchange{w, r, w.django.answers[i], w.ours.answers[i]}, excused)
		if parted {
			return b.String()
		}
		if found != "" {
			fmt.Fprintf(&b, "request %d, %s\n%s", i+1, r, found)
		}
	}
	if found := w.compareRows(t); found != "" {
		fmt.Fprintf(&b, "the rows after %s\n%s", seq.requests[len(seq.requests)-1], found)
	}
	return b.String()
}

// String is for the eyes.
func (r request) String() string {
	if r.raw != "" {
		return strconv.Quote(r.raw)
	}
	body := r.body
	if len(body) > 300 {
		body = body[:300] + "..."
	}
	return fmt.Sprintf("%s %s %q %q", r.method, r.target, r.headers, body)
}

// The short forms that the tables are written in.

func get(target string, headers ...string) request {
	return request{method: "GET", target: target, headers: headers}
}

func does(method, target string, headers ...string) request {
	return request{method: method, target: target, headers: headers}
}

func post(target, contentType, body string, headers ...string) request {
	if contentType != "" {
		headers = append([]string{"Content-Type: " + contentType}, headers...)
	}
	return request{method: "POST", target: target, headers: headers, body: body}
}

func postJSON(target, body string, headers ...string) request {
	return post(target, "application/json", body, headers...)
}

func postForm(target, body string, headers ...string) request {
	return post(target, "application/x-www-form-urlencoded", body, headers...)
}

// basic is a Basic header.
func basic(credentials string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
}

// one is a sequence of one request.
func one(name string, r request) sequence { return sequence{name, []request{r}} }

// each makes a sequence of every request, named by its place.
func each(area string, requests ...request) []sequence {
	var list []sequence
	for i, r := range requests {
		list = append(list, sequence{fmt.Sprintf("%s-%03d", area, i+1), []request{r}})
	}
	return list
}

func repeat(s string, n int) string { return strings.Repeat(s, n) }
