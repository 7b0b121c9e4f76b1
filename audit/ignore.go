package audit

import (
	"fmt"
	"slices"
	"time"

	"tokenctl"
)

// ignores holds the entries of the settings that leave out findings.
type ignores struct {
	list  []tokenctl.AuditIgnore
	over  []bool // the entry has ended
	again []bool // the entry has ended, and there is a finding for it
	count int    // the number of ignored findings
}

// CheckIgnore returns a CodeConfigInvalid error for an entry that names a rule that does not exist.
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

// whole reports whether the settings ignore all findings of a rule, so that the audit need not check the rule.
func (ig *ignores) whole(r *Rule) bool {
	for n, i := range ig.list {
		if i.Rule == r.ID && i.ID == "" && !ig.over[n] {
			return true
		}
	}
	return false
}

// match reports whether the settings ignore a finding. It also marks the ended entries that are about the
// finding.
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

// notes returns sentences about the entries that ignore a whole rule, and about the ended entries for which
// there is a finding.
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
