package commands

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tokenctl"
	"tokenctl/audit"
)

// options opens the database and says what to look for.
func (o *auditOptions) options(ctx context.Context, c *cobra.Command) (audit.Options, error) {
	a := o.app
	options := audit.Options{Deep: o.deep, Command: a.again()}
	var err error
	if options.Passwords, err = o.readPasswords(); err != nil {
		return options, err
	}
	store, err := a.open()
	if err != nil {
		return options, err
	}
	if err := audit.CheckIgnore(a.settings.Audit.Ignore); err != nil {
		return options, prefixed(a.toml+": ", err)
	}
	options.Settings = a.settings.Audit
	if options.Selector, err = o.selector.resolve(ctx, c, store); err != nil {
		return options, err
	}
	options.Narrowed = o.selector.given(c)
	options.OfOwners = options.Narrowed && !slices.ContainsFunc(selectorNames, func(name string) bool {
		return !slices.Contains(ownerSelectors, name) && c.Flags().Changed(name)
	})
	for _, name := range o.rules {
		if r := audit.RuleNamed(name); !slices.Contains(options.Rules, r) {
			options.Rules = append(options.Rules, r)
		}
	}
	if o.rules == nil && o.severity != "" {
		least := audit.SeverityNamed(o.severity)
		options.Rules = slices.DeleteFunc(audit.Rules(), func(r *audit.Rule) bool { return r.Severity < least })
	}
	options.Checking = func(total int64) func() {
		p := a.progress("checking passwords", total)
		return func() {
			if p.add(1); p.did.Load() == total {
				p.done()
			}
		}
	}
	return options, nil
}

// ownerSelectors are the selectors that are about the owners alone.
var ownerSelectors = []string{"user", "user-id", "staff", "superuser", "inactive"}

// thresholdFlags adds a flag for each threshold in [audit] of tokenctl.toml.
func thresholdFlags(f *pflag.FlagSet, given *[]byte) {
	kind := reflect.TypeFor[tokenctl.AuditSettings]()
	for i := range kind.NumField() {
		key := kind.Field(i).Tag.Get("toml")
		if usage := thresholds[key]; usage != "" {
			f.Var(&settingValue{kind: kind.Field(i).Type, to: given, key: "audit." + key}, strings.ReplaceAll(key, "_", "-"), usage)
		}
	}
}

// thresholds are the usages of their flags.
var thresholds = map[string]string{
	"dormant_owner": "`TIME` since the last login of an owner (default 180d)",
	"old_token":     "`TIME` since a credential was made (default 365d)",
	"long_life":     "`TIME` that a credential lives (default 365d)",
	"never_used":    "`TIME` since an unused credential was made (default 90d)",
	"clock_skew":    "`TIME` between the two clocks (default 5s)",
	"many_tokens":   "`N` live credentials of a kind for one user (default 10)",
	"expiry_cliff":  "`PERCENT` of the live credentials that expire within one day (default 10)",
}
