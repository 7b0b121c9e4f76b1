package audit

import (
	"bytes"
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
	parts    map[part][]byte
	kept     int // bytes in parts
	file     *os.File
	size     int64 // of the file
	spans    map[part][]span
	sections []bool // each section; true: its findings are put in the order of their ids
	err      error
}

// part identifies the findings that are stored together.
type part struct {
	severity Severity
	rule     int
	section  int
}

// span is a place in the file.
type span struct{ from, size int64 }

// mostKept is the largest number of bytes of findings in memory.
const mostKept = 4 << 20

func newFindings() *Findings {
	return &Findings{parts: map[part][]byte{}, spans: map[part][]span{}, sections: []bool{false}}
}

// section begins a section. Findings of a rule stay in the order of their sections. Within a section they are
// in the order in which they are found, or with byID in the order of the ids of their credentials.
func (f *Findings) section(byID bool) { f.sections = append(f.sections, byID) }

func (f *Findings) add(v *Finding) {
	at := part{v.Severity, v.Rule.place(), len(f.sections) - 1}
	b := f.parts[at]
	before := len(b)
	b = v.append(b)
	f.parts[at] = b
	if f.kept += len(b) - before; f.kept > mostKept && f.err == nil {
		f.err = f.spill()
	}
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
		if _, err := f.file.WriteAt(f.ordered(at, b), f.size); err != nil {
			return fmt.Errorf("cannot write the findings to a temporary file: %w", err)
		}
		f.spans[at] = append(f.spans[at], span{f.size, int64(len(b))})
		f.size += int64(len(b))
		f.parts[at] = b[:0]
	}
	f.kept = 0
	return nil
}

// ordered returns the findings of a part that are in memory, in the order of their section.
func (f *Findings) ordered(at part, b []byte) []byte {
	if !f.sections[at.section] {
		return b
	}
	return sortByID(b)
}

// Close closes the temporary file, and so removes it.
func (f *Findings) Close() {
	if f.file != nil {
		f.file.Close() //nolint:errcheck // it was only for this run
	}
}

// All yields the findings by severity, then by rule, then in the order of the sections. An error is about the
// temporary file.
func (f *Findings) All() iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		if f.err != nil {
			yield(Finding{}, f.err)
			return
		}
		for s := Critical; s >= Low; s-- {
			for place, rule := range rules {
				for section := range f.sections {
					for v, err := range f.of(part{s, place, section}) {
						v.Rule, v.Severity = rule, s
						if !yield(v, err) || err != nil {
							return
						}
					}
				}
			}
		}
	}
}

// of yields the findings of a part. Their rule and severity are not set.
func (f *Findings) of(at part) iter.Seq2[Finding, error] {
	var readers []io.Reader
	for _, s := range f.spans[at] {
		readers = append(readers, io.NewSectionReader(f.file, s.from, s.size))
	}
	if b := f.parts[at]; len(b) > 0 {
		readers = append(readers, bytes.NewReader(f.ordered(at, b)))
	}
	if !f.sections[at.section] && len(readers) > 1 {
		readers = []io.Reader{io.MultiReader(readers...)}
	}
	return merged(readers)
}
