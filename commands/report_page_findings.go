package commands

import (
	"fmt"
	"slices"
	"strings"

	"tokenctl/audit"
	"tokenctl/output"
)

// This file has the sections of the page about findings.

// changes appends the differences from the baseline.
func (s *pageSections) changes() {
	p := s.page
	p.Heading(s.level, "", "Since the baseline")
	table := output.PageTable{Caption: "Findings by severity", Header: []string{"severity", "new", "known", "no longer found"}, Numbers: 3}
	for _, name := range audit.Severities() {
		var fresh, known, gone int
		severity := audit.SeverityNamed(name)
		for _, r := range s.rules {
			if r.severity == severity {
				fresh, known = fresh+r.new, known+r.total-r.new
			}
		}
		for _, f := range s.gone {
			if f.Severity == severity {
				gone++
			}
		}
		table.Rows = append(table.Rows, []string{name, number(fresh), number(known), number(gone)})
	}
	p.Table(table)
	p.Heading(s.level+1, "", "No longer found")
	if s.gone == nil {
		p.Text("Everything that the baseline knows is still there.")
		return
	}
	p.Text("The baseline knows these, and this run did not find them.")
	var list []output.Entry
	for _, f := range s.gone[:min(len(s.gone), listedFindings)] {
		list = append(list, entry(&f, f.Rule.ID))
	}
	p.Entries(list)
	s.more(len(s.gone), "")
}

// entry returns the entry of a list for a finding, with a text.
func entry(f *audit.Finding, text string) output.Entry {
	e := output.Entry{Name: f.ID, Of: f.User, Text: text, Command: f.Fix}
	switch {
	case e.Of == "" && f.UserID != "":
		e.Of = "user " + f.UserID
	case e.Of == "" && e.Name == "":
		e.Of = f.Subject
	}
	return e
}

// more says that a list is not complete. It shows the command that lists the rest, if command is not empty.
func (s *pageSections) more(total int, command string) {
	if total <= listedFindings {
		return
	}
	text := fmt.Sprintf("%d of %s are listed.", listedFindings, number(total))
	if command == "" {
		s.page.Text(text)
		return
	}
	s.page.Command(text+" All of them:", command)
}

// findings appends the findings by severity and rule.
func (s *pageSections) findings(found severityCounts) {
	p := s.page
	p.Heading(s.level, "", "Findings")
	if s.rules == nil {
		p.Text("No findings.")
	}
	for i, r := range s.rules {
		if i == 0 || s.rules[i-1].severity != r.severity {
			p.Heading(s.level+1, r.severity.String(), fmt.Sprintf("%s findings: %s", r.severity, number(found[r.severity])))
		}
		s.rule(r)
	}
	s.unchecked()
}

// rule appends the findings of one rule and one severity.
func (s *pageSections) rule(r *ruleFindings) {
	p := s.page
	title := r.rule.ID + ": " + number(r.total)
	if r.new > 0 {
		title += ", " + number(r.new) + " new"
	}
	p.Heading(s.level+2, "", title)
	p.Text(strings.ToUpper(r.rule.Fires[:1]) + r.rule.Fires[1:] + ".")
	if r.rule.Mend != audit.None {
		p.Command("To mend all of them:", s.again+" audit --fix "+r.rule.ID)
	} else {
		p.Text("To mend: " + r.rule.ByHand + ".")
	}
	// If all of them have the same message, the page shows it once.
	same := len(r.listed) > 1 && !slices.ContainsFunc(r.listed, func(f listedFinding) bool { return f.Message != r.listed[0].Message })
	if same {
		p.Text("Each of them: " + r.listed[0].Message + ".")
	}
	var list []output.Entry
	for _, f := range r.listed {
		text := f.Message
		if same {
			text = ""
		}
		e := entry(&f.Finding, text)
		if f.new {
			e.Mark = "new"
		}
		list = append(list, e)
	}
	p.Entries(list)
	s.more(r.total, s.again+" audit --rule "+r.rule.ID)
}

// unchecked appends the rules without a finding, the number of ignored findings, the notes, and the rules that
// could not be checked.
func (s *pageSections) unchecked() {
	p := s.page
	p.Heading(s.level+1, "", "Rules")
	var clean []string
	for _, rule := range s.audited.Checked {
		if !slices.ContainsFunc(s.rules, func(r *ruleFindings) bool { return r.rule == rule }) {
			clean = append(clean, rule.ID)
		}
	}
	if clean != nil {
		p.Text("Checked, without a finding: " + strings.Join(clean, ", ") + ".")
	}
	if n := s.audited.Ignored; n > 0 {
		p.Text(plural(n, "finding is ignored", "findings are ignored") + " by [audit] in " + s.app.toml + ".")
	}
	for _, note := range s.audited.Notes {
		p.Text("Note: " + note + ".")
	}
	if s.audited.Skipped == nil {
		return
	}
	table := output.PageTable{Caption: "Rules that could not be checked", Header: []string{"rule", "reason"}}
	for _, skipped := range s.audited.Skipped {
		table.Rows = append(table.Rows, []string{skipped.Rule.ID, skipped.Reason})
	}
	p.Table(table)
}
