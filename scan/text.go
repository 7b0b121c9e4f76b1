package scan

import (
	"bytes"
	"context"
	"hash/maphash"
	"io"
)

// source is a text that findings stand in.
type source struct {
	path   string
	object string // the git object whose content it is
}

// windowSize is how much of a text is searched at a time.
const windowSize = 1 << 20

// contextSize is how much is kept of what stands before a window.
const contextSize = 64

// searcher searches one text after the other. It belongs to one goroutine.
type searcher struct {
	scanner *Scanner
	finder  *finder
	buffer  []byte

	within string // the git object that is searched
	source *source
	list   []sighting
	memory []byte

	first int // the number of the first line of the next text; 0 is 1

	// The window, of which positions are counted:
	window    []byte
	line      int // the number of the line in which the window begins
	lineStart int // where that line begins, counted from the window; not above 0
	at        int // up to here lines were counted
	atLine    int
	atStart   int
}

func (s *Scanner) newSearcher() *searcher {
	r := &searcher{scanner: s, buffer: make([]byte, windowSize)}
	r.finder = newFinder(s.options.Shapes, r.sight)
	return r
}

// sight notes a candidate.
func (r *searcher) sight(text []byte, kinds Kinds, at int, form Form) {
	line, column := r.position(at)
	start := len(r.memory)
	r.memory = append(r.memory, text...)
	r.list = append(r.list, sighting{maphash.Bytes(r.scanner.judge.seed, text), start, len(r.memory), kinds, form, line, column})
}

// position counts the lines up to a place in the window. Candidates come nearly in order.
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

// read searches all of a text, which begins with head.
func (r *searcher) read(ctx context.Context, from *source, head []byte, text io.Reader) error {
	r.source = from
	r.line, r.lineStart = max(1, r.first), 0
	r.first = 0
	n := copy(r.buffer, head)
	r.scanner.Counts.Bytes.Add(int64(n))
	begin := 0 // of what is to be searched: before it stands the context
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
			r.search(begin, n, true) //nolint:errcheck // why the text ends is told
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

// fill reads until the buffer is full. The text's end is io.EOF; that of what is packed and was
// cut off is io.ErrUnexpectedEOF.
func fill(text io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var m int
		m, err = text.Read(buffer[n:])
		n += m
	}
	return n, err
}

// readError is about the text, not about the scan.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

func (r *searcher) search(begin, n int, end bool) int {
	r.window = r.buffer[:n]
	r.at, r.atLine, r.atStart = 0, r.line, r.lineStart
	return r.finder.window(r.window, begin, end)
}

// flush hands the sightings to the judge.
func (r *searcher) flush(ctx context.Context) error {
	if len(r.list) == 0 {
		return nil
	}
	err := r.scanner.judge.add(ctx, r.source, r.list, r.memory)
	r.list, r.memory = r.list[:0], r.memory[:0]
	return err
}
