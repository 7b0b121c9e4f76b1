package cache

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"tokenctl/django"
	"tokenctl/django/djangotest"
)

// runPython runs a script and returns what it wrote.
func runPython(t *testing.T, script, stdin string) []byte {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		djangotest.Missing(t, "python3")
	}
	cmd := exec.Command(python, "-c", script)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const pythonValues = `
import datetime, decimal, gzip, json, lzma, pickle, sys, zlib
d = {"_auth_user_id": "42", "_auth_user_backend": "b", "_auth_user_hash": "c" * 64, "cart": ["x"] * 50}
full = dict(d, when=datetime.datetime(2026, 1, 2), price=decimal.Decimal("1.5"), seen={1, 2})
text = json.dumps(d).encode()
values = [text, text + b"\n", pickle.dumps(full), pickle.dumps(full, 0)]
values += [f(v) for v in list(values) for f in (zlib.compress, gzip.compress, lambda v: lzma.compress(v, preset=4), lambda v: zlib.compress(v, 0), lambda v: zlib.compress(v, 9))]
json.dump([v.hex() for v in values], sys.stdout)
`

func values(t *testing.T) (list []string) {
	var hexes []string
	if err := json.Unmarshal(runPython(t, pythonValues, ""), &hexes); err != nil {
		t.Fatal(err)
	}
	for _, text := range hexes {
		var b []byte
		if _, err := fmt.Sscanf(text, "%x", &b); err != nil {
			t.Fatal(err)
		}
		list = append(list, string(b))
	}
	return list
}

// packed compresses a text as one of the formats.
func packed(t *testing.T, format string, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	var w interface {
		Write([]byte) (int, error)
		Close() error
	}
	var err error
	switch format {
	case "zlib":
		w = zlib.NewWriter(&b)
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	case "xz":
		w, err = xz.NewWriter(&b)
	}
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var alice = django.SessionLogin{UserID: "42", Backend: "b", AuthHash: strings.Repeat("c", 64)}

func TestReadSession(t *testing.T) {
	t.Parallel()
	list := values(t)
	for _, format := range []string{"zlib", "gzip", "zstd"} {
		list = append(list, packed(t, format, []byte(list[0])), packed(t, format, []byte(list[2])))
	}
	for i, value := range list {
		if login, err := ReadSession(value); err != nil || login != alice {
			t.Errorf("value %d, %.20q: %+v, %v", i, value, login, err)
		}
		for _, cut := range []int{1, len(value) / 2} {
			if _, err := ReadSession(value[:cut]); err == nil {
				t.Errorf("value %d, %.20q: half of it is read", i, value)
			}
		}
	}
	if login, err := ReadSession(`{"_auth_user_id": 7}`); err != nil || login.UserID != "7" {
		t.Error(login, err)
	}
	if login, err := ReadSession("\x80\x02}X\x0d\x00\x00\x00_auth_user_idK\x07s."); err != nil || login.UserID != "7" {
		t.Error(login, err)
	}
}

// A value that is no session is refused, and a small one that unfolds to much is not unfolded.
func TestReadSessionHostile(t *testing.T) {
	t.Parallel()
	bomb := bytes.Repeat([]byte(" "), 64<<20)
	for value, want := range map[string]error{
		"": ErrNoValue, "5": ErrNoDict, "-12": ErrNoDict, "[1]": ErrNoDict, `"text"`: ErrNoDict, "null": ErrNoDict, "{": ErrNoValue, "plain text": ErrNoValue,
		"\x80\x02].": ErrNoDict, "cos\nsystem\n(S'id'\ntR.": ErrNoDict, "\x80\x02}": ErrNoValue, "x\x9cgarbage": ErrNoValue, "\x1f\x8bgarbage": ErrNoValue,
		"\x28\xb5\x2f\xfdgarbage": ErrNoValue, "\xfd7zXZ\x00garbage-garbage-garbage": ErrNoValue, "\x04\x22\x4d\x18": ErrLZ4,
		packed(t, "zlib", bomb): ErrTooLarge, packed(t, "gzip", bomb): ErrTooLarge, packed(t, "zstd", bomb): ErrTooLarge, packed(t, "xz", bomb): ErrTooLarge,
		strings.Repeat("{", maxValue+1):              ErrTooLarge,
		"{" + strings.Repeat(`"a":{`, 200_000) + "}": ErrNoValue, strings.Repeat("[", 500_000): ErrNoValue,
	} {
		if _, err := ReadSession(value); !errors.Is(err, want) {
			t.Errorf("%.20q: %v, want %v", value, err, want)
		}
	}
	// The header asks for a dictionary of 4 GiB, of which the value needs a few bytes.
	huge := []byte(packed(t, "xz", []byte(`{"_auth_user_id": "42"}`)))
	if huge[12+2] != 0x21 {
		t.Fatal("the block header has another form")
	}
	huge[12+4] = 40
	if login, err := ReadSession(string(huge)); err != nil || login.UserID != "42" {
		t.Errorf("%+v, %v", login, err)
	}
}

// What is written, Python reads, and so does what is written over its own values.
func TestWriteSession(t *testing.T) {
	t.Parallel()
	items := append(django.LoginSession("42", "b", alice.AuthHash), django.SessionItem{Name: "ä", Value: []byte(`"\u00e4\n"`)})
	expiry := django.SessionItem{Name: "_session_expiry", Value: []byte("3600")}
	var list []string
	for _, asJSON := range []bool{true, false} {
		value, err := WriteSession(items, asJSON)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, value)
	}
	list = append(list, values(t)...)
	hexes := make([]string, 0, len(list))
	for i, value := range list {
		if login, err := ReadSession(value); err != nil || login != alice {
			t.Errorf("value %d: %+v, %v", i, login, err)
		}
		renewed, err := Renew(value, expiry, django.SessionItem{Name: "_auth_user_backend", Value: []byte(`"other"`)})
		if err != nil {
			t.Fatalf("value %d: %v", i, err)
		}
		hexes = append(hexes, fmt.Sprintf("%x", renewed))
	}
	text, err := json.Marshal(hexes)
	if err != nil {
		t.Fatal(err)
	}
	const check = `
import json, pickle, sys
values = [bytes.fromhex(v) for v in json.load(sys.stdin)]
for load in pickle.loads, pickle._loads:
    for v in values:
        d = json.loads(v) if v[:1] == b"{" else load(v)
        assert (d["_auth_user_id"], d["_auth_user_backend"], d["_auth_user_hash"], d["_session_expiry"]) == ("42", "other", "c" * 64, 3600), d
        assert "cart" in d or d["ä"] == "ä\n", d
print("right")
`
	if out := string(runPython(t, check, string(text))); out != "right\n" {
		t.Error(out)
	}
	if _, err := Renew("[]", expiry); !errors.Is(err, ErrNoDict) {
		t.Error(err)
	}
}

func FuzzReadSession(f *testing.F) {
	f.Add("x\x9c\xab\xae\x05\x00\x01u\x00\xf9")
	f.Add("\x80\x02}q\x00X\x01\x00\x00\x00aK\x01s.")
	f.Fuzz(func(_ *testing.T, value string) {
		ReadSession(value)                                              //nolint:errcheck // they must only end
		Renew(value, django.SessionItem{Name: "a", Value: []byte("1")}) //nolint:errcheck
	})
}
