package output

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// Value is one cell of a row. The constructors below make Values; the zero Value is null. The slices that are given to
// Strings, Object and List must not change before the row is written.
type Value struct {
	kind kind
	nsec uint32
	num  int64 // an integer, a boolean, or seconds since 1970
	str  string
	more *composite
}

type kind uint8

const (
	kindNull kind = iota
	kindString
	kindTime
	kindBool
	kindInt
	kindStrings
	kindRaw
	kindObject
	kindList
)

// composite is behind a pointer, so that the cells of lists stay small.
type composite struct {
	strings []string
	keys    []string
	vals    []Value
}

// Null returns the unknown value: null in JSON and YAML, "-" in a table, and nothing in the other text formats.
func Null() Value { return Value{} }

// Missing returns null with a word that says what is missing, for a table at a terminal. Elsewhere it is like null.
func Missing(word string) Value { return Value{str: word} }

// Never returns the time of an event that does not happen, such as the expiry of a token that never expires.
func Never() Value { return Missing("never") }

// String returns a text. It may come from the database and be hostile.
func String(s string) Value { return Value{kind: kindString, str: s} }

// OptString returns a text, or null for "".
func OptString(s string) Value {
	if s == "" {
		return Value{}
	}
	return String(s)
}

// Time returns a time. It is written as RFC 3339 in UTC, with microseconds unless these are zero. The zero time is null.
func Time(t time.Time) Value {
	if t.IsZero() {
		return Value{}
	}
	return Value{kind: kindTime, num: t.Unix(), nsec: uint32(t.Nanosecond() / 1000 * 1000)}
}

// Bool returns a boolean.
func Bool(b bool) Value {
	v := Value{kind: kindBool}
	if b {
		v.num = 1
	}
	return v
}

// OptBool returns a boolean, or null for nil.
func OptBool(b *bool) Value {
	if b == nil {
		return Value{}
	}
	return Bool(*b)
}

// Int returns an integer.
func Int(i int64) Value { return Value{kind: kindInt, num: i} }

// Strings returns a list of texts: an array in JSON and YAML (empty for nil, never null), joined with "; " in the text
// formats.
func Strings(s []string) Value { return Value{kind: kindStrings, more: &composite{strings: s}} }

// Raw returns a JSON document, such as the claims of a JWT. In JSON only its white space and its escapes change, in YAML
// it is the same data, and in text formats it is compact JSON. An empty document, and the document null, are null. An
// invalid document is treated as text, so that it cannot break the whole output.
func Raw(doc []byte) Value {
	if len(doc) == 0 {
		return Value{}
	}
	var b bytes.Buffer
	if json.Compact(&b, doc) != nil {
		return String(string(doc))
	}
	if b.String() == "null" {
		return Value{}
	}
	return Value{kind: kindRaw, str: string(escapeDocument(b.Bytes()))}
}

// Object returns a mapping that keeps the order of its keys: an object in JSON and YAML, "k=v k=v" in the text formats.
// The keys must be distinct, and as many as the values.
func Object(keys []string, vals []Value) Value {
	if len(keys) != len(vals) {
		panic("output: an object needs as many keys as values")
	}
	return Value{kind: kindObject, more: &composite{keys: keys, vals: vals}}
}

// List returns a list of values: an array in JSON and YAML (empty for nil, never null), joined with "; " in the text
// formats.
func List(vals []Value) Value { return Value{kind: kindList, more: &composite{vals: vals}} }

// textStyle has the differences between the text formats.
type textStyle struct {
	null  string
	words bool // null is shown as the word of [Missing]
	times func(dst []byte, t time.Time) []byte
}

var (
	machineText = textStyle{times: appendFull}
	fullTable   = textStyle{null: "-", times: appendFull}
)

// appendFull appends a time in full. Package time formats this layout fast.
func appendFull(dst []byte, t time.Time) []byte { return t.AppendFormat(dst, time.RFC3339Nano) }

// appendText appends v as in text formats, before any escaping.
func (v Value) appendText(dst []byte, style *textStyle) []byte {
	switch v.kind {
	case kindNull:
		if style.words && v.str != "" {
			return append(dst, v.str...)
		}
		return append(dst, style.null...)
	case kindTime:
		return style.times(dst, v.time())
	case kindBool:
		return strconv.AppendBool(dst, v.num != 0)
	case kindInt:
		return strconv.AppendInt(dst, v.num, 10)
	case kindStrings:
		if len(v.more.strings) == 0 {
			return append(dst, style.null...)
		}
		for i, s := range v.more.strings {
			if i > 0 {
				dst = append(dst, "; "...)
			}
			dst = append(dst, s...)
		}
		return dst
	case kindObject:
		for i, k := range v.more.keys {
			if i > 0 {
				dst = append(dst, ' ')
			}
			dst = append(dst, k...)
			dst = append(dst, '=')
			dst = v.more.vals[i].appendText(dst, style)
		}
		return dst
	case kindList:
		if len(v.more.vals) == 0 {
			return append(dst, style.null...)
		}
		for i, element := range v.more.vals {
			if i > 0 {
				dst = append(dst, "; "...)
			}
			dst = element.appendText(dst, style)
		}
		return dst
	default: // kindString, kindRaw
		return append(dst, v.str...)
	}
}

func (v Value) time() time.Time { return time.Unix(v.num, int64(v.nsec)).UTC() }

// empty reports whether v is null, or an empty text or list.
func (v Value) empty() bool {
	switch v.kind {
	case kindNull, kindString:
		return v.str == ""
	case kindStrings:
		return len(v.more.strings) == 0
	}
	return false
}

// ownWords reports whether this package alone makes the text of v: digits, dates, true and false. This text needs no
// escaping in any format, and is safe in a spreadsheet.
func (v Value) ownWords() bool {
	switch v.kind {
	case kindNull, kindTime, kindBool, kindInt:
		return true
	}
	return false
}
