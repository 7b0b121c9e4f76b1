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

// Baseline is the set of known findings. It holds no secret.
type Baseline struct{ known map[known]bool }

// known identifies a finding from one run to the next. It has none of the finding's numbers.
type known struct {
	Rule   string `json:"rule"`
	Kind   string `json:"kind,omitempty"`
	ID     string `json:"id,omitempty"`
	UserID string `json:"user_id,omitempty"`
	About  string `json:"about,omitempty"` // the thing, if it is no credential and no user
}

// known returns the identity of the finding in a baseline.
func (f *Finding) known() known {
	k := known{f.Rule.ID, f.Kind, f.ID, f.UserID, f.Subject}
	if f.ID == "" && f.UserID == "" && f.Subject == "" {
		k.About = f.User // a name that several users have
	}
	return k
}

// text returns the text by which the identities are ordered.
func (k known) text() string {
	return strings.Join([]string{k.Rule, k.Kind, k.ID, k.UserID, k.About}, "\x00")
}

// baselineFile is the content of the file of a baseline.
type baselineFile struct {
	SchemaVersion int     `json:"schema_version"`
	Findings      []known `json:"findings"`
}

// NewBaseline returns a baseline without findings.
func NewBaseline() *Baseline { return &Baseline{known: map[known]bool{}} }

// ReadBaseline reads the text that JSON writes. For another text it returns a CodeConfigInvalid error.
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

// Len returns the number of known findings.
func (b *Baseline) Len() int { return len(b.known) }

// Has reports whether the baseline knows a finding.
func (b *Baseline) Has(f *Finding) bool { return b.known[f.known()] }

// Gone returns the known findings that a run did not find, in the order of the rules. It leaves out rules that
// the run did not check. The findings have no message.
func (b *Baseline) Gone(r *Result) ([]Finding, error) {
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

// Update returns the baseline after a run: the findings of the run, and the known findings of rules that the
// run did not check.
func (b *Baseline) Update(r *Result) (*Baseline, error) {
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

// JSON returns the text of the file. The same findings give the same text.
func (b *Baseline) JSON() ([]byte, error) {
	list := slices.SortedFunc(maps.Keys(b.known), func(a, b known) int { return strings.Compare(a.text(), b.text()) })
	if list == nil {
		list = []known{}
	}
	text, err := json.MarshalIndent(baselineFile{baselineSchema, list}, "", "  ")
	return append(text, '\n'), err
}
