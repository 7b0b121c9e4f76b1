package commands

import (
	"context"
	"iter"
	"slices"

	"github.com/spf13/cobra"

	"tokenctl/audit"
	"tokenctl/db"
	"tokenctl/tokens"
)

// --fix mends the findings of one rule in the way of the command that does the same by hand:
// blacklist, user deactivate or purge, for which audit only chooses what is to be changed. Two
// mends belong to audit alone: it redacts stored refresh tokens and entries of the admin log.

func (o *auditOptions) fixFlags(c *cobra.Command) {
	f, ch := c.Flags(), &o.change
	f.StringVar(&o.fix, "fix", "", "mend the findings of this `RULE`")
	f.BoolVar(&ch.keepGoing, "keep-going", false, "with --fix: do what can be done and report the rest (exit status 6)")
	f.BoolVar(&ch.ignoreMissing, "ignore-missing", false, "with --fix: skip credentials that are gone or already blacklisted, without an error")
	f.BoolVar(&ch.dryRun, "dry-run", false, "with --fix: show what would be changed; change nothing")
	ch.consent.flags(c)
	must(c.RegisterFlagCompletionFunc("fix", cobra.FixedCompletions(audit.Mendable(), cobra.ShellCompDirectiveNoFileComp)))
}

// checkFix is for cobra's Args.
func (o *auditOptions) checkFix(c *cobra.Command) error {
	ch := &o.change
	if o.fix == "" {
		if ch.keepGoing || ch.ignoreMissing || ch.dryRun || ch.consent.yes || ch.consent.count.n != nil {
			return usage("audit changes nothing without --fix", "add --fix RULE")
		}
		return nil
	}
	rule, err := auditRule(o.fix)
	if err != nil {
		return err
	}
	switch {
	case rule.Mend == audit.None:
		return usage("--fix cannot mend "+rule.ID, rule.ByHand)
	case len(o.rules) > 0 || o.baseline != "":
		return usage("--fix is about one rule, whatever is known: it does not go with --rule and --baseline", "leave them out")
	case o.selector.limit > 0 && o.selector.sort == "":
		return usage("--limit needs --sort here: otherwise it is left to chance which ones are changed", "add --sort created")
	case o.app.global.output == sarif:
		return usage("-o sarif does not go with --fix", "leave it out")
	}
	takes := append(slices.Clone(selectorNames), "sort")
	switch rule.Mend {
	case audit.Purge:
		takes = []string{"kind", "user", "user-id"}
	case audit.PurgeOrphans:
		takes = []string{"kind"}
	case audit.RedactLog:
		takes = nil
	}
	for _, name := range append(slices.Clone(selectorNames), "sort") {
		if c.Flags().Changed(name) && !slices.Contains(takes, name) {
			return usage("--fix "+rule.ID+" does not take --"+name, "leave it out")
		}
	}
	return nil
}

// mend does what --fix says.
func (o *auditOptions) mend(c *cobra.Command) error {
	o.change.selector = o.selector
	rule := audit.RuleNamed(o.fix)
	switch rule.Mend {
	case audit.Purge, audit.PurgeOrphans:
		f := &o.change
		p := &purgeOptions{app: o.app, kinds: o.selector.kinds, users: o.selector.users, userIDs: o.selector.userIDs, batchSize: purgeBatch, orphans: rule.Mend == audit.PurgeOrphans,
			changeFlags: f.changeFlags}
		return p.run(c.Context())
	case audit.Deactivate:
		return o.deactivate(c, rule)
	case audit.RedactLog:
		return o.redactLog(c.Context(), rule)
	case audit.RedactTokens:
		r := &redactOptions{o.change}
		r.verb, r.list = "redact", o.withoutNewest(rule)
		return r.run(c)
	}
	b := &blacklistOptions{o.change}
	b.list = o.found(rule)
	return b.run(c, nil)
}

// found returns a function that yields the credentials that the mend of a rule changes.
func (o *auditOptions) found(rule *audit.Rule) func(context.Context, *db.Store, tokens.Selector) iter.Seq2[tokens.Credential, error] {
	return func(ctx context.Context, store *db.Store, sel tokens.Selector) iter.Seq2[tokens.Credential, error] {
		return func(yield func(tokens.Credential, error) bool) {
			stopped := false
			err := o.audited(ctx, store, audit.Options{Rules: []*audit.Rule{rule}, Selector: sel, Mends: func(_ *audit.Rule, c *tokens.Credential) {
				stopped = stopped || !yield(*c, nil)
			}})
			if err != nil && !stopped {
				yield(tokens.Credential{}, err)
			}
		}
	}
}

// audited checks a rule for its mend.
func (o *auditOptions) audited(ctx context.Context, store *db.Store, options audit.Options) error {
	a := o.app
	options.Settings = a.settings.Audit
	audited, err := audit.Run(ctx, a.env(), store, options)
	if err != nil {
		return err
	}
	defer audited.Close()
	o.sayNotes(audited)
	return nil
}

// sayNotes says what was not checked, and what is ignored.
func (o *auditOptions) sayNotes(audited *audit.Result) {
	for _, s := range audited.Skipped {
		o.app.say("skipped %s: %s", s.Rule.ID, s.Reason)
	}
	for _, note := range audited.Notes {
		o.app.say("note: %s", note)
	}
}

// withoutNewest is found without the newest row of each kind: by that one the configured key is
// checked.
func (o *auditOptions) withoutNewest(rule *audit.Rule) func(context.Context, *db.Store, tokens.Selector) iter.Seq2[tokens.Credential, error] {
	return func(ctx context.Context, store *db.Store, sel tokens.Selector) iter.Seq2[tokens.Credential, error] {
		return func(yield func(tokens.Credential, error) bool) {
			var newest []string
			err := store.Read(ctx, func(tx *db.Tx) error {
				for _, k := range tokens.Kinds() {
					if k.Newest == nil || !k.Present(tx.Layout) {
						continue
					}
					id, err := k.Newest(ctx, tx)
					if err != nil {
						return err
					}
					newest = append(newest, id)
				}
				return nil
			})
			if err != nil {
				yield(tokens.Credential{}, err)
				return
			}
			for c, err := range o.found(rule)(ctx, store, sel) {
				if err == nil && slices.Contains(newest, c.ID) {
					continue
				}
				if !yield(c, err) {
					return
				}
			}
		}
	}
}

// deactivate deactivates the owners of the findings.
func (o *auditOptions) deactivate(c *cobra.Command, rule *audit.Rule) error {
	a, ctx, f := o.app, c.Context(), &o.change
	store, err := a.open()
	if err != nil {
		return err
	}
	sel, err := o.selector.resolve(ctx, c, store)
	if err != nil {
		return err
	}
	var owners []db.User
	seen := map[string]bool{}
	for credential, err := range o.found(rule)(ctx, store, sel) {
		if err != nil {
			return err
		}
		if id := credential.Owner.ID; !seen[id] {
			seen[id] = true
			owners = append(owners, credential.Owner)
		}
	}
	if len(owners) == 0 && f.consent.allowsNothing() {
		a.say("nobody to deactivate in %s", a.databaseName())
		return a.writeNone()
	}
	d := &activeOptions{userChange: userChange{userFlags: userFlags{app: a}, verb: "deactivate", changeFlags: f.changeFlags}}
	d.userIDs = db.IDsOf(owners)
	if !f.dryRun {
		if err := f.consent.preview(a, "deactivate", userColumns, userRows(owners)); err != nil {
			return err
		}
		if _, err := f.consent.obtain(ctx, a, "deactivate", count(len(owners), "user"), len(owners)); err != nil {
			return err
		}
	}
	if err := d.run(c, nil); err != nil {
		return err
	}
	if !f.dryRun {
		a.say("note: tokenctl user activate NAME undoes it")
	}
	return nil
}
