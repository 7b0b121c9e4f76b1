package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"syscall"
	"time"
)

// Recorded is an entry of the file.
type Recorded struct {
	ID      string
	Time    time.Time
	Outcome string    // Unsettled if there is none
	Settled time.Time // zero: open
	Intent
	missing int // the number of missing lines of the intent
}

// A Problem is a fault in a line that only a later change of the file can explain.
type Problem struct {
	Line int // counted from 1
	What string
}

// State is the result of [Check].
type State struct {
	Lines    int
	Entries  int
	Open     []string // ids of entries, sorted
	Partial  int      // parts of lines, left by processes that were killed
	Head     string   // the hash of the last line
	Before   string   // the name of the file that this one continues; empty: none
	Carried  string   // the hash of the last line there
	Problems []Problem
	Anchored bool // the anchor is the hash of a line, or Carried
}

// Entries yields the entries of the file in the order of their settlements, and the open ones last. It skips
// an intent that was written only in part: no change followed it.
func Entries(path string) iter.Seq2[*Recorded, error] {
	return func(yield func(*Recorded, error) bool) {
		open := map[string]*Recorded{}
		stopped := false
		err := each(path, func(_ int, l line, _ []byte, ok bool) bool {
			at, _ := time.Parse(time.RFC3339Nano, l.Time)
			r := open[l.Entry]
			switch {
			case !ok:
			case l.Part == partIntent && l.Intent != nil:
				open[l.Entry] = &Recorded{ID: l.Entry, Time: at, Outcome: Unsettled, Intent: *l.Intent, missing: l.Lines - 1}
			case r == nil:
			case l.Part == partMore:
				r.IDs, r.missing = append(r.IDs, l.MoreIDs...), r.missing-1
			case l.Part == partSettled:
				r.Outcome, r.Settled = l.Outcome, at
				delete(open, l.Entry)
				stopped = !yield(r, nil)
			}
			return !stopped
		})
		for _, r := range slices.SortedFunc(maps.Values(open), func(a, b *Recorded) int { return a.Time.Compare(b.Time) }) {
			if !stopped && err == nil && r.missing == 0 {
				stopped = !yield(r, nil)
			}
		}
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// Check reads the whole file and finds lines that were removed, changed or moved. With an anchor, which is
// the hash of an earlier line, it also finds that the end of the file was removed.
func Check(path, anchor string) (*State, error) {
	s := &State{Head: zeroHash}
	open := map[string]int{} // the number of lines of the intent that must follow
	problem := func(n int, format string, args ...any) {
		s.Problems = append(s.Problems, Problem{n, fmt.Sprintf(format, args...)})
	}
	err := each(path, func(n int, l line, text []byte, ok bool) bool {
		if s.Lines = n; !ok {
			s.Partial++
			return true
		}
		first := s.Head == zeroHash
		if first && l.Part == partBegin {
			s.Head, s.Carried, s.Before = l.Previous, l.Previous, l.File
			for _, id := range l.Open {
				open[id] = 0
			}
		}
		switch {
		case l.Previous == s.Head:
		case first:
			problem(n, "lines before the first one are missing")
		default:
			problem(n, "the line before it was changed, moved or removed")
		}
		more, known := open[l.Entry]
		switch {
		case l.Part == partBegin && first:
		case l.Part == partIntent && !known:
			s.Entries++
			open[l.Entry] = l.Lines - 1
		case l.Part == partMore && more > 0:
			open[l.Entry]--
		case l.Part == partSettled && known && more == 0:
			delete(open, l.Entry)
		default:
			problem(n, "it does not belong where it is: %s of entry %s", l.Part, l.Entry)
		}
		s.Head = hashOf(text)
		s.Anchored = s.Anchored || s.Head == anchor
		return true
	})
	s.Anchored = s.Anchored || anchor == s.Carried && anchor != ""
	s.Open = slices.Sorted(maps.Keys(open))
	return s, err
}

// each calls f for each line of the file until f returns false. ok reports whether the line is complete.
func each(path string, f func(n int, l line, text []byte, ok bool) bool) error {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // otherwise opening a FIFO would block
	if err != nil {
		return fault(path, "read", err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return fault(path, "read", errors.Join(err, errors.New("it is not a regular file")))
	}
	r := bufio.NewReaderSize(file, 64<<10)
	for n := 1; ; n++ {
		text, err := r.ReadBytes('\n')
		if len(text) > 0 && text[len(text)-1] == '\n' {
			text = text[:len(text)-1]
		}
		if len(text) > 0 || err == nil {
			l, ok := parse(text)
			if !f(n, l, text, ok) {
				return nil
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fault(path, "read", err)
		}
	}
}
