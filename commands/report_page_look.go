package commands

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokenctl/audit"
	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

// pageDays is the number of days, from today on, that have a column of their own: 13 weeks, a quarter of a
// year.
const pageDays = 13 * 7

// pageHolders is the number of users with the most credentials that the page names.
const pageHolders = 10

// listedFindings is the largest number of findings that the page lists of one rule.
const listedFindings = 10

// pageSections holds the content of the page about one schema.
type pageSections struct {
	app      *App
	page     *output.Page
	level    int // of the headings of the sections
	again    string
	now      time.Time
	kinds    []*tokens.Kind
	calendar *tokens.Calendar
	counts   []statsCount // as stats counts them
	days     []int64      // active credentials that expire on each of the reportDays days
	holders  []tokens.Holder
	audited  *audit.Result
	rules    []*ruleFindings
	baseline bool
	gone     []audit.Finding // known to the baseline, and not found by this run
}

// ruleFindings holds the findings of one rule and one severity.
type ruleFindings struct {
	rule       *audit.Rule
	severity   audit.Severity
	total, new int
	listed     []listedFinding // at most listedFindings, the new findings first
}

type listedFinding struct {
	audit.Finding
	new bool
}

// look reads the database or one schema, and appends the result to the page.
func (o *reportPage) look(c *cobra.Command) error {
	a, ctx := o.app, c.Context()
	known, err := o.audit.readBaseline()
	if err != nil {
		return err
	}
	options, err := o.audit.options(ctx, c)
	if err != nil {
		return err
	}
	store := a.store
	s := &pageSections{app: a, page: &o.page, level: 2, again: options.Command, now: store.Now(), calendar: tokens.CalendarOf(store.Now(), pageDays),
		days: make([]int64, pageDays), baseline: o.audit.baseline != ""}
	counted, err := tokens.Count(ctx, a.env(), store, options.Selector.Kinds, s.calendar.Limits)
	if err != nil {
		return err
	}
	s.count(counted)
	if s.holders, err = tokens.Holders(ctx, a.env(), store, options.Selector.Kinds, pageHolders); err != nil {
		return err
	}
	if s.audited, err = audit.Run(ctx, a.env(), store, options); err != nil {
		return err
	}
	defer s.audited.Close()
	found, err := s.find(known, max(audit.SeverityNamed(o.audit.severity), audit.Low))
	if err != nil {
		return err
	}
	if s.gone, err = known.Gone(s.audited); err != nil {
		return err
	}
	for severity, n := range found {
		o.found[severity] += n
	}
	if o.page.Title == "" {
		o.begin(s.now)
	}
	if a.schemas != nil {
		s.page.Heading(2, "", "Schema "+a.schemas.name)
		s.level = 3
	}
	s.write(found)
	return a.writeAsked(reportPageColumns, [][]output.Value{s.row(o.path, found)}, true)
}

// begin sets the title and the facts of the page.
func (o *reportPage) begin(now time.Time) {
	a, p := o.app, &o.page
	p.Title = "Credential report: " + a.database.String()
	p.Facts = []output.Fact{{Name: "Database", Value: a.database.URL()}, {Name: "Time", Value: now.UTC().Format("2006-01-02 15:04 UTC")}, {Name: "Made by", Value: "tokenctl " + buildInfo().version}}
	for _, f := range []output.Fact{{Name: "Settings", Value: a.toml}, {Name: "Only kinds", Value: strings.Join(o.audit.selector.kinds, ", ")},
		{Name: "Only rules", Value: strings.Join(o.audit.rules, ", ")}, {Name: "Only findings", Value: o.leastSeverity()}, {Name: "Compared with", Value: o.audit.baseline}} {
		if f.Value != "" {
			p.Facts = append(p.Facts, f)
		}
	}
}

func (o *reportPage) leastSeverity() string {
	if o.audit.severity == "" {
		return ""
	}
	return o.audit.severity + " and above"
}

// count stores the counts. It adds up the active credentials by the day on which they expire, and all
// credentials by the ranges of stats.
func (s *pageSections) count(counted tokens.Counts) {
	as := tokens.Counts{} // by the ranges of stats
	for k, groups := range counted {
		s.kinds = append(s.kinds, k)
		as[k] = map[db.Group]int64{}
		for g, n := range groups {
			life, day := s.calendar.Ends(g.Expires)
			if day >= 0 && day < pageDays && g.Status == string(tokens.Active) {
				s.days[day] += n
			}
			g.Expires = life
			as[k][g] += n
		}
	}
	slices.SortFunc(s.kinds, func(a, b *tokens.Kind) int {
		return cmp.Compare(slices.Index(tokens.KindNames(), a.Name), slices.Index(tokens.KindNames(), b.Name))
	})
	s.counts = statsCounts(as)
}

// find stores the findings of a severity or above, and returns their number by severity.
func (s *pageSections) find(known *audit.Baseline, least audit.Severity) (found severityCounts, err error) {
	for f, err := range s.audited.All() {
		if err != nil {
			return found, err
		}
		if f.Severity < least {
			continue
		}
		found[f.Severity]++
		last := len(s.rules) - 1
		if last < 0 || s.rules[last].rule != f.Rule || s.rules[last].severity != f.Severity {
			s.rules = append(s.rules, &ruleFindings{rule: f.Rule, severity: f.Severity})
			last++
		}
		s.rules[last].add(listedFinding{f, s.baseline && !known.Has(&f)})
	}
	return found, nil
}

// add counts a finding. It lists the finding if fewer than listedFindings go before it. New findings go before
// known findings.
func (r *ruleFindings) add(f listedFinding) {
	r.total++
	at := len(r.listed)
	if f.new {
		r.new++
		at = min(r.new-1, at)
	}
	if at < listedFindings {
		r.listed = slices.Insert(r.listed, at, f)
		r.listed = r.listed[:min(len(r.listed), listedFindings)]
	}
}

// sum adds up the counts by one property that have this kind, status and value. An empty text stands for any.
func (s *pageSections) sum(by, kind, status, value string) (n int64) {
	for _, c := range s.counts {
		if c.by == by && (kind == "" || c.kind == kind) && (status == "" || c.status == status) && (value == "" || c.value == value) {
			n += c.count
		}
	}
	return n
}

// row returns the row about the page for a script.
func (s *pageSections) row(path string, found severityCounts) []output.Value {
	row := []output.Value{output.String(path), output.Int(s.sum(byOwner, "", "", "")), output.Int(s.sum(byOwner, "", string(tokens.Active), ""))}
	for _, name := range audit.Severities() {
		row = append(row, output.Int(int64(found[audit.SeverityNamed(name)])))
	}
	return append(row, output.Int(int64(len(s.audited.Skipped))))
}
