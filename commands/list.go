package commands

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

type listOptions struct {
	app      *App
	selector selectorFlags
	reveal   bool
	count    bool
	exitCode bool
	watch    time.Duration
	logs     accessLogs
}

func newList(a *App) *cobra.Command {
	o := &listOptions{app: a}
	c := &cobra.Command{
		Use:   "list",
		Short: "List credentials",
		Long: `List the credentials of everybody, or those that the flags select. Secrets are not
shown unless --reveal asks for them.

In a terminal the list is a table; otherwise it is tab-separated text without a
header, one credential a line. --columns +email and the like add what the usual
columns do not have, also about the owner. last_used is when a credential was used last,
as its row proves, or a line of a log of requests that --access-log names; a terminal
shows no evidence where nothing proves it.`,
		Example: `  tokenctl list
  tokenctl list --user alice -o json
  tokenctl list --kind drf --older-than 90d --sort created
  tokenctl list --columns +email,age_days,expires_days -o csv
  tokenctl list --inactive --exit-code -q
  tokenctl list --user alice --watch 5s
  tokenctl list --status disabled -o id | tokenctl blacklist - --ignore-missing`,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	o.selector.flags(a, c)
	c.Flags().BoolVar(&o.count, "count", false, "print only how many there are")
	c.Flags().BoolVar(&o.exitCode, "exit-code", false, "end with the status 4 if there are any")
	c.Flags().VarP(&durationValue{to: &o.watch}, "watch", "w", "at a terminal, list again after each `PAUSE` such as 5s, until interrupted")
	c.MarkFlagsMutuallyExclusive("watch", "exit-code")
	o.logs.flag(c)
	c.Flags().BoolVar(&o.reveal, "reveal", false, "show the secrets that the database holds in clear")
	return c
}

func (o *listOptions) run(c *cobra.Command) error {
	a := o.app
	if o.count && a.global.query != nil {
		return usage("--count and --jq do not go together", "write --jq length")
	}
	if o.logs.paths != nil && len(a.namedFields(usedColumns)) == 0 {
		return usage("--access-log is for the field last_used", "add --columns +last_used")
	}
	if _, err := o.selector.parse(c, a.Now()); err != nil {
		return err
	}
	store, err := a.open()
	if err != nil {
		return err
	}
	if err := o.logs.read(c.Context(), a, store); err != nil {
		return err
	}
	if o.watch > 0 && a.Term.Stdout {
		return a.repeat(c.Context(), o.watch, func() error { return o.list(c, store) })
	}
	return o.list(c, store)
}

// writer is where the rows go, and the further fields that were asked for.
func (o *listOptions) writer() (w *output.Writer, audited []output.Column, err error) {
	a := o.app
	columns := credentialColumns
	if o.reveal {
		columns = append(slices.Clone(columns), tokenColumn)
	}
	audited = a.namedFields(auditColumns)
	columns = append(slices.Clone(columns), audited...)
	w, err = output.NewWriter(a.Stdout, columns, a.options(false))
	return w, audited, err
}

// list lists the credentials once.
func (o *listOptions) list(c *cobra.Command, store *db.Store) error {
	a, ctx := o.app, c.Context()
	w, audited, err := o.writer()
	if err != nil {
		return err
	}
	sel, err := o.selector.resolve(ctx, c, store)
	if err != nil {
		return err
	}
	sel.Detailed = slices.ContainsFunc(audited, ofOwner)
	sel.Used = slices.ContainsFunc(audited, func(c output.Column) bool { return c.Name == lastUsed })
	env := a.env()
	now := store.Now()
	n := 0
	var lost unread
	var assumed string
	whys := reasons{n: map[statusReason]int{}}
	var row []output.Value
	// One variable for all rows: one for each takes a tenth of the time of a list.
	var credential tokens.Credential
	for credential, err = range tokens.List(ctx, env, store, sel) {
		if err != nil {
			w.Flush() //nolint:errcheck // the error that ended the list is the one to tell
			return err
		}
		lost.add(credential.BadValues, credential.Owner.BadValues)
		if credential.Assumed != "" {
			assumed = credential.Assumed
		}
		whys.add(&credential)
		if n++; o.count {
			continue
		}
		row = appendCredential(row[:0], &credential)
		if o.reveal {
			row = append(row, tokenValue(&credential))
		}
		for _, c := range audited {
			if c.Name == lastUsed {
				row = append(row, o.logs.value(env, &credential, now))
			} else {
				row = append(row, auditValue(c.Name, &credential, now))
			}
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	if o.count {
		err = o.writeCount(n)
	} else {
		err = w.Close()
	}
	if err != nil {
		return err
	}
	a.noteSkipped(sel)
	a.noteUnread(lost)
	if assumed != "" {
		a.say("note: %s", assumed)
	}
	if a.Term.Stdout {
		whys.tell(a)
		if !o.count {
			a.sayTotal(n, "credential")
		}
		if err := a.noteOthers(ctx, store, sel, "list"); err != nil {
			return err
		}
	}
	if o.exitCode && n > 0 {
		return errNo
	}
	return nil
}

// writeCount writes the number of credentials, and the schema if there are several.
func (o *listOptions) writeCount(n int) error {
	text := strconv.Itoa(n)
	if s := o.app.schemas; s != nil {
		text += "\t" + output.Visible(s.name)
	}
	_, err := fmt.Fprintln(o.app.Stdout, text)
	return err
}
