// Package scan finds live secrets in files, archives and git repositories.
//
// A reader (files.go, container.go, git.go) passes texts to the finder (find.go). The
// finder cuts out words with the shape of a secret, also from encoded text (escape.go,
// base64.go, utf16.go). Each word is a candidate. The judge (judge.go) looks up the
// candidates, many at a time. Only a credential becomes a finding: a shape proves nothing.
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

// Form is the encoding of a secret in a text.
type Form uint8

// The forms. If a secret is encoded several times, the outermost encoding counts.
const (
	Plain Form = iota
	Base64
	URL
	QuotedPrintable
	JSON
	UTF16
)

// String returns the form's name in findings.
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

// Match describes a found credential. With a bundle only the kind is known; the other fields are empty.
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

// Members returns the credentials of each candidate, in the order of the candidates. A secret may belong to two
// kinds.
type Members func(ctx context.Context, list []Candidate) ([][]*Match, error)

// Options are the settings of a scan.
type Options struct {
	Shapes  *Shapes
	Members Members
	// Found is called with the findings, sorted by path and place. A scan with more than a million
	// findings calls it several times.
	Found func([]Finding) error
	// Unread is called with each path that could not be read, or not to the end, and with the reason.
	Unread func(path, why string)

	All     bool     // also search files that .gitignore excludes
	Exclude []string // patterns as in a .gitignore
	MaxSize int64    // of a file or member, in bytes; 0: no limit
	Own     []string // the real paths of the database's files, which are not searched
}

// Counts show the progress of a scan. They may be read during the scan.
type Counts struct {
	Bytes      atomic.Int64 // searched bytes, after unpacking
	Candidates atomic.Int64 // candidates that were looked up
	Found      atomic.Int64
	Skipped    atomic.Int64 // files and members larger than MaxSize
}

// Scanner is one scan.
type Scanner struct {
	Counts  Counts
	options Options
	judge   judge
	locate  func(context.Context, []Finding) ([]Finding, error) // in the history of a git repository

	unreadMu sync.Mutex
	unread   map[string]bool // reported paths
}

// New prepares a scan.
func New(o Options) *Scanner {
	s := &Scanner{options: o, unread: map[string]bool{}}
	s.judge.scanner = s
	s.judge.init()
	return s
}

// Finish looks up the last candidates and delivers the last findings.
func (s *Scanner) Finish(ctx context.Context) error {
	if err := s.judge.settle(ctx); err != nil {
		return err
	}
	return s.judge.deliver(ctx)
}

// cannot reports once that a path could not be read.
func (s *Scanner) cannot(path, why string) {
	s.unreadMu.Lock()
	defer s.unreadMu.Unlock()
	if key := path + "\x00" + why; !s.unread[key] {
		s.unread[key] = true
		s.options.Unread(path, why)
	}
}

// sorted sorts findings, and drops duplicates, which the overlap of two windows causes.
func sorted(list []Finding) []Finding {
	slices.SortFunc(list, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Commit, b.Commit), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Match.ID, b.Match.ID), strings.Compare(a.Match.Kind, b.Match.Kind), cmp.Compare(a.Form, b.Form))
	})
	return slices.CompactFunc(list, func(a, b Finding) bool {
		return a.Path == b.Path && a.Commit == b.Commit && a.Line == b.Line && a.Column == b.Column && a.Match.ID == b.Match.ID && a.Match.Kind == b.Match.Kind
	})
}

// Kinds is a set of kinds of credentials.
type Kinds uint8

// kindOrder are the kinds in the order of their bits.
var kindOrder = tokens.Kinds()

// kindBit returns the set of one kind.
func kindBit(k *tokens.Kind) Kinds { return 1 << slices.Index(kindOrder, k) }

// Has reports whether the kind is in the set.
func (s Kinds) Has(k *tokens.Kind) bool { return s&kindBit(k) != 0 }
