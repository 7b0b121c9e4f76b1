package audit

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

// Options tell an audit what to look for, and where.
type Options struct {
	Rules    []*Rule // nil: all rules
	Selector tokens.Selector
	Narrowed bool                   // Selector selects some credentials, so the audit leaves out rules about other things
	OfOwners bool                   // Selector selects by owners alone, so the audit keeps the rules about users
	Settings tokenctl.AuditSettings // the thresholds, and the findings to ignore
	// Passwords are the passwords of --check-passwords. Without them the audit leaves out known-password.
	Passwords []tokenctl.Secret
	Deep      bool // clear-elsewhere searches all tables
	// Command is the beginning of a fix: tokenctl and the flags that name the database.
	Command string
	// Mends is called with each credential that the mend of a rule changes; nil: there is no call.
	Mends func(*Rule, *tokens.Credential)
	// Checking is called with the number of password checks. It returns the function that is called after each
	// check; nil: there is no call.
	Checking func(total int64) (done func())
}

// Skipped is a rule that could not be checked.
type Skipped struct {
	Rule   *Rule
	Reason string
}

// Result is the result of an audit.
type Result struct {
	*Findings
	Skipped []Skipped // in the order of the rules
	Checked []*Rule   // without the skipped rules
	Ignored int       // the number of findings that the settings ignore
	Notes   []string  // about entries of the settings that ignore a whole rule, or that have ended
}

// run is one audit.
type run struct {
	Options
	ctx     context.Context
	env     tokens.Env
	store   *db.Store
	ignores *ignores
	result  Result

	keyForms []db.KeyForm // of all drf keys; nil: they were not read
}

// Run audits a database. It returns an error about the whole audit. An error about one rule only makes that
// rule a skipped rule.
func Run(ctx context.Context, env tokens.Env, store *db.Store, o Options) (*Result, error) {
	if o.Rules == nil {
		o.Rules = rules
	}
	if o.Command == "" {
		o.Command = "tokenctl"
	}
	o.Settings = o.Settings.WithDefaults()
	ignores, err := newIgnores(o.Settings.Ignore, store.Now())
	if err != nil {
		return nil, err
	}
	o.Rules = slices.DeleteFunc(slices.Clone(o.Rules), func(r *Rule) bool {
		return o.Narrowed && (r.about == others || r.about == users && !o.OfOwners) || r.ID == "known-password" && o.Passwords == nil || ignores.whole(r)
	})
	r := &run{Options: o, ctx: ctx, env: env, store: store, ignores: ignores, result: Result{Findings: newFindings()}}
	// A database without a layout or without credentials is an error about the whole audit.
	layout, err := store.Layout(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := o.Selector.Chosen(layout); err != nil {
		return nil, err
	}
	for _, part := range []func(*db.Layout) error{r.credentials, r.users, r.factors, r.keys, r.texts, r.database} {
		if err := part(layout); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(r.result.Skipped, func(a, b Skipped) int { return cmp.Compare(a.Rule.place(), b.Rule.place()) })
	r.result.Checked = slices.DeleteFunc(o.Rules, func(rule *Rule) bool {
		return slices.ContainsFunc(r.result.Skipped, func(s Skipped) bool { return s.Rule == rule })
	})
	r.result.Ignored, r.result.Notes = ignores.count, ignores.notes()
	return &r.result, nil
}

// rule returns the rule with an id if the audit checks it, and else nil.
func (r *run) rule(id string) *Rule {
	if rule := RuleNamed(id); slices.Contains(r.Rules, rule) {
		return rule
	}
	return nil
}

// any reports whether the audit checks one of the rules.
func (r *run) any(ids ...string) bool {
	return slices.ContainsFunc(ids, func(id string) bool { return r.rule(id) != nil })
}

// readAll runs f in a transaction that only reads, and in which a statement may read a whole table: it has no
// time limit.
func (r *run) readAll(f func(*db.Tx) error) error {
	return r.store.Snapshot(r.ctx, false, func(ctx context.Context) error { return r.store.Read(ctx, f) })
}

// find adds a finding. It returns false if the settings ignore the finding.
func (r *run) find(f Finding) bool {
	if r.ignores.match(&f) {
		r.ignores.count++
		return false
	}
	if f.Severity == 0 {
		f.Severity = f.Rule.Severity
	}
	r.result.add(&f)
	return true
}

// skip notes once that a rule could not be checked. It notes nothing about a rule that the audit leaves out.
func (r *run) skip(id, reason string) {
	s := Skipped{r.rule(id), reason}
	if s.Rule != nil && !slices.Contains(r.result.Skipped, s) {
		r.result.Skipped = append(r.result.Skipped, s)
	}
}

// skippingCodes are the codes of errors about a part of the database or of the settings.
var skippingCodes = []tokenctl.Code{tokenctl.CodePermissionDenied, tokenctl.CodeLayoutUnsupported, tokenctl.CodeTableMissing, tokenctl.CodeUsernameField,
	tokenctl.CodeConfigInvalid, tokenctl.CodeConfigUnsafe, tokenctl.CodeKeyMissing}

// canSkip reports whether an error is about one part, so that it only skips rules.
func canSkip(err error) bool { return slices.Contains(skippingCodes, tokenctl.CodeOf(err)) }

// unless makes an error about one part a reason to skip rules, and returns nil. It returns any other error.
// what names the part.
func (r *run) unless(err error, what string, ids ...string) error {
	var e *tokenctl.Error
	if !canSkip(err) || !errors.As(err, &e) {
		return err
	}
	if what != "" {
		what += ": "
	}
	for _, id := range ids {
		r.skip(id, what+e.Message)
	}
	return nil
}

// fix returns a command of tokenctl.
func (r *run) fix(command string, args ...string) string {
	parts := []string{r.Command, command}
	for _, arg := range args {
		parts = append(parts, Quote(arg))
	}
	return strings.Join(parts, " ")
}

// Quote returns an argument in the form that a shell reads.
func Quote(text string) string {
	plain := text != ""
	for i := range len(text) {
		plain = plain && isPlain(text[i])
	}
	if plain {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// isPlain reports whether no shell reads a character as something else.
func isPlain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("_./:@%+=,-", c) >= 0
}
