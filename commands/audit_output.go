package commands

import (
	"strings"

	"tokenctl/audit"
	"tokenctl/output"
)

// auditWriter writes an audit's findings in the form asked for.
type auditWriter interface {
	Write(*audit.Finding) error
	Close() error
}

type auditRows struct{ *output.Writer }

func (w auditRows) Write(f *audit.Finding) error { return w.Writer.Write(auditRow(f)) }

func (o *auditOptions) writer() (auditWriter, error) {
	a := o.app
	if a.global.output == sarif {
		if a.global.field != "" || a.global.columns != nil {
			return nil, usage("--field and --columns do not go with -o sarif", "leave them out")
		}
		return auditSARIF{newSARIF(a.Stdout, auditSARIFRules())}, nil
	}
	w, err := output.NewWriter(a.Stdout, auditFindingColumns, a.options(false))
	return auditRows{w}, err
}

// auditSARIF writes findings as results without a place: they are about rows of a database.
type auditSARIF struct{ *sarifWriter }

func auditSARIFRules() (rules []sarifRule) {
	for _, r := range audit.Rules() {
		help := r.ByHand
		if r.Mend != audit.None {
			help = "tokenctl audit --fix " + r.ID
		}
		rules = append(rules, sarifRule{ID: r.ID, Name: r.ID, Short: sarifText{strings.ToUpper(r.Fires[:1]) + r.Fires[1:]}, Help: sarifText{help}})
	}
	return rules
}

// sarifLevels are SARIF's levels of the severities.
var sarifLevels = map[audit.Severity]string{audit.Critical: "error", audit.High: "error", audit.Medium: "warning", audit.Low: "note"}

func (w auditSARIF) Write(f *audit.Finding) error {
	r := sarifResult{RuleID: f.Rule.ID, Level: sarifLevels[f.Severity], Properties: map[string]any{"severity": f.Severity.String()}}
	for name, value := range map[string]string{"kind": f.Kind, "id": f.ID, "user": f.User, "user_id": f.UserID, "fix": f.Fix} {
		if value != "" {
			r.Properties[name] = value
		}
	}
	what := f.ID
	if f.User != "" {
		what = strings.TrimSpace(what + " of the user " + f.User)
	}
	r.Message.Text = output.Visible(f.Message)
	if what != "" {
		r.Message.Text = output.Visible(what) + ": " + r.Message.Text
	}
	return w.sarifWriter.write(&r)
}
