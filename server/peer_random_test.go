package server_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// random asks what nobody thought of: the table's requests with parts of them
// exchanged, doubled, cut and spoilt. TOKENCTL_TEST_RANDOM is how many, and
// TOKENCTL_TEST_SEED chooses others.
func random(t *testing.T, w *world, excused tolerances, count int) {
	t.Helper()
	seed := fromEnvironment(t, "TOKENCTL_TEST_SEED", 1)
	t.Logf("TOKENCTL_TEST_SEED=%d TOKENCTL_TEST_RANDOM=%d", seed, count)
	g := newGenerator(w, uint64(seed))
	failures := 0
	for i := 0; i < count; {
		seq := sequence{name: fmt.Sprintf("random-%d", i)}
		for range 1 + g.IntN(3) {
			seq.requests = append(seq.requests, g.request())
			i++
		}
		if found := w.differences(t, seq, excused); found != "" {
			t.Errorf("%s: %s", seq.name, found)
			if failures++; failures == 40 {
				t.Fatal("and so on")
			}
		}
	}
}

// fromEnvironment is a whole number from the environment.
func fromEnvironment(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// generator makes requests of the table's.
type generator struct {
	*rand.Rand
	corpus  []request
	targets []string
	headers []string // whole lines
	bodies  []string
	words   []string // secrets
}

func newGenerator(w *world, seed uint64) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	for _, name := range slices.Sorted(maps.Keys(w.secrets)) {
		g.words = append(g.words, w.secrets[name])
	}
	seen := map[string]bool{}
	keep := func(list *[]string, text string) {
		if !seen[text] && len(text) < 2000 {
			seen[text] = true
			*list = append(*list, text)
		}
	}
	expand := func(text string) string {
		return placeholder.ReplaceAllStringFunc(text, func(name string) string { return w.secrets[strings.Trim(name, "{}")] })
	}
	for _, seq := range w.variant.asks {
		if len(seq.requests) > 1 || seq.requests[0].raw != "" {
			continue
		}
		r := seq.requests[0]
		r.target, r.body, r.headers = expand(r.target), expand(r.body), slices.Clone(r.headers)
		for i := range r.headers {
			r.headers[i] = expand(r.headers[i])
			keep(&g.headers, r.headers[i])
		}
		if len(r.body) < 20_000 {
			g.corpus = append(g.corpus, r)
		}
		keep(&g.targets, r.target)
		keep(&g.bodies, r.body)
	}
	return g
}

func oneOf[T any](g *generator, list []T) T { return list[g.IntN(len(list))] }

var methods = []string{"GET", "GET", "POST", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "FOO", "post"}

// request takes one from the table and changes a thing or three.
func (g *generator) request() request {
	r := oneOf(g, g.corpus)
	r.headers = slices.Clone(r.headers)
	for range 1 + g.IntN(3) {
		switch g.IntN(12) {
		case 0:
			r.method = oneOf(g, methods)
		case 1:
			r.target = oneOf(g, g.targets)
		case 2:
			r.target = g.query(r.target)
		case 3:
			r.body = oneOf(g, g.bodies)
		case 4, 5, 6:
			r.body = g.spoilBody(r.body)
		case 7:
			r.headers = append(r.headers, oneOf(g, g.headers))
		case 8, 9, 10:
			if len(r.headers) > 0 {
				i := g.IntN(len(r.headers))
				r.headers[i] = g.spoilHeader(r.headers[i])
			}
		default:
			if len(r.headers) > 0 {
				i := g.IntN(len(r.headers))
				r.headers = slices.Delete(r.headers, i, i+1)
			}
		}
	}
	return r
}

// query adds to or spoils what follows the path.
func (g *generator) query(target string) string {
	path, query, _ := strings.Cut(target, "?")
	switch g.IntN(5) {
	case 0:
		return path + "?format=" + oneOf(g, []string{"json", "api", "xml", "", "JSON", "%6ason", "json%20", "é"})
	case 1:
		return path + "?" + query + "&" + oneOf(g, []string{"a", "a=b", "=", "&", "%", "%zz=%", "a=%ff", "é=ü", "format", ";", "a=+", "username=alice"})
	case 2:
		return strings.TrimSuffix(path, "/")
	case 3:
		// Not the first slash: net/http asks for one.
		if i := 1 + g.IntN(len(path)-1); path[i] != '%' {
			return fmt.Sprintf("%s%%%02x%s", path[:i], path[i], path[i+1:])
		}
		return target
	default:
		return path + oneOf(g, []string{"/", "x", "x/", "%2f", "%00", "%ff/", ";", "//", "é/", "%C3%A9"})
	}
}

// spoilHeader changes a header's line, and leaves one that an HTTP server takes:
// control characters are refused before any handler.
func (g *generator) spoilHeader(line string) string {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	switch g.IntN(9) {
	case 0:
		return strings.ToUpper(name) + ":" + value
	case 1:
		return strings.ToLower(name) + ":  \t" + value + " \t "
	case 2:
		return name + ": " + oneOf(g, g.words)
	case 3:
		scheme, _, _ := strings.Cut(value, " ")
		return name + ": " + scheme + " " + oneOf(g, g.words)
	case 4:
		if value != "" {
			i := g.IntN(len(value))
			return name + ": " + value[:i] + swapCase(value[i:])
		}
		return line
	default:
		return name + ": " + strings.ReplaceAll(g.spoil(value, []string{
			" ", "  ", "\t", ",", ";", "=", `"`, "'", "é", "\xff", "\x85", "\xa0", "☃", "%", "\\", "/", "*", "a", "Token ", "Bearer ", "Basic ", "; q=0.5", "; charset=utf-8", "application/json", "sessionid=", "0",
		}), "\n", " ")
	}
}

func swapCase(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z':
			return c - 'a' + 'A'
		case 'A' <= c && c <= 'Z':
			return c - 'A' + 'a'
		}
		return c
	}, s)
}

// spoil inserts, deletes, cuts or doubles somewhere.
func (g *generator) spoil(text string, pieces []string) string {
	i := g.IntN(len(text) + 1)
	j := min(len(text), i+1+g.IntN(4))
	switch g.IntN(6) {
	case 0:
		return text[:i] + text[j:]
	case 1:
		return text[:i]
	case 2:
		return text[:j] + text[i:]
	default:
		return text[:i] + oneOf(g, pieces) + text[i:]
	}
}

// values are JSON of every type, and what is not JSON.
var values = []string{
	"null", "true", "false", "0", "-0", "1", "1.5", "-1e3", "1E400", "123456789012345678901234567890", "NaN", "Infinity", "-Infinity", `""`, `" "`, `"alice"`, `"é☃"`, `"\u0000"`, `"\ud800"`, `"\ud83d\ude00"`,
	`"\ude00\ud83d"`, "[]", "{}", `[1,"a",null]`, `{"a":{"b":[]}}`, `"a b"`, `"correct horse"`, `"alice@example.com"`, `"\\\"\/\b\f\n\r\t"`, "\"\u2028\"", "\"\xff\"", "tru", "01", "'a'", `"\q"`, "\"\x01\"", "undefined",
}

var names = []string{"username", "password", "email", "refresh", "token", "new_password1", "new_password2", "first_name", "x", ""}

// spoilBody changes a body: a member's value, another member, or a byte.
func (g *generator) spoilBody(body string) string {
	isForm := !strings.HasPrefix(body, "{") && strings.Contains(body, "=")
	switch g.IntN(6) {
	case 0:
		if i := strings.IndexByte(body, ':'); i >= 0 && !isForm {
			return body[:i+1] + oneOf(g, values) + "}"
		}
		return oneOf(g, values)
	case 1:
		if isForm {
			return body + "&" + oneOf(g, names) + "=" + oneOf(g, []string{"", "a", "%C3%A9", "%ff", "+", "%00", "alice", "%", "a%2"})
		}
		return strings.TrimSuffix(body, "}") + `,"` + oneOf(g, names) + `":` + oneOf(g, values) + "}"
	case 2:
		return fmt.Sprintf(`{"%s":%s,"%s":"%s"}`, oneOf(g, names), oneOf(g, values), oneOf(g, names), oneOf(g, g.words))
	case 3:
		return `{"` + oneOf(g, names) + `":"` + g.spoil(oneOf(g, g.words), []string{".", "a", "=", " ", "é", "A", "-"}) + `"}`
	default:
		return g.spoil(body, []string{
			"{", "}", "[", "]", ",", ":", `"`, "\\", "0", "-", "e", ".", " ", "\n", "\r\n", "\x00", "\xff", "\xc3", "é", "\xed\xa0\x80", "\xf4\x90\x80\x80", "null", "&", "=", "+", "%", "--x", ";", "\\u12", `\ud800`, "\u2028", "\x7f",
		})
	}
}
