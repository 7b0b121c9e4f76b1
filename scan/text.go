package scan

import (
	"bytes"
	"context"
	"hash/maphash"
	"io"
)

// source is a searched text.
type source struct {
	path   string
	object string // the git object of the text
}

// windowSize is the number of bytes of a text that are searched at a time.
const windowSize = 1 << 20

// contextSize is the number of bytes before a window that are kept.
const contextSize = 64

// searcher searches one text after the other. It belongs to one goroutine.
type searcher struct {
	scanner *Scanner
	finder  *finder
	buffer  []byte

	within string // the git object of the text
	source *source
	list   []occurrence
	memory []byte

	first int // the number of the first line of the next text; 0 is 1

	// The window, to which positions refer:
	window    []byte
	line      int // the number of the line in which the window begins
	lineStart int // the offset of that line in the window; 0 or negative
	at        int // up to here lines were counted
	atLine    int
	atStart   int
}

func (s *Scanner) newSearcher() *searcher {
	r := &searcher{scanner: s, buffer: make([]byte, windowSize)}
	r.finder = newFinder(s.options.Shapes, r.record)
	return r
}

// record records a candidate.
func (r *searcher) record(text []byte, kinds Kinds, at int, form Form) {
	line, column := r.position(at)
	start := len(r.memory)
	r.memory = append(r.memory, text...)
	r.list = append(r.list, occurrence{maphash.Bytes(r.scanner.judge.seed, text), start, len(r.memory), kinds, form, line, column})
}

// position returns the line and column of a place in the window. It counts lines from the previous place, because
// candidates come nearly in order.
func (r *searcher) position(at int) (line, column int) {
	if at < r.at {
		r.at, r.atLine, r.atStart = 0, r.line, r.lineStart
	}
	r.advance(at)
	return r.atLine, at - r.atStart + 1
}

func (r *searcher) advance(at int) {
	between := r.window[r.at:at]
	if n := bytes.Count(between, []byte{'\n'}); n > 0 {
		r.atLine += n
		r.atStart = r.at + bytes.LastIndexByte(between, '\n') + 1
	}
	r.at = at
}

// read searches a whole text, which begins with head.
func (r *searcher) read(ctx context.Context, from *source, head []byte, text io.Reader) error {
	r.source = from
	r.line, r.lineStart = max(1, r.first), 0
	r.first = 0
	n := copy(r.buffer, head)
	r.scanner.Counts.Bytes.Add(int64(n))
	begin := 0 // of the text to search; the bytes before it are context
	for {
		fresh := n
		m, err := fill(text, r.buffer[n:])
		n += m
		end := err != nil
		r.scanner.Counts.Bytes.Add(int64(n - fresh))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if end && err != io.EOF {
			r.search(begin, n, true) //nolint:errcheck // the error of the text is returned
			r.flush(ctx)             //nolint:errcheck
			return &readError{err}
		}
		rest := r.search(begin, n, end)
		if err := r.flush(ctx); err != nil {
			return err
		}
		if end {
			return nil
		}
		keep := max(0, rest-contextSize)
		if keep < r.at {
			r.at, r.atLine, r.atStart = 0, r.line, r.lineStart
		}
		r.advance(keep)
		r.line, r.lineStart = r.atLine, r.atStart-keep
		n = copy(r.buffer, r.buffer[keep:n])
		begin = rest - keep
	}
}

// fill reads until the buffer is full. The error is io.EOF at the end of the text, and io.ErrUnexpectedEOF at the
// end of a truncated compressed text.
func fill(text io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var m int
		m, err = text.Read(buffer[n:])
		n += m
	}
	return n, err
}

// readError is an error of reading the searched text. It does not end the scan.
type readError struct{ err error }

// Error implements error.
func (e *readError) Error() string { return e.err.Error() }

// Unwrap returns the error of the reader.
func (e *readError) Unwrap() error { return e.err }

func (r *searcher) search(begin, n int, end bool) int {
	r.window = r.buffer[:n]
	r.at, r.atLine, r.atStart = 0, r.line, r.lineStart
	return r.finder.window(r.window, begin, end)
}

// flush hands the occurrences to the judge.
func (r *searcher) flush(ctx context.Context) error {
	if len(r.list) == 0 {
		return nil
	}
	err := r.scanner.judge.add(ctx, r.source, r.list, r.memory)
	r.list, r.memory = r.list[:0], r.memory[:0]
	return err
}
