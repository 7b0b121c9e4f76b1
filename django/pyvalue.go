package django

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// number reads the longest number. It does not check what follows: of 01 it reads 0.
func (r *pyReader) number() (any, error) {
	start := r.pos
	if r.peek() == '-' {
		r.pos++
	}
	digits := 1
	if r.peek() == '0' {
		r.pos++
	} else if digits = r.digits(); digits == 0 {
		return nil, r.fail("Expecting value", start)
	}
	float := r.digitsBehind(".", "")
	float = r.digitsBehind("eE", "+-") || float
	text := r.in[start:r.pos]
	switch {
	case !float && digits > maxPyDigits:
		return nil, pyError(fmt.Sprintf("Exceeds the limit (%d digits) for integer string conversion: "+
			"value has %d digits; use sys.set_int_max_str_digits() to increase the limit", maxPyDigits, digits))
	case r.skipping:
		return nil, nil
	case float:
		f, _ := strconv.ParseFloat(string(text), 64) // ±Inf if it is out of range
		return f, nil
	case string(text) == "-0":
		return PythonInteger("0"), nil
	}
	return PythonInteger(text), nil
}

func (r *pyReader) digits() int {
	start := r.pos
	for c := r.peek(); '0' <= c && c <= '9'; c = r.peek() {
		r.pos++
	}
	return r.pos - start
}

// digitsBehind reads a mark, an optional sign and digits. It reads nothing if they do not follow.
func (r *pyReader) digitsBehind(marks, signs string) bool {
	start := r.pos
	if strings.IndexByte(marks, r.peek()) >= 0 {
		r.pos++
		if strings.IndexByte(signs, r.peek()) >= 0 {
			r.pos++
		}
		if r.digits() > 0 {
			return true
		}
	}
	r.pos = start
	return false
}

// The exceptions of Python's int().
var (
	errPyValue    = errors.New("ValueError")
	errPyType     = errors.New("TypeError")
	errPyOverflow = errors.New("OverflowError")
)

// pyIntLimit is the largest result of pyInt: far beyond every date.
const pyIntLimit = int64(1) << 53

// pyInt is int(value) for a canonical value, cut to ±pyIntLimit.
func pyInt(value json.RawMessage) (int64, error) {
	switch value[0] {
	case 't':
		return 1, nil
	case 'f':
		return 0, nil
	case 'n', '[', '{':
		return 0, errPyType
	case '"':
		return PythonInt(pyUnquote(string(value)))
	}
	if pyIsInt(value) {
		return PythonInt(string(value))
	}
	f := pyFloat(value)
	switch {
	case math.IsNaN(f):
		return 0, errPyValue
	case math.IsInf(f, 0):
		return 0, errPyOverflow
	}
	return int64(max(min(f, float64(pyIntLimit)), -float64(pyIntLimit))), nil
}

// PythonInt is int(s), cut to ±2^53.
func PythonInt(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || len(s) > maxPyDigits {
		digits, err := pyDigits(s)
		if err != nil {
			return 0, err
		}
		n, _ = strconv.ParseInt(digits, 10, 64) // beyond 64 bits: the nearer end
	}
	return max(min(n, pyIntLimit), -pyIntLimit), nil
}

// pyIsInt tells an int from a float among canonical numbers.
func pyIsInt(value json.RawMessage) bool {
	for i, c := range value {
		if (c < '0' || c > '9') && !(c == '-' && i == 0 && len(value) > 1) {
			return false
		}
	}
	return true
}

// pyFloat is float(value) for a canonical number.
func pyFloat(value json.RawMessage) float64 {
	switch string(value) {
	case "NaN":
		return math.NaN()
	case "Infinity":
		return math.Inf(1)
	case "-Infinity":
		return math.Inf(-1)
	}
	f, _ := strconv.ParseFloat(string(value), 64) // ±Inf if it is out of range
	return f
}

// pyFalsy is "not value" for a canonical value.
func pyFalsy(value json.RawMessage) bool {
	switch string(value) {
	case "null", "false", `""`, "[]", "{}", "0", "0.0", "-0.0":
		return true
	}
	return false
}
