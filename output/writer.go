package output

import (
	"errors"
	"fmt"
	"io"
)

// bufferSize is the number of bytes from which the buffer is written. Each write ends with a whole row, so a reader of
// ndjson or tsv gets whole lines, even if a failure ends the stream.
const bufferSize = 64 << 10

var (
	errClosed     = errors.New("output: write after close")
	errSecondRow  = errors.New("output: a second row where one was promised")
	errMissingRow = errors.New("output: no row where one was promised")
)

// Writer writes rows in one format. It is not safe for concurrent use.
type Writer struct {
	out    io.Writer
	err    error // the first failure; every later call returns it again
	closed bool

	cols []Column
	sel  []int // indexes of the written columns in cols, in order
	opts Options

	encode  func(w *Writer, row []Value) error
	finish  func(w *Writer) error
	rows    int
	buf     []byte
	scratch []byte   // the text of one cell
	keys    []string // encoded key and punctuation before each selected value
	table   *table
	parts   *Parts // nil: the document is that of this Writer alone

	path      string // inside the value of Options.Field
	documents []any  // the rows so far, for Options.Query
}

// NewWriter returns a Writer of rows with these columns to w. It writes nothing yet. The error is an *UnknownFieldError
// when opts names a field that cols lack; for the format ID that is also the case without a column "id".
func NewWriter(w io.Writer, cols []Column, opts Options) (*Writer, error) {
	if opts.Parts != nil {
		return opts.Parts.part(w, cols, opts)
	}
	wr := &Writer{out: w, cols: cols, opts: opts, finish: func(*Writer) error { return nil }}
	if opts.Field != "" {
		i, path, err := fieldIndex(cols, opts.Field)
		if err != nil {
			return nil, err
		}
		wr.sel, wr.path, wr.encode = []int{i}, path, (*Writer).encodeLine
		return wr, nil
	}
	sel, err := selection(cols, opts)
	if err != nil {
		return nil, err
	}
	wr.sel = sel
	if opts.Query != nil {
		wr.keys = jsonKeys(cols, sel)
		wr.encode, wr.finish = (*Writer).encodeQuery, (*Writer).finishQuery
		return wr, nil
	}
	switch opts.Format {
	case Table:
		wr.table = newTable(wr)
		wr.encode, wr.finish = (*Writer).encodeTable, (*Writer).finishTable
		switch {
		case opts.Single:
			wr.encode, wr.finish = (*Writer).encodePairs, (*Writer).finishSingle
		case opts.Records && opts.Width > 0:
			wr.encode = (*Writer).encodePairs
		}
	case JSON:
		wr.keys = jsonKeys(cols, sel)
		wr.encode, wr.finish = (*Writer).encodeJSON, (*Writer).finishJSON
		if opts.Single {
			wr.encode, wr.finish = (*Writer).encodeJSONSingle, (*Writer).finishSingle
		}
	case NDJSON:
		wr.keys = jsonKeys(cols, sel)
		wr.encode = (*Writer).encodeNDJSON
	case CSV:
		wr.encode, wr.finish = (*Writer).encodeCSV, finishSeparated(',')
	case TSV, Plain:
		wr.encode, wr.finish = (*Writer).encodeTSV, finishSeparated('\t')
	case YAML:
		wr.keys = jsonKeys(cols, sel)
		wr.encode, wr.finish = (*Writer).encodeYAML, (*Writer).finishYAML
		if opts.Single {
			wr.finish = (*Writer).finishSingle
		}
	case ID:
		wr.encode = (*Writer).encodeLine
	default:
		return nil, fmt.Errorf("output: no format %q", string(opts.Format))
	}
	return wr, nil
}

// Write adds one row, whose values are those of the columns given to NewWriter, in their order; it does not keep the
// slice. The error may be that of an earlier row, which only now reached the underlying writer. After an error every
// further call returns it again.
func (w *Writer) Write(row []Value) error {
	switch {
	case w.err != nil:
		return w.err
	case w.closed:
		return errClosed
	}
	if w.parts != nil {
		row = append(row[:len(row):len(row)], w.parts.Value)
	}
	switch {
	case len(row) != len(w.cols):
		return w.fail(fmt.Errorf("output: a row of %d values for %d columns", len(row), len(w.cols)))
	case w.rows > 0 && w.single():
		return w.fail(errSecondRow)
	}
	if err := w.encode(w, row); err != nil {
		return w.fail(err)
	}
	w.rows++
	if len(w.buf) >= bufferSize {
		return w.drain()
	}
	return nil
}

// Flush hands everything written so far to the underlying writer and returns its error. A table that was still looking
// for its column widths settles them.
func (w *Writer) Flush() error {
	if w.err != nil {
		return w.err
	}
	if w.table != nil && !w.closed {
		if err := w.table.settle(); err != nil {
			return w.fail(err)
		}
	}
	return w.drain()
}

// Close ends the document and flushes it; it does not close the underlying writer. If the document has several parts,
// Parts.Close ends it; a table waits for the widths of all its columns until then. Where one row was promised, none is
// an error. After a failure, call Flush at most and not Close: a JSON array must then stay unterminated.
func (w *Writer) Close() error {
	if w.err != nil || w.closed {
		return w.err
	}
	if w.parts != nil {
		if w.table != nil {
			return nil
		}
		return w.drain()
	}
	if err := w.finish(w); err != nil {
		return w.fail(err)
	}
	w.closed = true
	return w.drain()
}

// single reports whether the document is that of one row and cannot take another.
func (w *Writer) single() bool {
	if !w.opts.Single || w.opts.Field != "" {
		return false
	}
	return w.opts.Format == JSON || w.opts.Format == YAML || w.opts.Format == Table
}

func (w *Writer) finishSingle() error {
	if w.rows == 0 {
		return errMissingRow
	}
	return nil
}

// drain writes the buffer out.
func (w *Writer) drain() error {
	if len(w.buf) == 0 {
		return w.err
	}
	n, err := w.out.Write(w.buf)
	if err == nil && n < len(w.buf) {
		err = io.ErrShortWrite
	}
	w.buf = w.buf[:0]
	if cap(w.buf) > 4*bufferSize {
		w.buf = nil // one huge cell must not be paid for until the end
	}
	if err != nil {
		return w.fail(err)
	}
	return nil
}

func (w *Writer) fail(err error) error {
	w.err = err
	return err
}
