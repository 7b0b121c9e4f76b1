package commands

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

type showOptions struct {
	app       *App
	tokenFile string
	reveal    bool
	logs      accessLogs
}

func newShow(a *App) *cobra.Command {
	o := &showOptions{app: a}
	c := &cobra.Command{
		Use:   "show {<id>... | -}",
		Short: "Show one credential: owner, rights, dates, status",
		Long: `Show credentials by id, or by the secret itself: - reads ids and secrets from
standard input, one a line, and in a terminal asks for one without echo. A line may
be what a secret was found in: a header, a curl command, an assignment, a cookie.

--columns +last_used adds when it was used last, as its row proves: from and to are the
times between which that was, and source says what proves it. With --access-log a line of a
log of requests proves it, too. Without any evidence it is null; a terminal shows
no evidence.`,
		Example: `  tokenctl show drf:7
  tokenctl show drf:7@1f0c3a55 -o json
  tokenctl show - <leaked.txt`,
		Args:              needsReference(&o.tokenFile),
		ValidArgsFunction: a.completeIDs,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	tokenFileFlag(c, &o.tokenFile)
	o.logs.flag(c)
	c.Flags().BoolVar(&o.reveal, "reveal", false, "show the secret where the database holds it in clear")
	return c
}

func (o *showOptions) run(ctx context.Context, args []string) error {
	a := o.app
	found, err := a.find(ctx, args, o.tokenFile)
	if err != nil {
		return err
	}
	env, now := a.env(), a.Now()
	if err := o.logs.read(ctx, a, a.store); err != nil {
		return err
	}
	columns := showColumns
	used := o.logs.paths != nil || len(a.namedFields(usedColumns)) > 0
	if used {
		if err := a.store.Read(ctx, func(tx *db.Tx) error { return tokens.FindUse(ctx, tx, found) }); err != nil {
			return err
		}
		columns = append(slices.Clone(columns), usedColumns...)
	}
	if o.reveal {
		columns = append(slices.Clone(columns), tokenColumn)
	}
	var rows [][]output.Value
	for i := range found {
		row := showRow(found[i])
		if used {
			row = append(row, o.logs.value(env, found[i], now))
		}
		if o.reveal {
			row = append(row, tokenValue(found[i]))
		}
		rows = append(rows, row)
	}
	form := a.options(len(rows) == 1)
	form.Records = true
	return writeRows(a.Stdout, columns, rows, form)
}
