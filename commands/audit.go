package commands

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/audit"
	"tokenctl/output"
)

// audit says what is wrong with the stock of credentials. Package audit checks its rules; this
// file says which, and shows what they found: without the findings that the settings ignore, that
// a baseline knows (audit_baseline.go), or that matter too little. The exit status says whether
// something is left.

type auditOptions struct {
	app       *App
	selector  selectorFlags
	rules     []string
	severity  string
	failOn    string
	baseline  string
	update    bool
	passwords string
	deep      bool
	strict    bool
	fix       string
	change    credentialChange // of --fix
}

func newAudit(a *App) *cobra.Command {
	o := &auditOptions{app: a, change: credentialChange{app: a, verb: "blacklist"}}
	c := &cobra.Command{
		Use:   "audit",
		Short: "Say what is wrong with the stock of credentials",
		Long: `Read the database once, and report what is wrong: weak keys, secrets in clear, credentials
that nobody needs or looks after, and a database connection or role that is not safe. Each
finding names what it is about, never a secret, and the command that mends it. The rules are

` + ruleList() + `

Selectors, the same as for list, narrow the rules about credentials; the others are then left
out. A rule that could not be checked is named on stderr as skipped.

With --baseline only new findings count. --update-baseline makes the current findings the
known ones; a finding that was mended and comes back is new. [audit] in tokenctl.toml has the
thresholds and what to ignore: ignore = [{rule, id, reason, until}].

With --fix the findings of one rule are mended in the way of the command that does the same
by hand: they are shown first, and confirmed. It is for the rules
` + strings.Join(audit.Mendable(), ", ") + `;
for the others it says what to do.

Exit status 4 means that there is a finding at or above --fail-on.`,
		Example: `  tokenctl audit
  tokenctl audit --severity high --fail-on critical
  tokenctl audit --rule privileged-token,old-token --kind drf -o csv
  tokenctl audit --baseline known.json --update-baseline
  tokenctl audit --fix unpurged --yes`,
		Args:        o.check,
		Annotations: map[string]string{sarif: "yes"},
		RunE: func(c *cobra.Command, _ []string) error {
			a.mutating = o.fix != "" && !o.change.dryRun
			if o.fix != "" {
				return o.mend(c)
			}
			return o.run(c)
		},
	}
	o.selector.flags(a, c)
	o.ruleFlags(c)
	f := c.Flags()
	f.StringVar(&o.failOn, "fail-on", "medium", "exit with 4 for a finding of this `SEVERITY` or above")
	f.StringVar(&o.baseline, "baseline", "", "only findings that this `FILE` does not know")
	f.BoolVar(&o.update, "update-baseline", false, "write the current findings to the file of --baseline, and exit with 0")
	f.BoolVar(&o.strict, "strict", false, "fail if a rule could not be checked")
	o.fixFlags(c)
	must(c.RegisterFlagCompletionFunc("fail-on", severityCompletion))
	return c
}

// ruleFlags are the flags that say what is checked.
func (o *auditOptions) ruleFlags(c *cobra.Command) {
	f := c.Flags()
	listVar(f, &o.rules, "rule", "only this `RULE`; may be repeated")
	f.StringVar(&o.severity, "severity", "", "only findings of this `SEVERITY` or above: critical, high, medium, low")
	f.StringVar(&o.passwords, "check-passwords", "", "try the passwords of a `FILE`, one a line, on every account")
	f.BoolVar(&o.deep, "deep", false, "search every column of text in the database for live secrets")
	thresholdFlags(f, &o.app.settingsOverride)
	must(c.RegisterFlagCompletionFunc("rule", fixedList(audit.RuleIDs())))
	must(c.RegisterFlagCompletionFunc("severity", severityCompletion))
}

var severityCompletion = cobra.FixedCompletions(audit.Severities(), cobra.ShellCompDirectiveNoFileComp)

// auditRule is the rule with this id.
func auditRule(id string) (*audit.Rule, error) {
	r := audit.RuleNamed(id)
	if r == nil {
		return nil, usage(fmt.Sprintf("there is no rule %q", id), "the rules are "+strings.Join(audit.RuleIDs(), ", "))
	}
	return r, nil
}

// ruleList is the list of rules for help: a paragraph for each severity.
func ruleList() string {
	of := map[string][]string{}
	for _, r := range audit.Rules() {
		of[r.Severity.String()] = append(of[r.Severity.String()], r.ID)
	}
	var parts []string
	for _, name := range audit.Severities() {
		parts = append(parts, name+": "+strings.Join(of[name], ", "))
	}
	return strings.Join(parts, "\n\n")
}

// check is for cobra's Args.
func (o *auditOptions) check(c *cobra.Command, args []string) error {
	if err := noArguments(c, args); err != nil {
		return err
	}
	for _, name := range o.rules {
		if _, err := auditRule(name); err != nil {
			return err
		}
	}
	for flag, name := range map[string]string{"severity": o.severity, "fail-on": o.failOn} {
		if name != "" && audit.SeverityNamed(name) == 0 {
			return usage(fmt.Sprintf("--%s: there is no severity %q", flag, name), "the severities are "+strings.Join(audit.Severities(), ", "))
		}
	}
	switch {
	case o.update && o.baseline == "":
		return usage("--update-baseline needs --baseline", "write --baseline FILE --update-baseline")
	case slices.Contains(o.rules, "known-password") && o.passwords == "":
		return usage("the rule known-password needs --check-passwords", "write --check-passwords FILE, with a password a line")
	case o.update && o.selector.given(c):
		return usage("--update-baseline needs all findings: it does not go with selectors", "leave them out")
	}
	return o.checkFix(c)
}

var auditFindingColumns = []output.Column{{Name: "rule", Decides: true},
	{Name: "severity", Decides: true, Colors: map[string]string{"critical": "31", "high": "31", "medium": "33"}}, {Name: "kind"},
	{Name: "id", Decides: true}, {Name: "user", Whole: true}, {Name: "user_id", Extra: true}, {Name: "message", Whole: true}, {Name: "fix", Whole: true}}

func auditRow(f *audit.Finding) []output.Value {
	return []output.Value{output.String(f.Rule.ID), output.String(f.Severity.String()), output.OptString(f.Kind), output.OptString(f.ID), output.OptString(f.User),
		output.OptString(f.UserID), output.String(f.Message), output.OptString(f.Fix)}
}

func (o *auditOptions) run(c *cobra.Command) error {
	a, ctx := o.app, c.Context()
	// A wrong --columns or --field, or a file that is not there, is told before the database is asked.
	w, err := o.writer()
	if err != nil {
		return err
	}
	known, err := o.readBaseline()
	if err != nil {
		return err
	}
	options, err := o.options(ctx, c)
	if err != nil {
		return err
	}
	audited, err := audit.Run(ctx, a.env(), a.store, options)
	if err != nil {
		return err
	}
	defer audited.Close()
	o.sayNotes(audited)
	shown, err := o.show(w, audited, known)
	if err != nil {
		return err
	}
	if o.update {
		next, err := known.Update(audited)
		if err == nil {
			err = o.writeBaseline(next)
		}
		if err != nil {
			return err
		}
	}
	return o.verdict(audited, shown)
}

// show writes the findings that count, and says how many there are of each severity.
func (o *auditOptions) show(w auditWriter, audited *audit.Result, known *audit.Baseline) (shown severityCounts, err error) {
	a, inBaseline := o.app, 0
	least := max(audit.SeverityNamed(o.severity), audit.Low)
	for f, err := range audited.All() {
		switch {
		case err != nil:
			return shown, err
		case known.Has(&f):
			inBaseline++
		case f.Severity >= least:
			shown[f.Severity]++
			if err := w.Write(&f); err != nil {
				return shown, err
			}
		}
	}
	if err := w.Close(); err != nil {
		return shown, err
	}
	if inBaseline > 0 {
		a.say("note: %s in the baseline", plural(inBaseline, "finding is", "findings are"))
	}
	if n := audited.Ignored; n > 0 {
		a.say("note: %s by [audit] in %s", plural(n, "finding is ignored", "findings are ignored"), a.toml)
	}
	return shown, nil
}

// severityCounts are the numbers of findings, by severity.
type severityCounts [audit.Critical + 1]int

// String is like "4 findings: 3 critical, 1 low".
func (n *severityCounts) String() string {
	total := 0
	var parts []string
	for _, name := range audit.Severities() {
		if c := n[audit.SeverityNamed(name)]; c > 0 {
			total += c
			parts = append(parts, fmt.Sprintf("%d %s", c, name))
		}
	}
	if parts == nil {
		return "nothing is wrong"
	}
	return count(total, "finding") + ": " + strings.Join(parts, ", ")
}

// verdict is the command's answer.
func (o *auditOptions) verdict(audited *audit.Result, shown severityCounts) error {
	a := o.app
	if a.Term.Stdout {
		a.say("%s", &shown)
	}
	if n := len(audited.Skipped); o.strict && n > 0 {
		var ids []string
		for _, s := range audited.Skipped {
			if !slices.Contains(ids, s.Rule.ID) {
				ids = append(ids, s.Rule.ID)
			}
		}
		return &tokenctl.Error{Code: tokenctl.CodeFailed, Message: "not checked: " + strings.Join(ids, ", "), Hint: "see the reasons above, or leave out --strict"}
	}
	if o.update {
		return nil
	}
	for s := audit.SeverityNamed(o.failOn); s <= audit.Critical; s++ {
		if shown[s] > 0 {
			return errNo
		}
	}
	return nil
}

// again is how a command begins that is about the same database.
func (a *App) again() string {
	g, line := &a.global, "tokenctl"
	for _, f := range [][2]string{{"-d", g.database}, {"--config", g.config}, {"--schema", g.schema}} {
		if f[1] != "" {
			line += " " + f[0] + " " + audit.Quote(f[1])
		}
	}
	return line
}
