package audit

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// Finding is one thing that is wrong.
type Finding struct {
	Rule     *Rule
	Severity Severity // the severity of the rule, unless this finding matters less
	Kind     string   // of the credential; empty: the finding is about none
	ID       string   // of the credential
	User     string
	UserID   string
	Subject  string // the name of the thing, if it is no credential and no user
	Message  string // the fault, and why it matters; never a secret
	Fix      string // the command of tokenctl that mends the finding; empty: there is none
}

// Findings holds the findings of an audit, the most severe first. A million credentials may have a million
// findings, so most of them are in a temporary file.
type Findings struct {
	parts map[part][]byte
	kept  int // bytes in parts
	file  *os.File
	size  int64 // of the file
	spans map[part][]span
	err   error
}

// part identifies the findings that are stored together.
type part struct {
	severity Severity
	rule     int
}

// span is a place in the file.
type span struct{ from, size int64 }

// mostKept is the largest number of bytes of findings in memory.
const mostKept = 4 << 20

func newFindings() *Findings {
	return &Findings{parts: map[part][]byte{}, spans: map[part][]span{}}
}

func (f *Findings) add(v *Finding) {
	at := part{v.Severity, v.Rule.place()}
	b := f.parts[at]
	before := len(b)
	for _, text := range v.texts() {
		b = binary.AppendUvarint(b, uint64(len(*text)))
		b = append(b, *text...)
	}
	f.parts[at] = b
	if f.kept += len(b) - before; f.kept > mostKept && f.err == nil {
		f.err = f.spill()
	}
}

func (v *Finding) texts() [7]*string {
	return [...]*string{&v.Kind, &v.ID, &v.User, &v.UserID, &v.Subject, &v.Message, &v.Fix}
}

// spill moves the findings from memory to the file. The file has no name, so nothing of it remains after the
// run.
func (f *Findings) spill() error {
	if f.file == nil {
		file, err := os.CreateTemp("", "tokenctl-audit-*") // mode 0600
		if err != nil {
			return fmt.Errorf("there are too many findings to keep in memory: %w", err)
		}
		f.file = file
		if err := os.Remove(file.Name()); err != nil {
			return err
		}
	}
	for at, b := range f.parts {
		if _, err := f.file.WriteAt(b, f.size); err != nil {
			return fmt.Errorf("cannot write the findings to a temporary file: %w", err)
		}
		f.spans[at] = append(f.spans[at], span{f.size, int64(len(b))})
		f.size += int64(len(b))
		f.parts[at] = b[:0]
	}
	f.kept = 0
	return nil
}

// Close closes the temporary file, and so removes it.
func (f *Findings) Close() {
	if f.file != nil {
		f.file.Close() //nolint:errcheck // it was only for this run
	}
}

// All yields the findings by severity, then by rule, then in the order in which they were found. An error is
// about the temporary file.
func (f *Findings) All() iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		if f.err != nil {
			yield(Finding{}, f.err)
			return
		}
		for s := Critical; s >= Low; s-- {
			for place, rule := range rules {
				for v, err := range f.of(part{s, place}) {
					v.Rule, v.Severity = rule, s
					if !yield(v, err) || err != nil {
						return
					}
				}
			}
		}
	}
}

// of yields the findings of a part. Their rule and severity are not set.
func (f *Findings) of(at part) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		var readers []io.Reader
		for _, s := range f.spans[at] {
			readers = append(readers, io.NewSectionReader(f.file, s.from, s.size))
		}
		r := bufio.NewReader(io.MultiReader(append(readers, bytes.NewReader(f.parts[at]))...))
		for {
			var v Finding
			for i, text := range v.texts() {
				n, err := binary.ReadUvarint(r)
				if err == io.EOF && i == 0 {
					return
				}
				b := make([]byte, n)
				if err == nil {
					_, err = io.ReadFull(r, b)
				}
				if err != nil {
					yield(v, errors.Join(errors.New("cannot read the findings from a temporary file"), err))
					return
				}
				*text = string(b)
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}
