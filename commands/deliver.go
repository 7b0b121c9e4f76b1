package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokenctl/django"
	"tokenctl/output"
	"tokenctl/tokens"
)

// deliveryTime is how long a reader may keep a transaction with a new secret
// open.
const deliveryTime = 5 * time.Second

// delivery brings new secrets to the operator: no live row whose secret was not
// written. It writes inside the transaction, before commit, and takes the file
// back when the transaction does not happen.
type delivery struct {
	app    *App
	out    string // --out
	format string // --format
	file   *os.File
	token  bool // what was written is a token, or several
	bare   bool // and alone, as --token-file reads it
}

// outFlag is for commands whose secrets have no other form than their own.
func (d *delivery) outFlag(c *cobra.Command) {
	c.Flags().StringVar(&d.out, "out", "", "write the result to the new file `FILE`, mode 0600, instead of stdout")
}

func (d *delivery) flags(c *cobra.Command) {
	d.outFlag(c)
	c.Flags().StringVar(&d.format, "format", "", "shape the secret for its use: `header`, env or curl-config")
	must(c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(secretForms, cobra.ShellCompDirectiveNoFileComp)))
}

var secretForms = []string{"header", "env", "curl-config"}

// check validates the flags before anything is changed, and makes the file.
func (d *delivery) check() error {
	switch d.format {
	case "", "header", "env", "curl-config":
	default:
		return usage(fmt.Sprintf("there is no --format %q", d.format), "the forms are header, env and curl-config")
	}
	if d.format != "" && d.app.asked() {
		return usage("--format is for the secret alone; it does not go with --output, --field or --columns", "")
	}
	return nil
}

// create makes the file of --out. It is called when everything else is known to
// be right, just before the transaction.
func (d *delivery) create() error {
	if d.out == "" {
		if d.app.Term.Closed {
			return &django.Error{Code: django.CodeDeliveryFailed, Message: "cannot write the secret: stdout is closed", Hint: "name a file with --out"}
		}
		return nil
	}
	f, err := os.OpenFile(d.out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &django.Error{Code: django.CodeAlreadyExists, Message: d.out + " exists already", Hint: "--out makes a new file; name another, or remove that one"}
	}
	if err != nil {
		return &django.Error{Code: django.CodeDeliveryFailed, Message: "cannot create " + d.out + ": " + reason(err)}
	}
	d.file = f
	return nil
}

// write hands text over, in full and within deliveryTime.
func (d *delivery) write(ctx context.Context, text []byte) error {
	done := make(chan error, 1)
	go func() {
		if d.file == nil {
			_, err := d.app.Stdout.Write(text)
			done <- err
			return
		}
		_, err := d.file.Write(text)
		if err == nil {
			err = d.file.Sync()
		}
		done <- errors.Join(err, d.file.Close())
	}()
	late := time.NewTimer(deliveryTime)
	defer late.Stop()
	var err error
	select {
	case err = <-done:
	case <-late.C:
		err = errors.New("nobody read it within five seconds")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err != nil {
		return &django.Error{Code: django.CodeDeliveryFailed, Message: "cannot write the result: " + reason(err), Hint: "nothing was changed", Err: err}
	}
	return nil
}

// settle ends the delivery with the transaction's outcome.
func (d *delivery) settle(err error) error {
	if err == nil {
		return nil
	}
	if django.CodeOf(err) == django.CodeOutcomeUnknown {
		var e *django.Error
		if errors.As(err, &e) {
			e.Hint = d.howToFindOut()
		}
		return err
	}
	if d.file != nil {
		d.file.Close()   //nolint:errcheck // it may be closed already
		os.Remove(d.out) //nolint:errcheck // a secret without a row opens nothing
	}
	return err
}

// howToFindOut is for a commit of which nobody knows whether it happened.
func (d *delivery) howToFindOut() string {
	switch {
	case d.token && d.bare && d.out != "":
		return "tokenctl verify --token-file " + d.out + " tells whether it is live"
	case d.token && d.out != "":
		return d.out + " is kept; tokenctl verify - tells whether a secret in it is live"
	case d.token:
		return "tokenctl verify - tells whether the secret printed above is live"
	case d.out != "":
		return d.out + " is kept; look with tokenctl user show whether it happened"
	}
	return "look with tokenctl user show whether it happened"
}

// render shapes minted credentials.
func (d *delivery) render(minted []tokens.Minted, single bool) ([]byte, error) {
	d.token = true
	if d.format != "" {
		if len(minted) > 1 {
			return nil, usage("--format is for one credential: it does not say whose a secret is", "use -o ndjson or csv for several")
		}
		var b bytes.Buffer
		for _, m := range minted {
			for _, s := range m.Secrets {
				b.WriteString(d.shape(m, s))
			}
		}
		return b.Bytes(), nil
	}
	var bundles []bundle
	for _, m := range minted {
		bundles = append(bundles, bundle{m.Owner.Username, m.Secrets})
	}
	return d.arrange(bundles, single, func() ([]output.Column, [][]output.Value) { return mintedRows(minted) })
}

// bundle is the new secrets of one user or credential.
type bundle struct {
	owner   string
	secrets []tokens.Named
}

// secretNames are what the secrets of the bundles are called, each once.
func secretNames(bundles []bundle) []string {
	var list []string
	for _, b := range bundles {
		for _, s := range b.secrets {
			if !slices.Contains(list, s.Name) {
				list = append(list, s.Name)
			}
		}
	}
	return list
}

// named is the secret of that name as a cell, null where there is none.
func (b bundle) named(name string) output.Value {
	for _, s := range b.secrets {
		if s.Name == name {
			return output.String(s.Secret.Reveal())
		}
	}
	return output.Null()
}

// options are the output options for new secrets. Nothing is cut to the
// terminal's width: what is cut off is lost.
func (d *delivery) options(single bool) output.Options {
	o := d.app.options(single)
	o.Width = 0
	if d.out != "" {
		o.Color = false
		if d.app.global.output == "" {
			o.Format = output.Plain
		}
	}
	return o
}

// complete refuses a choice of fields that leaves the secrets out: they are
// shown only once.
func complete(o output.Options, secrets []string) error {
	fields := o.Columns
	switch {
	case o.Field != "":
		fields = []string{o.Field}
	case o.Format == output.ID:
		fields = []string{"id"}
	}
	if len(fields) == 0 {
		return nil
	}
	lost := slices.DeleteFunc(slices.Clone(secrets), func(name string) bool { return slices.Contains(fields, name) })
	if len(lost) == 0 {
		return nil
	}
	return usage("this output leaves out the "+strings.Join(lost, " and the ")+", which would be lost", "add the field "+lost[0]+"; tokenctl list shows the rest at any time")
}

// arrange shapes new secrets. A secret that is the only one stands alone, so
// that TOKEN=$(tokenctl mint alice) works; several secrets of one owner have a
// label each; those of several owners are rows of owner and secrets. table gives
// the objects for --output, --columns and --field.
func (d *delivery) arrange(bundles []bundle, single bool, table func() ([]output.Column, [][]output.Value)) ([]byte, error) {
	var b bytes.Buffer
	switch {
	case d.app.asked():
		o := d.options(single)
		if err := complete(o, secretNames(bundles)); err != nil {
			return nil, err
		}
		columns, rows := table()
		err := writeRows(&b, columns, rows, o)
		return b.Bytes(), err
	case single && len(bundles[0].secrets) == 1:
		d.bare = true
		b.WriteString(bundles[0].secrets[0].Secret.Reveal() + "\n")
		return b.Bytes(), nil
	case single:
		for _, s := range bundles[0].secrets {
			b.WriteString(s.Name + ": " + s.Secret.Reveal() + "\n")
		}
		return b.Bytes(), nil
	}
	columns := []output.Column{{Name: "user"}}
	for _, name := range secretNames(bundles) {
		columns = append(columns, output.Column{Name: name})
	}
	w, err := output.NewWriter(&b, columns, output.Options{Format: output.Plain})
	if err != nil {
		return nil, err
	}
	for _, owned := range bundles {
		row := []output.Value{output.String(owned.owner)}
		for _, c := range columns[1:] {
			row = append(row, owned.named(c.Name))
		}
		if err := w.Write(row); err != nil {
			return nil, err
		}
	}
	err = w.Close()
	return b.Bytes(), err
}

func (d *delivery) shape(m tokens.Minted, s tokens.Named) string {
	header := m.Of().Header(d.app.settings, s.Secret)
	switch d.format {
	case "header":
		return header + "\n"
	case "curl-config":
		return `header = "` + header + "\"\n"
	}
	return upper(s.Name) + "=" + s.Secret.Reveal() + "\n"
}

// writeNow writes what was asked for inside a transaction, so that a change whose
// result nobody got does not happen. Without --output, --field or --columns there
// is nothing to write.
func (a *App) writeNow(ctx context.Context, columns []output.Column, rows [][]output.Value, single bool) error {
	if !a.asked() {
		return nil
	}
	var b bytes.Buffer
	if err := writeRows(&b, columns, rows, a.options(single)); err != nil {
		return err
	}
	d := delivery{app: a}
	return d.write(ctx, b.Bytes())
}
