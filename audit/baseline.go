package audit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"tokenctl"
)

// baselineSchema is the version of a baseline's JSON.
const baselineSchema = 1

// Baseline are the findings that are known. It holds no secret.
type Baseline struct{ known map[known]bool }

// known is what makes a finding the same one the next time: not its numbers.
type known struct {
	Rule   string `json:"rule"`
	Kind   string `json:"kind,omitempty"`
	ID     string `json:"id,omitempty"`
	UserID string `json:"user_id,omitempty"`
	About  string `json:"about,omitempty"` // the thing, where it is no credential and no user
}

// known is the finding as a baseline has it.
func (f *Finding) known() known {
	k := known{f.Rule.ID, f.Kind, f.ID, f.UserID, f.Subject}
	if f.ID == "" && f.UserID == "" && f.Subject == "" {
		k.About = f.User // a name of several users
	}
	return k
}

// text orders what is known.
func (k known) text() string {
	return strings.Join([]string{k.Rule, k.Kind, k.ID, k.UserID, k.About}, "\x00")
}

// baselineFile is the file of a baseline.
type baselineFile struct {
	SchemaVersion int     `json:"schema_version"`
	Findings      []known `json:"findings"`
}

// NewBaseline knows nothing.
func NewBaseline() *Baseline { return &Baseline{known: map[known]bool{}} }

// ReadBaseline reads what JSON wrote.
func ReadBaseline(text []byte) (*Baseline, error) {
	var file baselineFile
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil || file.SchemaVersion != baselineSchema {
		return nil, &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: "it is not a baseline of this version of tokenctl", Hint: "make it again: tokenctl audit --baseline FILE --update-baseline"}
	}
	b := NewBaseline()
	for _, k := range file.Findings {
		b.known[k] = true
	}
	return b, nil
}

// Len is how many findings are known.
func (b *Baseline) Len() int { return len(b.known) }

// Has reports whether the baseline knows a finding.
func (b *Baseline) Has(f *Finding) bool { return b.known[f.known()] }

// Gone are the findings that the baseline knows of rules that a run checked, and that the run did
// not find, by rule. They have no message.
func (b *Baseline) Gone(r *Report) ([]Finding, error) {
	found := map[known]bool{}
	for f, err := range r.All() {
		if err != nil {
			return nil, err
		}
		if k := f.known(); b.known[k] {
			found[k] = true
		}
	}
	var gone []Finding
	for k := range b.known {
		rule := RuleNamed(k.Rule)
		if !found[k] && slices.Contains(r.Checked, rule) {
			gone = append(gone, Finding{Rule: rule, Severity: rule.Severity, Kind: k.Kind, ID: k.ID, UserID: k.UserID, Subject: k.About})
		}
	}
	slices.SortFunc(gone, func(x, y Finding) int {
		return cmp.Or(cmp.Compare(x.Rule.place(), y.Rule.place()), strings.Compare(x.known().text(), y.known().text()))
	})
	return gone, nil
}

// Update returns the baseline after a run: what the run found, and what is known of rules that it
// did not check.
func (b *Baseline) Update(r *Report) (*Baseline, error) {
	next := NewBaseline()
	for f, err := range r.All() {
		if err != nil {
			return nil, err
		}
		next.known[f.known()] = true
	}
	for k := range b.known {
		if !slices.ContainsFunc(r.Checked, func(rule *Rule) bool { return rule.ID == k.Rule }) {
			next.known[k] = true
		}
	}
	return next, nil
}

// JSON is the text of the file: the same findings give the same text.
func (b *Baseline) JSON() ([]byte, error) {
	list := slices.SortedFunc(maps.Keys(b.known), func(a, b known) int { return strings.Compare(a.text(), b.text()) })
	if list == nil {
		list = []known{}
	}
	text, err := json.MarshalIndent(baselineFile{baselineSchema, list}, "", "  ")
	return append(text, '\n'), err
}
