package scan_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"tokenctl/commands"
	"tokenctl/db/dbtest"
	"tokenctl/scan"
)

// run runs tokenctl on a database.
func run(t *testing.T, url string, want int, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a := commands.App{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Now: time.Now, Random: rand.Reader, Getenv: func(name string) string {
		return map[string]string{"DATABASE_URL": url, "TOKENCTL_SECRET_KEY": "corpus-secret-key-of-more-than-thirty-two-bytes", "PATH": os.Getenv("PATH"), "CI": "1"}[name]
	}}
	if got := a.Run(t.Context(), args); got != want {
		t.Fatalf("tokenctl %.200q ended with status %d, want %d\n%.2000s", args, got, want, stderr.String())
	}
	return stdout.String()
}

// credential is a secret and what it is.
type credential struct{ secret, kind, id string }

// mintAll mints secrets of every kind.
func mintAll(t *testing.T, url string) (list []credential) {
	var users []string
	for i := range 12 {
		users = append(users, fmt.Sprintf("user%d", i))
	}
	run(t, url, 0, append([]string{"user", "create", "-q"}, users...)...)
	for _, kind := range []string{"drf", "knox", "session", "jwt"} {
		for line := range strings.Lines(run(t, url, 0, append([]string{"mint", "-q", "-o", "ndjson", "--kind", kind}, users...)...)) {
			var m struct{ ID, Token, Refresh, Access string }
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatal(err)
			}
			if kind != "jwt" {
				list = append(list, credential{m.Token, kind, m.ID})
				continue
			}
			payload, err := base64.RawURLEncoding.DecodeString(strings.Split(m.Access, ".")[1])
			var claims struct{ JTI string }
			if err == nil {
				err = json.Unmarshal(payload, &claims)
			}
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, credential{m.Refresh, kind, m.ID}, credential{m.Access, kind, "jwt:" + claims.JTI})
		}
	}
	return list
}

// corpus writes files with planted secrets and decoys.
type corpus struct {
	t           *testing.T
	random      *mathrand.Rand
	dir         string
	credentials []credential
	want        map[string]int // path, kind, id and form
	encodings   []scan.Encoding
	n           int
}

func (c *corpus) hex(n int) string {
	b := make([]byte, (n+1)/2)
	for i := range b {
		b[i] = byte(c.random.Uint32())
	}
	return fmt.Sprintf("%x", b)[:n]
}

// decoy looks like a secret, or nearly is one.
func (c *corpus) decoy() string {
	secret := c.credentials[c.random.IntN(len(c.credentials))].secret
	half := len(secret) / 2
	switch c.random.IntN(14) {
	case 0:
		return c.hex(40) // a commit
	case 1:
		return c.hex(64) + "  file.tar.gz"
	case 2:
		return "md5=" + c.hex(32)
	case 3:
		return c.hex(8) + "-" + c.hex(4) + "-4" + c.hex(3) + "-a" + c.hex(3) + "-" + c.hex(12)
	case 4:
		return secret[1:]
	case 5:
		return secret + "0"
	case 6:
		return "0" + secret
	case 7:
		return strings.ToUpper(secret)
	case 8:
		return secret[:half] + "\n" + secret[half:]
	case 9:
		return base64.StdEncoding.EncodeToString([]byte("user:" + c.hex(40)))
	case 10:
		return "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + base64.RawURLEncoding.EncodeToString([]byte(`{"token_type":"access","jti":"`+c.hex(32)+`","user_id":"1","exp":2000000000}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(c.hex(32)))
	case 11: // a known token under another signature
		if i := strings.LastIndexByte(secret, '.'); i > 0 {
			return secret[:i+1] + base64.RawURLEncoding.EncodeToString([]byte(c.hex(32)))
		}
		return c.hex(128)
	case 12:
		raw := make([]byte, 900)
		for i := range raw {
			raw[i] = byte(c.random.Uint32())
		}
		return `"image/png": "` + base64.StdEncoding.EncodeToString(raw) + `"`
	}
	b := make([]byte, 32)
	for i := range b {
		b[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[c.random.IntN(36)]
	}
	return "csrfmiddlewaretoken=" + string(b)
}

var words = strings.Fields("if err != nil { return } the token of user request handler GET /api/v1/orders HTTP/1.1 200 key: value = null, true; <div class=\"x\"> -- 2026-11-28T12:00:00Z")

// file makes a text, in which every 40th line is a secret and many are decoys.
func (c *corpus) file(size int, utf16 bool, planted func(kind, id string, form scan.Form)) string {
	var b strings.Builder
	for b.Len() < size {
		switch c.random.IntN(40) {
		case 0:
			one := c.credentials[c.random.IntN(len(c.credentials))]
			e := c.encodings[c.n%len(c.encodings)]
			c.n++
			if (e.Form == scan.UTF16) != utf16 {
				continue
			}
			b.WriteString("\n" + e.Encode(one.secret) + "\n")
			planted(one.kind, one.id, e.Form)
		case 1, 2, 3, 4:
			b.WriteString("\n" + c.decoy() + "\n")
		default:
			for range 12 {
				b.WriteString(words[c.random.IntN(len(words))] + " ")
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// pack puts a text into a container, and returns how a place in it is shown behind the file's
// name.
func (c *corpus) pack(kind int, text string) (packed, inside, ending string) {
	var b bytes.Buffer
	write := func(w io.WriteCloser, err error) string {
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			c.t.Fatal(err)
		}
		return b.String()
	}
	switch kind {
	case 1:
		return write(gzip.NewWriter(&b), nil), "", ".gz"
	case 2:
		return write(zstd.NewWriter(&b)), "", ".zst"
	case 3:
		return write(xz.NewWriter(&b)), "", ".xz"
	case 4:
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Name: "dir/member", Size: int64(len(text)), Mode: 0o600}); err != nil {
			c.t.Fatal(err)
		}
		return write(w, nil), "!dir/member", ".tar"
	case 5:
		w := zip.NewWriter(&b)
		f, err := w.Create("dir/member")
		if err == nil {
			_, err = io.WriteString(f, text)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			c.t.Fatal(err)
		}
		return b.String(), "!dir/member", ".jar"
	case 6: // a tar in a gzip in a zip
		text, inside, _ := c.pack(4, text)
		text, _, _ = c.pack(1, text)
		text, outside, _ := c.pack(5, text)
		return text, outside + inside, ".docx"
	}
	return text, "", ".txt"
}

// TestCorpus: in a generated corpus, whose size in MiB is in TOKENCTL_SCAN_CORPUS, each planted
// secret is found, in its form, and nothing else is.
func TestCorpus(t *testing.T) {
	size := 6 << 20
	if text := os.Getenv("TOKENCTL_SCAN_CORPUS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		size = n << 20
	}
	dbtest.Engines(t, func(t *testing.T, engine, url string) {
		run(t, url, 0, "init", "-q")
		c := &corpus{t: t, random: mathrand.New(mathrand.NewPCG(3, 4)), dir: t.TempDir(), credentials: mintAll(t, url), want: map[string]int{}, encodings: scan.Encodings()}
		total := 0
		for i := 0; total < size; i++ {
			var here []string
			text := c.file(64<<10+c.random.IntN(256<<10), i%9 == 8, func(kind, id string, form scan.Form) { here = append(here, fmt.Sprintf("%s %s %s", kind, id, form)) })
			total += len(text)
			packed, inside, ending := c.pack(i%7, text)
			name := filepath.Join(c.dir, fmt.Sprintf("d%d", i%10), fmt.Sprintf("f%d%s", i, ending))
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(packed), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, what := range here {
				c.want[name+inside+" "+what]++
			}
		}
		started := time.Now()
		got := map[string]int{}
		out := run(t, url, 4, "scan", c.dir, "-o", "ndjson")
		t.Logf("%s: %d MiB in %v, %d secrets", engine, total>>20, time.Since(started).Round(time.Millisecond), len(c.want))
		for line := range strings.Lines(out) {
			var f struct{ Path, Kind, ID, Form string }
			if err := json.Unmarshal([]byte(line), &f); err != nil {
				t.Fatal(err)
			}
			got[fmt.Sprintf("%s %s %s %s", f.Path, f.Kind, f.ID, f.Form)]++
		}
		var wrong []string
		for what, n := range c.want {
			if got[what] != n {
				wrong = append(wrong, fmt.Sprintf("missed: %s (%d of %d)", what, got[what], n))
			}
		}
		for what, n := range got {
			if n > c.want[what] {
				wrong = append(wrong, fmt.Sprintf("too much: %s (%d of %d)", what, n, c.want[what]))
			}
		}
		slices.Sort(wrong)
		if len(wrong) > 0 {
			t.Errorf("%d are wrong, such as\n%s", len(wrong), strings.Join(wrong[:min(20, len(wrong))], "\n"))
		}
		for _, one := range c.credentials {
			if strings.Contains(out, one.secret) {
				t.Errorf("the output has a secret of kind %s", one.kind)
			}
		}
		// A bundle finds the same, but for what only a signature proves.
		bundle := filepath.Join(t.TempDir(), "bundle")
		run(t, url, 0, "scan", "bundle", bundle, "-q")
		n := 0
		for line := range strings.Lines(run(t, "", 4, "scan", c.dir, "--bundle", bundle, "-o", "ndjson")) {
			if strings.Contains(line, `"kind":"jwt"`) {
				n++
			}
			if !strings.Contains(line, `"id":null`) {
				t.Fatal(line)
			}
		}
		if n == 0 {
			t.Error("the bundle finds no JWT")
		}
	})
}
