package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/itchyny/gojq"
)

// Query is a parsed jq expression.
type Query struct {
	text string
	code *gojq.Code
}

// QueryError is the error for a jq expression that is invalid, or fails for the rows. It does not quote values of the
// rows, which may be secrets, unless the expression itself calls error with them.
type QueryError struct{ Expression, Reason string }

// Error names the expression.
func (e *QueryError) Error() string { return fmt.Sprintf("%q: %s", e.Expression, e.Reason) }

// ParseQuery parses a jq expression. The expression can read neither files nor the environment nor further input. The
// error is a [*QueryError].
func ParseQuery(text string) (*Query, error) {
	parsed, err := gojq.Parse(text)
	if err == nil {
		var code *gojq.Code
		if code, err = gojq.Compile(parsed); err == nil {
			return &Query{text, code}, nil
		}
	}
	return nil, &QueryError{text, err.Error()}
}

// String returns the expression.
func (q *Query) String() string { return q.text }

// failed returns the error for an expression that has failed. It removes the values that gojq quotes in its messages, in
// brackets or quotes after the words.
func (q *Query) failed(err error) error {
	reason := err.Error()
	if !errors.As(err, new(gojq.ValueError)) {
		if i := strings.IndexAny(reason, `("{[`); i >= 0 {
			reason = reason[:i]
		}
		const cannot = " cannot be applied to"
		if reason = strings.TrimSuffix(strings.TrimRight(reason, " :"), cannot); !strings.Contains(reason, " ") {
			reason += cannot + " its input"
		}
	}
	return &QueryError{q.text, reason}
}

// encodeQuery runs the expression on a row of NDJSON. For JSON it keeps the row, and finishQuery runs the expression on
// all rows.
func (w *Writer) encodeQuery(row []Value) error {
	start := len(w.buf)
	w.appendJSONRow(row)
	dec := json.NewDecoder(bytes.NewReader(w.buf[start:]))
	dec.UseNumber()
	var document any
	err := dec.Decode(&document)
	w.buf = w.buf[:start]
	if err != nil {
		return err
	}
	if w.opts.Format == NDJSON {
		return w.query(document)
	}
	w.documents = append(w.documents, document)
	return nil
}

func (w *Writer) finishQuery() error {
	switch {
	case w.opts.Format == NDJSON:
		return nil
	case !w.opts.Single:
		return w.query(append([]any{}, w.documents...))
	case w.rows == 0:
		return errMissingRow
	}
	return w.query(w.documents[0])
}

// query writes the results of the expression for a document, a line for each: a text as it is, other values as JSON. As
// with --field, line breaks in a text are escaped, unless the document is a single row. With an error it writes nothing.
func (w *Writer) query(document any) error {
	start := len(w.buf)
	results := w.opts.Query.code.Run(document)
	for {
		result, ok := results.Next()
		if !ok {
			return nil
		}
		at := len(w.buf)
		switch result := result.(type) {
		case *gojq.HaltError:
			if result.Value() == nil { // the expression calls halt
				return nil
			}
			w.buf = w.buf[:start]
			return w.opts.Query.failed(result)
		case error:
			w.buf = w.buf[:start]
			return w.opts.Query.failed(result)
		case string:
			w.buf = append(w.buf, result...)
			if !w.opts.Single {
				w.escapeBreaks(at)
			}
		default:
			text, err := gojq.Marshal(result)
			if err != nil {
				w.buf = w.buf[:start]
				return err
			}
			w.buf = append(w.buf, escapeDocument(text)...)
		}
		w.buf = append(w.buf, '\n')
	}
}
