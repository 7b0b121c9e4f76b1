package scan

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/tokens"
)

// The secrets of the tests, one of each shape.
var secrets = map[string]string{
	"drf":     "0badc0ffee0ddf00d5ca1ab1e0defaced0facade",
	"knox":    "4f5ac0dcf9b04cc38a9ee4e1b7b6d9c20f1e2d3c4b5a69788796a5b4c3d2e1f0",
	"session": "q5u3k9x0v7b2n8m4c6z1a0s5d9f3g7h2",
	"jwt":     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCIsImp0aSI6IjM4YjA5NDY4ZGE1ODQwZWJiMGQzZDljZjcyMDU0ZDA3IiwidXNlcl9pZCI6MX0.Zk3sJ8d7vQ2xW1n5y6Tt0uAaBbCcDdEeFfGgHhIiJjK",
	"word":    "Xk29fLmQ0pZr7TtVw3yBnC",
	"marked":  "svc-token.prod_2026~A1b2C3",
	"prefix":  "pk_64e2ff0c8b7a69584736251403f2e1d0c9b8a7f6e5d4c3b2a1908f7e6d5c4b3a",
}

// testScanner finds the secrets.
func testScanner(t testing.TB) (*Scanner, *[]Finding, *[]string) {
	settings := new(tokenctl.Settings)
	settings.Knox.TokenPrefix = "pk_"
	shapes := NewShapes(settings)
	shapes.Add(tokens.DRF, len(secrets["word"]), Word)
	shapes.Add(tokens.DRF, len(secrets["marked"]), Visible)
	set := map[string]*Match{}
	for name, secret := range secrets {
		set[secret] = &Match{Kind: name, ID: name, Status: "active"}
	}
	var found []Finding
	var unread []string
	var mu sync.Mutex
	return New(Options{Shapes: shapes,
		Members: func(_ context.Context, list []Candidate) ([][]*Match, error) {
			matches := make([][]*Match, len(list))
			for i, c := range list {
				if m := set[c.Text]; m != nil {
					matches[i] = []*Match{m}
				}
			}
			return matches, nil
		},
		Found: func(list []Finding) error { mu.Lock(); found = append(found, list...); mu.Unlock(); return nil },
		Unread: func(path, why string) {
			mu.Lock()
			unread = append(unread, path+": "+why)
			mu.Unlock()
		}}), &found, &unread
}

// scanText scans a text.
func scanText(t testing.TB, text string) []Finding {
	s, found, unread := testScanner(t)
	if err := s.Reader(t.Context(), "-", iotest(strings.NewReader(text))); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(*unread) > 0 {
		t.Errorf("not read: %q", *unread)
	}
	return *found
}

// iotest hides everything of a reader but Read.
func iotest(r io.Reader) io.Reader { return struct{ io.Reader }{r} }

func percent(text string) string {
	var b strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&b, "%%%02X", text[i])
	}
	return b.String()
}

func escaped(text string) string {
	var b strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&b, `\u%04x`, text[i])
	}
	return b.String()
}

func utf16Text(text string, big bool) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		if big {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return string(b)
}

func wrap(text, indent, end string, width int) string {
	var lines []string
	for piece := range slices.Chunk([]byte(text), width) {
		lines = append(lines, indent+string(piece))
	}
	return strings.Join(lines, end)
}

func quotedPrintable(text string) string {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

// encodings write a secret; line is in which line of the text it then begins, at least.
var encodings = []struct {
	name   string
	form   Form
	encode func(secret string) string
}{
	{"plain", Plain, func(s string) string { return s }},
	{"header", Plain, func(s string) string { return "Authorization: Token " + s }},
	{"bearer", Plain, func(s string) string { return "curl -H 'Authorization: Bearer " + s + "' https://example.org/" }},
	{"env", Plain, func(s string) string { return "API_TOKEN=" + s }},
	{"json", Plain, func(s string) string { return `{"token":"` + s + `","n":1}` }},
	{"json newline", Plain, func(s string) string { return `"source": ["a\n` + s + `\n"]` }},
	{"netrc", Plain, func(s string) string { return "machine example.org login x password " + s }},
	{"url", Plain, func(s string) string { return "https://example.org/api/?token=" + s + "&page=2" }},
	{"path", Plain, func(s string) string { return "https://example.org/hook/" + s + "/go" }},
	{"colour", Plain, func(s string) string { return "\x1b[32m" + s + "\x1b[0m" }},
	{"sentence", Plain, func(s string) string { return "the key is " + s + ". Keep it." }},
	{"cookie", Plain, func(s string) string { return "Cookie: a=b; sessionid=" + s + "; c=d" }},
	{"nested url", Plain, func(s string) string { return "?next=%2Fapi%3Ftoken%3D" + s + "%26x%3D1" }},
	{"url escape", URL, func(s string) string { return "token=" + percent(s) + "&x=1" }},
	{"url first", URL, func(s string) string { return "token=" + percent(s[:1]) + s[1:] }},
	{"double url", URL, func(s string) string { return "token=" + url.QueryEscape(percent(s)) }},
	{"json escape", JSON, func(s string) string { return `{"token":"` + escaped(s) + `"}` }},
	{"json one", JSON, func(s string) string { return `{"token":"` + s[:7] + escaped(s[7:8]) + s[8:] + `"}` }},
	{"basic user", Base64, func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s+":")) }},
	{"basic password", Base64, func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte("alice:"+s)) }},
	{"base64 alone", Base64, func(s string) string { return "x: " + base64.RawStdEncoding.EncodeToString([]byte(s)) }},
	{"base64 above", Base64, func(s string) string {
		return "x: " + base64.RawStdEncoding.EncodeToString([]byte("abcdefgh"[len(s)%3:][:5]+" "+s)) + "\n5zwsx"
	}},
	{"base64 1", Base64, func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("a " + s + " b")) }},
	{"base64 2", Base64, func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("ab " + s + "\n\xff\xfe")) }},
	{"base64 glued", Base64, func(s string) string {
		return "https://h/x/" + base64.StdEncoding.EncodeToString([]byte("é "+s+" ü"))
	}},
	{"base64 lines", Base64, func(s string) string {
		return "text: |\n" + wrap(base64.StdEncoding.EncodeToString([]byte("a longer text with "+s+" and what follows it, to the end of it all")), "  ", "\n", 64)
	}},
	{"base64 crlf", Base64, func(s string) string {
		return wrap(base64.StdEncoding.EncodeToString([]byte("\x00\x01 with "+s+" and what follows it")), "", "\r\n", 76) + "\r\n"
	}},
	{"base64 narrow", Base64, func(s string) string {
		return "data: " + wrap(base64.StdEncoding.EncodeToString([]byte("u:"+s)), "", "\n ", 24)
	}},
	{"base64 in json", Base64, func(s string) string {
		return `{"data":"` + wrap(base64.StdEncoding.EncodeToString([]byte("user:"+s)), "", `\n`, 40) + `"}`
	}},
	{"base64 in json crlf", Base64, func(s string) string {
		return `{"data":"` + wrap(base64.StdEncoding.EncodeToString([]byte("a user:"+s)), "", `\r\n`, 32) + `"}`
	}},
	{"base64 in url", Base64, func(s string) string {
		return "?a=Basic%20" + base64.StdEncoding.EncodeToString([]byte("user:"+s)) + "%0A"
	}},
	{"base64 behind escape", Base64, func(s string) string { return `"\n` + base64.StdEncoding.EncodeToString([]byte("user:"+s)) + `\n"` }},
	{"base64 twice", Base64, func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte("x: " + base64.StdEncoding.EncodeToString([]byte("y:"+s))))
	}},
	{"base64 of utf-16", Base64, func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(utf16Text("$t='"+s+"'", false)))
	}},
	{"quoted-printable", QuotedPrintable, func(s string) string {
		return quotedPrintable(strings.Repeat("word ", 9) + "Schlüssel=" + s + " ende")
	}},
	{"quoted short", QuotedPrintable, func(s string) string { return "a =\r\nkey " + s[:9] + "=\r\n" + s[9:] }},
	{"quoted byte", QuotedPrintable, func(s string) string { return fmt.Sprintf("key=3D=%02X%s", s[0], s[1:]) }},
	{"utf-16le", UTF16, func(s string) string { return utf16Text("\r\nkey = "+s+"\r\n", false) }},
	{"utf-16be mark", UTF16, func(s string) string { return utf16Text("\ufeffkey = "+s+"Ł\n", true) }},
	{"utf-16le mark", UTF16, func(s string) string { return utf16Text("\ufeffŁ"+s+"Ł\n", false) }},
	{"base64 in utf-16", UTF16, func(s string) string {
		return utf16Text("auth: Basic "+base64.StdEncoding.EncodeToString([]byte("u:"+s))+"\n", false)
	}},
}

// TestForms finds each secret in each form, exactly once.
func TestForms(t *testing.T) {
	for kind, secret := range secrets {
		for _, e := range encodings {
			for _, around := range [][2]string{{"", ""}, {"first line\nsecond é line: ", "\nlast line\n"}, {strings.Repeat("x", 31) + " ", " tail"}} {
				if around[0] != "" && e.form == UTF16 {
					around = [2]string{"two bytes", ""}
				}
				if around[1] == " tail" && e.form == Base64 {
					around[1] = "\n5w3dz of the next line"
				}
				text := around[0] + e.encode(secret) + around[1]
				list := scanText(t, text)
				form := e.form
				if (e.name == "url first" || e.name == "url escape" || e.name == "double url") && form != URL {
					form = URL
				}
				if len(list) != 1 || list[0].Match.Kind != kind || list[0].Form != form {
					t.Errorf("%s, %s, %q: found %v", kind, e.name, around[0], describe(list))
				}
			}
		}
	}
}

func describe(list []Finding) (texts []string) {
	for _, f := range list {
		texts = append(texts, fmt.Sprintf("%s:%d:%d %s %s", f.Path, f.Line, f.Column, f.Match.Kind, f.Form))
	}
	return texts
}

// TestWindows finds a secret wherever the border of two windows cuts it.
func TestWindows(t *testing.T) {
	dbtest.Slow(t)
	for _, e := range encodings {
		secret := secrets["drf"]
		piece := "\n" + e.encode(secret) + "\n"
		if e.form == UTF16 {
			piece = e.encode(secret)
		}
		for shift := 0; shift <= len(piece)+2; shift += 1 + len(piece)/8 {
			for _, filler := range []string{"a b\n", "0123456789abcdef0123456789abcdef0123456789abcde\n", base64.StdEncoding.EncodeToString([]byte(strings.Repeat("binary \xf3\x9a", 6)))[:64] + "\n"} {
				before := strings.Repeat(filler, windowSize/len(filler)+1)
				before = before[len(before)-windowSize+shift:]
				if e.form == UTF16 {
					before = before[:len(before)-1] + "\n"
				}
				list := scanText(t, before+piece+filler)
				if len(list) != 1 {
					t.Fatalf("%s at %d behind %.20q: found %v", e.name, shift, filler, describe(list))
				}
				if line := 1 + strings.Count(before, "\n"); list[0].Line < line {
					t.Fatalf("%s at %d: line %d, want %d at least", e.name, shift, list[0].Line, line)
				}
			}
		}
	}
}

// TestPlaces are where findings stand.
func TestPlaces(t *testing.T) {
	drf := secrets["drf"]
	encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("some text before it, ", 5) + drf + strings.Repeat(" and behind it", 5)))
	for text, want := range map[string]string{
		drf:                                   "-:1:1 drf plain",
		"a\n\n  x=" + drf:                     "-:3:5 drf plain",
		"a\nx=" + percent(drf):                "-:2:3 drf url",
		"a\n x: " + encoded:                   "-:2:145 drf base64",
		"a\n" + wrap(encoded, "  ", "\n", 76): "-:3:67 drf base64",
		"a\n" + utf16Text("ab "+drf, false):   "-:2:7 drf utf-16",
		"é " + drf:                            "-:1:4 drf plain",
	} {
		if got := describe(scanText(t, text)); len(got) != 1 || got[0] != want {
			t.Errorf("%.60q: found %q, want %s", text, got, want)
		}
	}
}

// TestDecoys are no secrets, however near they come.
func TestDecoys(t *testing.T) {
	var b strings.Builder
	for _, secret := range secrets {
		last := secret[len(secret)-1:]
		for _, decoy := range []string{secret + "0", "0" + secret, secret[1:], secret[:len(secret)-1], strings.ToUpper(secret), secret + secret, "x" + secret, secret + "x",
			secret[:len(secret)/2] + " " + secret[len(secret)/2:], secret[:len(secret)/2] + "\n" + secret[len(secret)/2:], secret[:len(secret)-1] + "Z" + last} {
			if strings.Contains(decoy, " "+secret) {
				continue
			}
			b.WriteString(decoy + "\n" + base64.StdEncoding.EncodeToString([]byte(decoy)) + "\n" + percent(decoy) + "\n")
		}
	}
	text := b.String()
	for _, f := range scanText(t, text) {
		line := strings.Split(text, "\n")[f.Line-1]
		t.Errorf("%v is found in %q", describe([]Finding{f}), line)
	}
}

// TestEndlessLine: what has no line breaks, and no marks at all, is searched all the same.
func TestEndlessLine(t *testing.T) {
	dbtest.Slow(t)
	for _, filler := range []string{"a", "=", "%", `\`, "%41", "A/", "Zm9v", "\x00", "a\x00", "eyJ.", "=\n", "-"} {
		long := strings.Repeat(filler, 2*windowSize/len(filler))
		list := scanText(t, long+" "+secrets["drf"]+" "+long)
		if len(list) != 1 {
			t.Errorf("%q: found %v", filler, describe(list))
		}
	}
}
