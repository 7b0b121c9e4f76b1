package commands

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

type verifyOptions struct {
	app       *App
	tokenFile string
}

func newVerify(a *App) *cobra.Command {
	o := &verifyOptions{app: a}
	c := &cobra.Command{
		Use:   "verify {- | <id>...}",
		Short: "Tell whether the application would accept a credential now",
		Long: `Tell whether the application would accept a credential now. The exit status is
the answer: 0 when all of them are active, 4 when one is not; the reason is on
stdout.

A secret is read from standard input with -, without echo in a terminal, or from
--token-file; an id can be an argument. A line may be what a secret was found in: a
header, a curl command, an assignment, a cookie.`,
		Example: `  tokenctl verify -
  printf %s "$TOKEN" | tokenctl verify - --field status
  tokenctl verify drf:7@1f0c3a55 -o json`,
		Args:              needsReference(&o.tokenFile),
		ValidArgsFunction: a.completeIDs,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	tokenFileFlag(c, &o.tokenFile)
	return c
}

func (o *verifyOptions) run(ctx context.Context, args []string) error {
	a := o.app
	refs, err := a.references(ctx, "verify", args, o.tokenFile)
	if err != nil {
		return err
	}
	store, err := a.open()
	if err != nil {
		return err
	}
	var rows [][]output.Value
	var missing []offence
	var assumed []string
	good := true
	err = store.Read(ctx, func(tx *db.Tx) error {
		found, err := a.lookUp(ctx, tx, refs)
		if err != nil {
			return err
		}
		var damaged []string
		for i := range found {
			l := &found[i]
			if l.damage != "" {
				damaged = append(damaged, l.where()+" looks like "+l.damage)
			}
			if l.ID == "" && tokenctl.CodeOf(l.err) == tokenctl.CodeNotFound {
				rows = append(rows, []output.Value{output.Null(), output.Null(), output.Null(), output.Null(), output.String("unknown"), output.Null(), output.Null()})
				good = false
				continue
			}
			var absent bool
			if missing, absent = offended(missing, l, l.err); absent {
				continue
			}
			if l.err != nil {
				return l.err
			}
			for _, list := range l.secrets {
				// Any of a secret's kinds lets it in.
				c := list[max(0, slices.IndexFunc(list, func(c *tokens.Credential) bool { return refusal(c) == "" }))]
				if err := c.CheckVerified(); err != nil {
					return err
				}
				for _, note := range c.BadValueNotes() {
					a.say("note: %s: %s", cmp.Or(c.ID, c.Kind), note)
				}
				if c.Assumed != "" && !slices.Contains(assumed, c.Assumed) {
					assumed = append(assumed, c.Assumed)
				}
				why := refusal(c)
				good = good && why == ""
				rows = append(rows, []output.Value{output.OptString(c.ID), output.String(c.Kind), output.OptString(c.Type), output.OptString(string(c.Status)),
					output.OptString(why), output.OptString(c.Owner.Username), output.Time(c.Expires)})
			}
		}
		for _, what := range assumed {
			a.say("note: %s", what)
		}
		if damaged != nil {
			a.say("%s; copy it again, whole: a part of a secret is not looked up", firstOf(damaged, "; "))
		}
		return offences(missing)
	})
	if err != nil {
		return err
	}
	if err := a.write(verifyColumns, rows, len(rows) == 1); err != nil {
		return err
	}
	if !good {
		return errNo
	}
	return nil
}

// refusal is why the application refuses a credential now; empty if it accepts it.
func refusal(c *tokens.Credential) string {
	if c.Reason == "" && c.Status != tokens.Active {
		return string(c.Status)
	}
	return c.Reason
}
