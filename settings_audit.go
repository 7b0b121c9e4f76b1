package tokenctl

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// AuditSettings are the thresholds of tokenctl audit, and the findings that it leaves out. A
// threshold that is not given is the default.
type AuditSettings struct {
	DormantOwner Duration      `toml:"dormant_owner"` // since an owner's last login
	OldToken     Duration      `toml:"old_token"`     // since a credential was made
	LongLife     Duration      `toml:"long_life"`     // from a credential's creation to its end
	NeverUsed    Duration      `toml:"never_used"`    // since a credential was made that was not used
	ManyTokens   int           `toml:"many_tokens"`   // live credentials of a kind for one user
	ExpiryCliff  int           `toml:"expiry_cliff"`  // percent of the live credentials that expire within a day
	ClockSkew    Duration      `toml:"clock_skew"`    // between the database's clock and this machine's
	Ignore       []AuditIgnore `toml:"ignore"`        // { rule, id, reason, until }: what to leave out
}

// AuditIgnore is a finding, or several, that audit leaves out.
type AuditIgnore struct {
	Rule   string `toml:"rule"`
	ID     string `toml:"id"` // of the credential or user, or the thing that the finding names; empty: all findings of the rule
	Reason string `toml:"reason"`
	Until  string `toml:"until"` // the last day, such as 2026-12-31; empty: for good
}

// Ends is the moment from which the findings count again; zero: never.
func (i AuditIgnore) Ends() (time.Time, error) {
	if i.Until == "" {
		return time.Time{}, nil
	}
	last, err := time.Parse(time.DateOnly, i.Until)
	return last.AddDate(0, 0, 1), err
}

// WithDefaults returns the settings with all thresholds filled in.
func (a AuditSettings) WithDefaults() AuditSettings {
	a.DormantOwner = cmp.Or(a.DormantOwner, Duration{180 * day})
	a.OldToken, a.LongLife = cmp.Or(a.OldToken, Duration{365 * day}), cmp.Or(a.LongLife, Duration{365 * day})
	a.NeverUsed, a.ClockSkew = cmp.Or(a.NeverUsed, Duration{90 * day}), cmp.Or(a.ClockSkew, Duration{5 * time.Second})
	a.ManyTokens, a.ExpiryCliff = cmp.Or(a.ManyTokens, 10), cmp.Or(a.ExpiryCliff, 10)
	return a
}

// Validate returns a [CodeConfigInvalid] error for a threshold that is out of range, or a finding
// that is left out without a rule or a reason.
func (a AuditSettings) Validate() error {
	if a.ManyTokens < 0 {
		return &Error{Code: CodeConfigInvalid, Message: "audit.many_tokens must be at least 1"}
	}
	if a.ExpiryCliff < 0 || a.ExpiryCliff > 100 {
		return &Error{Code: CodeConfigInvalid, Message: "audit.expiry_cliff is a percentage: it must lie between 1 and 100"}
	}
	for n, i := range a.Ignore {
		name := fmt.Sprintf("entry %d of audit.ignore", n+1)
		if strings.TrimSpace(i.Rule) == "" {
			return &Error{Code: CodeConfigInvalid, Message: name + " has no rule", Hint: `write { rule = "old-token", id = "drf:7@1f0c3a55", reason = "…", until = "2026-12-31" }`}
		}
		if strings.TrimSpace(i.Reason) == "" {
			return &Error{Code: CodeConfigInvalid, Message: name + ", for " + i.Rule + ", has no reason", Hint: "say why the finding is acceptable: reason = \"…\""}
		}
		if _, err := i.Ends(); err != nil {
			return &Error{Code: CodeConfigInvalid, Message: name + ", for " + i.Rule + ": until is no date", Hint: `write until = "2026-12-31"`}
		}
	}
	return nil
}
