package commands

import (
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/output"
)

// globals are the global flags: those that every command has.
type globals struct {
	database  string
	context   string
	config    string
	schema    string
	output    string
	columns   []string
	noHeaders bool
	field     string
	query     *output.Query
	csvRaw    bool
	timeout   time.Duration
	maxTime   time.Duration
	noInput   bool
	color     string
	quiet     bool
	verbose   bool
	noPager   bool
}

// addGlobals gives root, and so every command, the global flags.
func (a *App) addGlobals(root *cobra.Command) {
	f := root.PersistentFlags()
	f.SortFlags = false
	g := &a.global
	f.StringVarP(&g.database, "database", "d", "", "database `URL`, without a password: postgresql://user@host/name or sqlite:///file.db")
	f.StringVar(&g.context, "context", "", "the database and settings of the context `NAME`: see tokenctl context")
	f.StringVar(&g.config, "config", "", "settings `FILE` instead of ./tokenctl.toml")
	f.StringVar(&g.schema, "schema", "", "PostgreSQL schema `NAME` of Django's tables instead of search_path; where a command takes several: a,b or 'tenant_*'")
	must(root.RegisterFlagCompletionFunc("context", func(c *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return a.completeDatabaseContexts(c, nil, prefix)
	}))
	must(root.RegisterFlagCompletionFunc("schema", a.completeSchemas))
	f.StringVarP(&g.output, "output", "o", "", "output `FORMAT`: table, json, ndjson, csv, tsv, yaml or id")
	listVar(f, &g.columns, "columns", "only these `FIELDS`, in this order: a,b,c; +a adds one to the usual ones")
	f.BoolVar(&g.noHeaders, "no-headers", false, "no header line in table, csv and tsv")
	f.StringVar(&g.field, "field", "", "only the value of the field `NAME`, such as status or owner.is_active")
	f.Var(&queryValue{&g.query}, "jq", "what the jq `EXPRESSION` makes of the JSON: tokenctl help formats")
	root.MarkFlagsMutuallyExclusive("field", "jq")
	f.BoolVar(&g.csvRaw, "csv-raw", false, "do not defuse CSV cells that a spreadsheet would run")
	g.timeout = 30 * time.Second
	durationVar(f, &g.timeout, "timeout", "`TIME` that connecting, a lock wait or a single short statement may take")
	durationVar(f, &g.maxTime, "max-time", "`TIME` that the whole command may take (default: no limit)")
	f.BoolVar(&g.noInput, "no-input", false, "never ask anything")
	f.BoolVar(&g.noPager, "no-pager", false, "at a terminal, do not show long output in a pager")
	f.StringVar(&g.color, "color", "auto", "`WHEN` to colour: auto, always or never")
	f.BoolVarP(&g.quiet, "quiet", "q", false, "say nothing but errors on stderr")
	f.BoolVarP(&g.verbose, "verbose", "v", false, "say more on stderr")
}

// checkGlobals checks the global flags before a command runs. It also does what they ask for the whole command: the
// limit of time, the pager, and the writer of stdout.
func (a *App) checkGlobals(c *cobra.Command) error {
	g := &a.global
	a.forces = c.Flags().Lookup("force") != nil
	keepGoing := c.Flags().Lookup("keep-going")
	a.keepGoing = keepGoing != nil && keepGoing.Value.String() == "true"
	if g.output != "" && (g.output != sarif || c.Annotations[sarif] == "") {
		if _, err := output.ParseFormat(g.output); err != nil {
			g.output = ""
			return usage(err.Error(), "")
		}
	}
	if g.color != "auto" && g.color != "always" && g.color != "never" {
		return usage("--color is auto, always or never", "")
	}
	if err := exclusiveFlags(c); err != nil {
		return err
	}
	if format := output.Format(g.output); g.query != nil && format != "" && format != output.JSON && format != output.NDJSON {
		return usage("--jq takes JSON and does not go with -o "+g.output, "leave out -o, or write -o json or -o ndjson")
	}
	if err := a.checkFields(c); err != nil {
		return err
	}
	if g.maxTime > 0 {
		time.AfterFunc(g.maxTime, func() {
			a.stop(&tokenctl.Error{Code: tokenctl.CodeTimeout, Message: "--max-time was reached", Hint: "allow more with --max-time"})
		})
	}
	if c.Annotations[pagedOutput] != "" && !c.Flags().Changed("watch") {
		a.startPaging()
	}
	a.Stdout = patient{c.Context(), a.Stdout}
	a.publishOutcome(false)
	return nil
}
