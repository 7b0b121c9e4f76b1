package server

import (
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"tokenctl"
)

// What is parsed of a request takes work in proportion to its length: no header and
// no body of those that are allowed keeps a core busy. Work is counted by the bytes
// that every parser allocates. No clock is asked.

var parserPeers = []tokenctl.Peers{{Django: "5.2", DRF: "3.18.3"}, {Django: "4.2", DRF: "3.16"}, {Django: "3.2", DRF: "3.14"}}

// headed is a request with one header.
func headed(name, value string) *request {
	return &request{server: &Server{}, Request: &http.Request{Host: "localhost", URL: &url.URL{}, Header: http.Header{name: {value}}}}
}

// parsers are all that read what a client sent.
var parsers = map[string]func(text string, peers tokenctl.Peers){
	"Content-Type": func(text string, peers tokenctl.Peers) {
		parse(text, []byte("a=b"), body{}.parsers(), peers.DRF) //nolint:errcheck // only its work counts
	},
	"Accept":          func(text string, _ tokenctl.Peers) { new(view).negotiate(headed("Accept", text)) }, //nolint:errcheck // only its work counts
	"Cookie":          func(text string, _ tokenctl.Peers) { headed("Cookie", text).cookie("a") },
	"Referer":         func(text string, _ tokenctl.Peers) { headed("Referer", text).refererFault() },
	"Host":            func(text string, _ tokenctl.Peers) { new(Server).hostAllowed(text) },
	"X-Forwarded-For": func(text string, _ tokenctl.Peers) { headed("X-Forwarded-For", text).ident() },
	"Authorization": func(text string, peers tokenctl.Peers) {
		r := headed("Authorization", text)
		r.server.peers = peers
		r.basicCredentials([]string{"Basic", text}) //nolint:errcheck // only its work counts
		r.isClient()
		words(text)
	},
	"query": func(text string, _ tokenctl.Peers) { parseForm(text) }, //nolint:errcheck // only its work counts
	"JSON": func(text string, peers tokenctl.Peers) {
		d, err := parse(jsonType, []byte(text), []string{jsonType}, peers.DRF)
		if err == nil {
			renderJSON(d.value, 0) //nolint:errcheck // only its work counts
			loginSerializer(peers.Django).run(d)
		}
	},
	"multipart": func(text string, peers tokenctl.Peers) {
		parse(multipartType+"; boundary=x", []byte(text), []string{multipartType}, peers.DRF) //nolint:errcheck // only its work counts
	},
	"field": func(text string, peers tokenctl.Peers) {
		userDetailsSerializer(func(string) bool { return false }).run(parsedBody{value: dict{{Name: "username", Value: text}}})
		loginSerializer(peers.Django).run(parsedBody{value: dict{{Name: "email", Value: text + "@example.com"}}})
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
// It counts what is allocated, so nothing else may run at the same time.
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
