package server

import (
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"tokenctl"
)

// What is parsed of a request takes work in proportion to its length: no header and
// no body of those that are allowed keeps a core busy. Work is counted: the steps of
// the header parser, and the bytes that every parser allocates. No clock is asked.

var parserPeers = []tokenctl.Peers{{Django: "5.2", DRF: "3.18.3"}, {Django: "4.2", DRF: "3.16"}, {Django: "3.2", DRF: "3.14"}}

// parsers are all that read what a client sent.
var parsers = map[string]func(text string, peers tokenctl.Peers){
	"Content-Type": func(text string, peers tokenctl.Peers) {
		parse(text, []byte("a=b"), body{}.parsers(), peers) //nolint:errcheck // only its work counts
	},
	"Accept": func(text string, peers tokenctl.Peers) {
		if media, err := selectRenderer(new(view).renderers(), "", text, peers); err == nil {
			indentOf(media, peers)
		}
	},
	"Cookie": func(text string, _ tokenctl.Peers) { parseCookies(text) },
	"Referer": func(text string, peers tokenctl.Peers) {
		s := &Server{peers: peers}
		r := &request{server: s, Request: &http.Request{Host: "localhost", Header: http.Header{"Referer": {text}}}}
		r.refererFault() //nolint:errcheck // only its work counts
	},
	"Host":     func(text string, _ tokenctl.Peers) { new(Server).hostAllowed(text) },
	"Location": func(text string, _ tokenctl.Peers) { iriToURI(escapeURIPath(latin1(text))) },
	"X-Forwarded-For": func(text string, _ tokenctl.Peers) {
		r := &request{Request: &http.Request{Header: http.Header{"X-Forwarded-For": {text}}}}
		r.ident()
	},
	"Authorization": func(text string, peers tokenctl.Peers) {
		r := &request{server: &Server{peers: peers}, Request: &http.Request{Header: http.Header{"Authorization": {text}}}}
		r.basicCredentials([]string{"Basic", text}) //nolint:errcheck // only its work counts
		r.isClient()
		words(text)
	},
	"query": func(text string, _ tokenctl.Peers) { parseForm([]byte(text), charsetOf(text)) }, //nolint:errcheck // only its work counts
	"form": func(text string, peers tokenctl.Peers) {
		for _, charset := range []string{"", "; charset=latin-1", "; charset=ascii"} {
			parse(formType+charset, []byte(text), []string{formType}, peers) //nolint:errcheck // only its work counts
		}
	},
	"JSON": func(text string, peers tokenctl.Peers) {
		d, err := parse(jsonType, []byte(text), []string{jsonType}, peers)
		if err == nil {
			renderJSON(d.value, 0) //nolint:errcheck // only its work counts
			loginSerializer(peers.Django).run(d)
		}
	},
	"multipart": func(text string, peers tokenctl.Peers) {
		parse(multipartType+"; boundary=x", []byte(text), []string{multipartType}, peers) //nolint:errcheck // only its work counts
	},
	"field": func(text string, peers tokenctl.Peers) {
		userDetailsSerializer(func(string) bool { return false }).run(data{value: &dict{members: object{{"username", text}}, place: map[string]int{"username": 0}}})
		loginSerializer(peers.Django).run(data{value: &dict{members: object{{"email", text + "@example.com"}}, place: map[string]int{"email": 0}}})
	},
}

// hostile are texts of about n characters that are made to cost much: what opens and
// is not closed, what is nested, and many of a kind.
func hostile(n int) []string {
	repeat := func(s string) string { return strings.Repeat(s, n/len(s)+1) }
	numbered := func(before, after string) string {
		var b strings.Builder
		for i := 0; b.Len() < n; i++ {
			b.WriteString(before + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676%26)) + string(rune('a'+i/17576%26)) + after)
		}
		return b.String()
	}
	deep := min(n/40, 800)
	return []string{
		`x="` + repeat(`\";`), `x="` + repeat(`;`), `x=` + repeat(`";"`), repeat(`"`), repeat(`\`), repeat(`;`), repeat(`,`), repeat(` `), repeat(`=`), repeat(`'`), repeat(`%`), repeat(`%41`), repeat("%E9"), repeat("é"), repeat("\xff"), repeat("&"), repeat("\n"),
		"a/b" + numbered(";", "=1"), "*/*" + numbered(";", "=1"), "*/*;indent=4" + numbered(";", "=1"), numbered("", ","), numbered("a/b;", "=1,"), numbered("", "=1&"), numbered("", "=1; "), "x/y;a*=utf-8''" + repeat("%41é"), repeat("a*=utf-8''%41;"), `a="` + repeat(`\101`) + `"`, `a="` + repeat(`\\`) + `"`,
		"https://" + repeat("["), "https://" + repeat("@"), repeat("a:"), "https://a/" + repeat("?"), repeat("e\u0301"), repeat("ﷺ"), repeat("YQ="), repeat("YQ=="), repeat("a."), "[" + repeat("f:"),
		strings.Repeat(`{"a":`, deep) + `"` + repeat("x") + `"` + strings.Repeat("}", deep), strings.Repeat(`{"a":1,"a":`, deep) + `"` + repeat("x") + `"` + strings.Repeat("}", deep), strings.Repeat("[", deep) + `"` + repeat("x") + `"` + strings.Repeat("]", deep),
		"{" + numbered(`"`, `":1,`) + `"a":1}`, "{" + repeat(`"a":1,`) + `"a":1}`, `{"a":"` + repeat("x") + `",` + repeat(`"a":1,`) + `"b":1}`, "[" + repeat("1e5,") + "1]", "[" + repeat("1,") + "1", `"` + repeat(`\u00e9`) + `"`, `"` + repeat(`\ud800`) + `"`, repeat("1"), "0." + repeat("1"), "1e" + repeat("1"), `"` + repeat("é"), repeat("{}"),
		repeat("--x\r\n\r\n"), repeat("--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"), "--x\r\nContent-Disposition: form-data; name=a; " + repeat(`x="\";`) + "\r\n\r\n1\r\n--x--", repeat("--x\r\nContent-Disposition: form-data; filename=a\r\n\r\n1\r\n"), repeat("--"), repeat("\r\n\r\n"),
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Eight times the length is at most some eight times the work, where it were 64 times
// for a parser that looks at everything again and again.
func TestLinear(t *testing.T) {
	const small, times = 4 << 10, 8
	for name, parser := range parsers {
		for _, peers := range parserPeers {
			long := hostile(small * times)
			for i, text := range hostile(small) {
				parser(text, peers) // what is made once is made
				one := allocated(func() { parser(text, peers) })
				many := allocated(func() { parser(long[i], peers) })
				if many > 2*times*one+64<<10 {
					t.Errorf("%s %.60q (Django %s): %d bytes are allocated for %d, and %d for %d", name, text, peers.Django, one, len(text), many, len(long[i]))
				}
			}
		}
	}
}

// stepsOf counts the steps of the header parser.
func stepsOf(header string, peers tokenctl.Peers) int {
	steps := 0
	p := headersOf(peers)
	p.steps = &steps
	p.mediaType(header) //nolint:errcheck // only its work counts
	return steps
}

func TestHeaderSteps(t *testing.T) {
	for _, peers := range parserPeers {
		for _, header := range hostile(31 << 10) {
			if n := stepsOf(header, peers); n > 2*len(header) {
				t.Errorf("%.60q takes %d steps for %d bytes", header, n, len(header))
			}
		}
	}
}

// parseparam is _parseparam word for word, however long it takes.
func (p headerParser) parseparam(s string) (parts []string) {
	find := func(from int) int {
		if i := strings.IndexByte(s[from:], ';'); i >= 0 {
			return from + i
		}
		return -1
	}
	quotes := func(end int) int {
		if p.bytes {
			return strings.Count(s[:end], `"`)
		}
		return strings.Count(s[:end], `"`) - strings.Count(s[:end], `\"`)
	}
	for s = ";" + s; strings.HasPrefix(s, ";"); {
		s = s[1:]
		end := find(0)
		for end > 0 && quotes(end)%2 != 0 {
			end = find(end + 1)
		}
		if end < 0 {
			end = len(s)
		}
		parts = append(parts, p.strip(s[:end]))
		s = s[end:]
	}
	return parts
}

// FuzzHeader: a header is split as Python splits it, in two steps for each byte.
func FuzzHeader(f *testing.F) {
	for _, text := range hostile(60) {
		f.Add(text)
	}
	for _, text := range []string{"", `a;b="c;d";e`, `a;"`, `a;\"b;c"`, `;"\";";`, `a;b="\\";c`, `a;b*=utf-8''%41;c`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, header string) {
		for _, peers := range parserPeers {
			p := headersOf(peers)
			if got, want := p.split(header), p.parseparam(header); !slices.Equal(got, want) {
				t.Errorf("%q (Django %s): %q, want %q", header, peers.Django, got, want)
			}
			if n := stepsOf(header, peers); n > 2*len(header) {
				t.Errorf("%q takes %d steps for %d bytes", header, n, len(header))
			}
		}
	})
}

// FuzzLinear: no text makes a parser allocate out of proportion, nor panic.
func FuzzLinear(f *testing.F) {
	for _, text := range hostile(100) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, parser := range parsers {
			for _, peers := range parserPeers {
				if n := allocated(func() { parser(text, peers) }); n > uint64(1000*len(text)+256<<10) {
					t.Errorf("%s %.60q (Django %s): %d bytes for %d", name, text, peers.Django, n, len(text))
				}
			}
		}
	})
}
