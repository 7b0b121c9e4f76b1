package server

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tokenctl/django"
)

// renderJSON is JSONRenderer of rest_framework/renderers.py (3.16.0): compact, or indented by a number of
// spaces, and with only the escapes that JSON and JavaScript need. The error is a 500, for values on which
// json.dumps or str.encode of the peer raises an exception.
func renderJSON(value any, indent int) ([]byte, error) {
	w := jsonWriter{indent: indent}
	if err := w.value(value); err != nil {
		return nil, err
	}
	return w.out, nil
}

type jsonWriter struct {
	out    []byte
	indent int
	depth  int
}

func (w *jsonWriter) value(value any) error {
	switch v := value.(type) {
	case nil:
		w.out = append(w.out, "null"...)
	case bool:
		w.out = strconv.AppendBool(w.out, v)
	case int:
		w.out = strconv.AppendInt(w.out, int64(v), 10)
	case int64:
		w.out = strconv.AppendInt(w.out, v, 10)
	case pyInt:
		w.out = append(w.out, v...)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return uncaught("a float that JSON does not have")
		}
		w.out = django.AppendPythonFloat(w.out, v)
	case string:
		return w.text(v)
	case []string:
		return w.collection("[]", len(v), func(i int) error { return w.text(v[i]) })
	case []any:
		return w.collection("[]", len(v), func(i int) error { return w.value(v[i]) })
	case []object:
		return w.collection("[]", len(v), func(i int) error { return w.value(v[i]) })
	case object:
		return w.collection("{}", len(v), func(i int) error { return w.member(v[i].name, v[i].value) })
	case dict:
		return w.collection("{}", len(v), func(i int) error { return w.member(v[i].Name, v[i].Value) })
	default:
		return uncaught("a value is not JSON serializable")
	}
	return nil
}

func (w *jsonWriter) member(name string, value any) error {
	if err := w.text(name); err != nil {
		return err
	}
	w.out = append(w.out, ':')
	if w.indent > 0 {
		w.out = append(w.out, ' ')
	}
	return w.value(value)
}

// collection writes n items between brackets.
func (w *jsonWriter) collection(brackets string, n int, item func(int) error) error {
	w.out = append(w.out, brackets[0])
	w.depth++
	for i := range n {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.newline()
		if err := item(i); err != nil {
			return err
		}
	}
	if w.depth--; n > 0 {
		w.newline()
	}
	w.out = append(w.out, brackets[1])
	return nil
}

func (w *jsonWriter) newline() {
	if w.indent > 0 {
		w.out = append(w.out, '\n')
		w.out = append(w.out, slices.Repeat([]byte{' '}, w.indent*w.depth)...)
	}
}

// text writes a string like json.dumps with ensure_ascii=False, and escapes the line separators of
// JavaScript.
func (w *jsonWriter) text(s string) error {
	if !utf8.ValidString(s) {
		return uncaught("a surrogate cannot be encoded")
	}
	w.out = append(w.out, '"')
	for _, u := range s {
		if i := strings.IndexRune("\"\\\b\f\n\r\t", u); i >= 0 {
			w.out = append(w.out, '\\', `"\bfnrt`[i])
		} else if u < ' ' || u == 0x2028 || u == 0x2029 {
			w.out = fmt.Appendf(w.out, `\u%04x`, u)
		} else {
			w.out = utf8.AppendRune(w.out, u)
		}
	}
	w.out = append(w.out, '"')
	return nil
}
