package audit

import (
	"fmt"
	"slices"
	"time"

	"tokenctl"
)

// ignores are the entries of the settings that leave out findings.
type ignores struct {
	list  []tokenctl.AuditIgnore
	over  []bool // an entry has ended
	again []bool // an entry that has ended would have left out a finding
	count int    // findings that were left out
}

// CheckIgnore returns a CodeConfigInvalid error for an entry about a rule that does not exist.
func CheckIgnore(list []tokenctl.AuditIgnore) error {
	for _, i := range list {
		if RuleNamed(i.Rule) == nil {
			return &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: fmt.Sprintf("audit.ignore names the rule %q, which does not exist", i.Rule), Hint: "the rules are " + words(RuleIDs())}
		}
	}
	return nil
}

func newIgnores(list []tokenctl.AuditIgnore, now time.Time) (*ignores, error) {
	ig := &ignores{list: list, over: make([]bool, len(list)), again: make([]bool, len(list))}
	for n, i := range list {
		end, err := i.Ends()
		if err != nil {
			return nil, err
		}
		ig.over[n] = !end.IsZero() && !now.Before(end)
	}
	return ig, nil
}

// whole reports whether a rule is ignored with all its findings, so that it need not be checked.
func (ig *ignores) whole(r *Rule) bool {
	for n, i := range ig.list {
		if i.Rule == r.ID && i.ID == "" && !ig.over[n] {
			return true
		}
	}
	return false
}

// match reports whether a finding is ignored.
func (ig *ignores) match(f *Finding) (ignored bool) {
	for n, i := range ig.list {
		if i.Rule != f.Rule.ID || i.ID != "" && !slices.Contains([]string{f.ID, f.UserID, f.User, f.Subject}, i.ID) {
			continue
		}
		ignored = ignored || !ig.over[n]
		ig.again[n] = ig.over[n]
	}
	return ignored
}

// notes are sentences about the entries that ignore a whole rule, and about those that have
// ended although there is a finding.
func (ig *ignores) notes() (notes []string) {
	for n, i := range ig.list {
		if i.ID == "" && !ig.over[n] {
			notes = append(notes, fmt.Sprintf("%s is not checked: [audit] ignores it (%s)", i.Rule, i.Reason))
		}
		if !ig.again[n] {
			continue
		}
		what := i.Rule
		if i.ID != "" {
			what += " of " + i.ID
		}
		notes = append(notes, fmt.Sprintf("%s counts again: it was ignored until %s (%s)", what, i.Until, i.Reason))
	}
	return notes
}
