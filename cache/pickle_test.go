package cache

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"testing"

	"tokenctl"
	"tokenctl/django/djangotest"
)

// Pickles of every protocol that Python itself makes of what applications keep in sessions.
func TestReadPickle(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		djangotest.Missing(t, "python3")
	}
	const script = `
import collections, datetime, decimal, fractions, pickle, sys, uuid
class Model:
    def __init__(self): self.name = "x"
class Slots:
    __slots__ = ("a",)
    def __init__(self): self.a = 1
class Keyed(tuple):
    def __new__(cls, *, n=0): return tuple.__new__(cls, (n,))
    def __getnewargs_ex__(self): return (), {"n": 1}
shared = ["again"]
d = {"list": [1, "a", shared, shared], "when": datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.timezone.utc), "price": decimal.Decimal("1.5"),
  "id": uuid.UUID(int=7), "set": {1, 2}, "frozen": frozenset([3]), "model": Model(), "slots": Slots() if int(sys.argv[1]) > 1 else 0, "keyed": Keyed() if int(sys.argv[1]) > 1 else 0,
  "ordered": collections.OrderedDict(_auth_user_id="9"), "nested": {"_auth_user_id": "8"}, "bytes": b"\x00\xff", "array": bytearray(b"q" * 300),
  "big": 1 << 900, "negative": -129, "half": 0.5, "yes": True, "no": False, "none": None, 5: "five", (1, 2): "pair", "long": "ä" * 300,
  "_auth_user_id": "42", "_auth_user_backend": "b", "_session_expiry": 70000}
d["self"] = d
sys.stdout.buffer.write(pickle.dumps(d, int(sys.argv[1])))
`
	for protocol := range 6 {
		data, err := exec.Command(python, "-c", script, strconv.Itoa(protocol)).Output()
		if err != nil {
			t.Fatal(err)
		}
		d, err := ReadPickle(data)
		if err != nil {
			t.Errorf("protocol %d: %v", protocol, err)
			continue
		}
		for name, want := range map[string]string{"_auth_user_id": "42", "_auth_user_backend": "b", "_session_expiry": "70000", "negative": "-129", "half": "0.5",
			"yes": "true", "no": "false", "none": "<nil>", "set": "{}", "when": "{}", "model": "{}", "price": "{}", "keyed": map[bool]string{true: "{}", false: "0"}[protocol > 1]} {
			if got := fmt.Sprint(d[name]); got != want {
				t.Errorf("protocol %d: %s is %s, want %s", protocol, name, got, want)
			}
		}
		for n := range data {
			if _, err := ReadPickle(data[:n]); !errors.Is(err, ErrNotPickle) {
				t.Fatalf("protocol %d: the first %d bytes: %v", protocol, n, err)
			}
		}
	}
}

// What is no dict, does not end, or wants something run is refused or stays unread.
func TestReadPickleHostile(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]error{
		"":                               ErrNotPickle,
		"{\"a\":1}":                      ErrNotPickle,
		"].":                             ErrNoDict,
		"cos\nsystem\n(S'id'\ntR.":       ErrNoDict,
		"}Pid\n.":                        ErrNotPickle,
		"}}.":                            ErrNotPickle,
		"}.}":                            ErrNotPickle,
		"u.":                             ErrNotPickle,
		"(.":                             ErrNoDict,
		"h\x05.":                         ErrNotPickle,
		"X\xff\xff\xff\xff.":             ErrNotPickle,
		"}(X\x01\x00\x00\x00au.":         ErrNotPickle,
		"}X\x01\x00\x00\x00acx\ny\n)Rs.": nil,
	} {
		if _, err := ReadPickle([]byte(data)); err != want {
			t.Errorf("%q: %v, want %v", data, err, want)
		}
	}
}

func FuzzReadPickle(f *testing.F) {
	f.Add([]byte("\x80\x02}q\x00X\x01\x00\x00\x00aK\x01s."))
	f.Fuzz(func(_ *testing.T, data []byte) { ReadPickle(data) }) //nolint:errcheck // it must only end
}

func TestKey(t *testing.T) {
	t.Parallel()
	if got := Key(tokenctl.DefaultKeyFunction, "shop", "2", "django.contrib.sessions.cacheabc"); got != "shop:2:django.contrib.sessions.cacheabc" {
		t.Error(got)
	}
	if got := Match("{prefix}/v{version}/{key}", `a*[b]?\`, "1", "sessions.cache"); got != `a\*\[b\]\?\\/v1/sessions.cache*` {
		t.Error(got)
	}
}
