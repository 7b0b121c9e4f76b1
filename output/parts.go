package output

import (
	"io"
	"slices"
)

// Parts makes one document of the rows of several Writers, one Writer after the other. Every row gets a further value at
// its end. All Writers have the same Options.Parts and the same columns.
type Parts struct {
	Column Column // of the further value
	Value  Value  // the further value of the rows of the present Writer
	w      *Writer
}

// part returns the Writer of the document for rows that go to out. The first call makes it.
func (p *Parts) part(out io.Writer, cols []Column, opts Options) (*Writer, error) {
	if p.w != nil {
		p.w.out = out
		return p.w, p.w.err
	}
	opts.Parts, opts.Single = nil, false
	w, err := NewWriter(out, append(slices.Clone(cols), p.Column), opts)
	if err != nil {
		return nil, err
	}
	w.parts, p.w = p, w
	return w, nil
}

// Close ends the document, and writes its rest to out.
func (p *Parts) Close(out io.Writer) error {
	if p.w == nil {
		return nil
	}
	p.w.out, p.w.parts = out, nil
	return p.w.Close()
}

// Flush writes to out the buffered rows of a document that a failure has ended.
func (p *Parts) Flush(out io.Writer) error {
	if p.w == nil {
		return nil
	}
	p.w.out = out
	return p.w.Flush()
}
