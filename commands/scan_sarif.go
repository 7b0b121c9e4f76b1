package commands

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"tokenctl/output"
	"tokenctl/scan"
	"tokenctl/tokens"
)

// sarifWriter writes findings as SARIF 2.1.0 (OASIS, 2020), one result each. It streams:
// the results are the last property of the run.
type sarifWriter struct {
	to    *bufio.Writer
	rules []sarifRule
	rows  int
}

func newSARIF(to io.Writer, rules []sarifRule) *sarifWriter {
	return &sarifWriter{to: bufio.NewWriter(to), rules: rules}
}

// scanSARIF writes what scan found.
type scanSARIF struct{ *sarifWriter }

func newScanSARIF(to io.Writer) scanSARIF {
	var rules []sarifRule
	for _, k := range tokens.Kinds() {
		rules = append(rules, sarifRule{ID: "live-" + k.Name, Name: "live-" + k.Name, Short: sarifText{"A secret of " + k.Title + " that the application has"},
			Help: sarifText{"Blacklist it: tokenctl scan --blacklist. Then remove it from the file."}})
	}
	return scanSARIF{newSARIF(to, rules)}
}

const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

type sarifText struct {
	Text string `json:"text"`
}

// sarifRule is a reportingDescriptor.
type sarifRule struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Short sarifText `json:"shortDescription"`
	Help  sarifText `json:"help"`
}

type sarifResult struct {
	RuleID     string          `json:"ruleId"`
	Level      string          `json:"level"`
	Message    sarifText       `json:"message"`
	Locations  []sarifLocation `json:"locations,omitempty"`
	Properties map[string]any  `json:"properties"`
}

type sarifLocation struct {
	Physical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region struct {
			Line   int `json:"startLine"`
			Column int `json:"startColumn"`
		} `json:"region"`
	} `json:"physicalLocation"`
}

func (w *sarifWriter) begin() error {
	driver := map[string]any{"name": "tokenctl", "rules": w.rules}
	if v := buildInfo().version; v != "" {
		driver["version"] = v
	}
	tool, err := json.Marshal(map[string]any{"driver": driver})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.to, `{"$schema":%q,"version":"2.1.0","runs":[{"tool":%s,"columnKind":"unicodeCodePoints","results":[`, sarifSchema, tool)
	return err
}

// write writes a result.
func (w *sarifWriter) write(r *sarifResult) error {
	if w.rows == 0 {
		if err := w.begin(); err != nil {
			return err
		}
	} else {
		w.to.WriteByte(',') //nolint:errcheck // the next write returns it
	}
	w.rows++
	text, err := json.Marshal(r)
	if err == nil {
		_, err = w.to.Write(text)
	}
	return err
}

// Write writes a finding.
func (w scanSARIF) Write(f *scan.Finding) error {
	m := f.Match
	r := sarifResult{RuleID: "live-" + m.Kind, Level: "error", Properties: map[string]any{"kind": m.Kind, "form": f.Form.String()}}
	if m.Status != "" && m.Status != string(tokens.Active) {
		r.Level = "note"
	}
	what := "a secret of kind " + m.Kind
	if m.ID != "" {
		what = m.ID
	}
	r.Message.Text = "The secret of " + output.Visible(what)
	if m.User != "" {
		r.Message.Text += " of the user " + output.Visible(m.User)
	}
	r.Message.Text += " is here (" + f.Form.String() + ")"
	for name, value := range map[string]string{"id": m.ID, "type": m.Type, "user": m.User, "user_id": m.UserID, "status": m.Status, "commit": f.Commit} {
		if value != "" {
			r.Properties[name] = value
		}
	}
	var at sarifLocation
	at.Physical.Artifact.URI = fileURI(f.Path)
	at.Physical.Region.Line, at.Physical.Region.Column = f.Line, f.Column
	r.Locations = []sarifLocation{at}
	return w.write(&r)
}

// fileURI returns a path as a URI reference (RFC 3986).
func fileURI(path string) string {
	u := url.URL{Path: path}
	if strings.HasPrefix(path, "/") {
		u.Scheme = "file"
	}
	return u.String()
}

// Flush writes the buffered text.
func (w *sarifWriter) Flush() error { return w.to.Flush() }

// Close ends the document.
func (w *sarifWriter) Close() error {
	if w.rows == 0 {
		if err := w.begin(); err != nil {
			return err
		}
	}
	if _, err := w.to.WriteString("]}]}\n"); err != nil {
		return err
	}
	return w.to.Flush()
}
