package commands

import (
	"bytes"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"tokenctl/output"
	"tokenctl/scan"
)

type bundleOptions struct {
	app *App
	ttl time.Duration
}

var bundleColumns = []output.Column{{Name: "file"}, {Name: "credentials"}, {Name: "expires"}, {Name: "false_positive_rate"}}

func newScanBundle(a *App) *cobra.Command {
	o := &bundleOptions{app: a, ttl: 30 * day}
	c := &cobra.Command{
		Use:   "bundle <file>",
		Short: "Write a file with which scan works without the database",
		Long: `Write salted hashes of all credentials of the database to a new file. With this bundle
tokenctl scan --bundle finds their secrets on a machine that must not reach the
database, such as a build server or a laptop. Nobody can compute a secret from it.

A bundle includes dead credentials, and no credentials that are made after it. It has
no access JWTs, because only a signature proves them. It expires.`,
		Example: `  tokenctl scan bundle tokens.bundle
  tokenctl scan bundle tokens.bundle --ttl 7d
  tokenctl scan --bundle tokens.bundle`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("scan bundle needs the name of one new file", "tokenctl scan bundle tokens.bundle; to scan something of that name write ./bundle")
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
		Annotations: map[string]string{pathArguments: "yes"},
		RunE:        func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	durationVar(c.Flags(), &o.ttl, "ttl", "how `LONG` the bundle can be used, such as 7d")
	return c
}

func (o *bundleOptions) run(c *cobra.Command, path string) error {
	a, ctx := o.app, c.Context()
	store, err := a.open()
	if err != nil {
		return err
	}
	salt := make([]byte, 32)
	if _, err := io.ReadFull(a.Random, salt); err != nil {
		return err
	}
	now := store.Now().Truncate(time.Second)
	b, omitted, err := scan.NewBundle(ctx, &scan.Database{Env: a.env(), Store: store}, salt, now, now.Add(o.ttl))
	if err != nil {
		return err
	}
	d := delivery{app: a, out: path}
	if err := d.openFile(); err != nil {
		return err
	}
	var text bytes.Buffer
	if _, err := b.WriteTo(&text); err != nil {
		return d.settleFile(err)
	}
	if err := d.settleFile(d.write(ctx, text.Bytes())); err != nil {
		return err
	}
	for _, what := range omitted {
		a.say("note: left out: %s", what)
	}
	a.say("wrote %s: %s, until %s; the probability of a false positive is %.1g", path, count(b.Count, "credential"), b.Expires.Format(time.RFC3339), b.FalsePositives)
	return a.writeAsked(bundleColumns, [][]output.Value{{output.String(path), output.Int(int64(b.Count)), output.Time(b.Expires), output.Raw(strconv.AppendFloat(nil, b.FalsePositives, 'g', 3, 64))}}, true)
}
