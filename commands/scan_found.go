package commands

import (
	"sync"

	"tokenctl"
	"tokenctl/scan"
	"tokenctl/tokens"
)

// scanned is the result of a scan.
type scanned struct {
	works   bool            // a credential that was found is active
	active  map[string]bool // the ids of active credentials; nil without --blacklist and --rotate
	proved  bool            // a bundle has a found credential, whose status is not known
	total   int
	unread  []string
	refs    tokens.Refs
	skipped []*tokens.Credential // credentials that the verb cannot change
	mu      sync.Mutex
	taken   map[string]bool // the ids of refs and skipped
}

func (s *scanned) add(m *scan.Match) {
	s.total++
	switch m.Status {
	case string(tokens.Active):
		s.works = true
		if s.active != nil {
			s.active[m.ID] = true
		}
	case "":
		s.proved = true
	}
}

// end returns the error that decides the exit status.
func (o *scanOptions) end(found *scanned) error {
	switch n := len(found.unread); {
	case found.works, found.proved:
		return errNo
	case n > 0:
		return &tokenctl.Error{Code: tokenctl.CodePartlyDone, Message: plural(n, "thing", "things") + " could not be read, or not to the end: " + firstOf(found.unread, "; ")}
	}
	return nil
}
