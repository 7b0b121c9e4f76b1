package commands

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"tokenctl/output"
)

type showOptions struct {
	app       *App
	tokenFile string
	reveal    bool
}

func newShow(a *App) *cobra.Command {
	o := &showOptions{app: a}
	c := &cobra.Command{
		Use:   "show {<id>... | -}",
		Short: "Show one credential: owner, rights, dates, status",
		Long: `Show credentials by id, or by the secret itself: - reads ids and secrets from
standard input, one a line, and in a terminal asks for one without echo. A line may
be what a secret was found in: a header, a curl command, an assignment, a cookie.`,
		Example: `  tokenctl show drf:7
  tokenctl show drf:7@1f0c3a55 -o json
  tokenctl show - <leaked.txt`,
		Args:              needsReference(&o.tokenFile),
		ValidArgsFunction: a.completeIDs,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	tokenFileFlag(c, &o.tokenFile)
	c.Flags().BoolVar(&o.reveal, "reveal", false, "show the secret where the database holds it in clear")
	return c
}

func (o *showOptions) run(ctx context.Context, args []string) error {
	a := o.app
	found, err := a.find(ctx, args, o.tokenFile)
	if err != nil {
		return err
	}
	columns := showColumns
	if o.reveal {
		columns = append(slices.Clone(columns), tokenColumn)
	}
	var rows [][]output.Value
	for i := range found {
		row := showRow(found[i])
		if o.reveal {
			row = append(row, tokenValue(found[i]))
		}
		rows = append(rows, row)
	}
	form := a.options(len(rows) == 1)
	form.Records = true
	return writeRows(a.Stdout, columns, rows, form)
}
