// Package scan finds live secrets in files, archives and git repositories.
//
// A reader (files.go, container.go, git.go) hands texts to the finder (find.go). The
// finder cuts words of a secret's shape out of them, also out of what is encoded
// (escape.go, base64.go, utf16.go). A word is a candidate; the judge (judge.go) asks once
// about each candidate, many at a time, whether it is a credential. Only what is one
// becomes a finding: a shape alone proves nothing.
package scan

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"tokenctl/tokens"
)

// Form is how a secret is written where it was found.
type Form uint8

// The forms. Of a secret that is encoded several times over, the outermost counts.
const (
	Plain Form = iota
	Base64
	URL
	QuotedPrintable
	JSON
	UTF16
)

func (f Form) String() string {
	return [...]string{"plain", "base64", "url", "quoted-printable", "json", "utf-16"}[f]
}

// Finding is one place of one credential.
type Finding struct {
	Path   string
	Line   int // from 1
	Column int // in bytes, from 1
	Commit string
	Form   Form
	Match  *Match

	source *source
}

// Match is what is said of a credential that was found. Of one that only a bundle knows
// all but the kind is empty.
type Match struct {
	Kind, Type, ID, User, UserID string
	Status                       string
	Staff, Superuser             *bool
}

// Candidate is a word that has the shape of a secret.
type Candidate struct {
	Text  string
	Kinds Kinds
}

// Members tells which candidates are credentials, in their order. A secret may belong to
// two kinds.
type Members func(ctx context.Context, list []Candidate) ([][]*Match, error)

// Options are what a scan looks for and what it passes over.
type Options struct {
	Shapes  *Shapes
	Members Members
	// Found gets the findings, by path and place. A scan with more than a million gets
	// them in several parts.
	Found func([]Finding) error
	// Unread is told what could not be read, or not to the end, and why.
	Unread func(path, why string)

	All     bool     // also what .gitignore excludes
	Exclude []string // patterns as in a .gitignore
	MaxSize int64    // of a file or member, in bytes; 0: any
	Own     []string // the real paths of files where secrets belong
}

// Counts are how far a scan is. They may be read while it goes on.
type Counts struct {
	Bytes      atomic.Int64 // that were searched, those of archives unpacked
	Candidates atomic.Int64 // that were looked up
	Found      atomic.Int64
	Skipped    atomic.Int64 // files and members that are larger than MaxSize
}

// Scanner is one scan.
type Scanner struct {
	Counts  Counts
	options Options
	judge   judge
	locate  func(context.Context, []Finding) ([]Finding, error) // in the history of a git repository

	unreadMu sync.Mutex
	unread   map[string]bool // what was told
}

// New prepares a scan.
func New(o Options) *Scanner {
	s := &Scanner{options: o, unread: map[string]bool{}}
	s.judge.scanner = s
	s.judge.init()
	return s
}

// Finish looks up what is left and hands over the last findings.
func (s *Scanner) Finish(ctx context.Context) error {
	if err := s.judge.settle(ctx); err != nil {
		return err
	}
	return s.judge.deliver(ctx)
}

// cannot tells once that something could not be read.
func (s *Scanner) cannot(path, why string) {
	s.unreadMu.Lock()
	defer s.unreadMu.Unlock()
	if key := path + "\x00" + why; !s.unread[key] {
		s.unread[key] = true
		s.options.Unread(path, why)
	}
}

// sorted orders findings, and drops those that were found twice where two windows of a
// text overlap.
func sorted(list []Finding) []Finding {
	slices.SortFunc(list, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Commit, b.Commit), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Match.ID, b.Match.ID), strings.Compare(a.Match.Kind, b.Match.Kind), cmp.Compare(a.Form, b.Form))
	})
	return slices.CompactFunc(list, func(a, b Finding) bool {
		return a.Path == b.Path && a.Commit == b.Commit && a.Line == b.Line && a.Column == b.Column && a.Match.ID == b.Match.ID && a.Match.Kind == b.Match.Kind
	})
}

// Kinds is a set of kinds that a word can be a secret of.
type Kinds uint8

// kindOrder are the kinds by their bits.
var kindOrder = tokens.Kinds()

// kindBit is the set of one kind.
func kindBit(k *tokens.Kind) Kinds { return 1 << slices.Index(kindOrder, k) }

// Has reports whether the kind is in the set.
func (s Kinds) Has(k *tokens.Kind) bool { return s&kindBit(k) != 0 }
