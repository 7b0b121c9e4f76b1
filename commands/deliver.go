package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"tokenctl"
)

// deliveryTime is how long a reader may keep a transaction with a new secret
// open.
const deliveryTime = 5 * time.Second

// delivery brings new secrets to the operator, so that no row is live whose secret was not written. A command
// calls its methods in this order:
//
//  1. check, before anything is read; openFile, just before the transaction.
//  2. In the transaction: stream for credentials, then add and deliver of the mintedStream; or hand for users with
//     their secrets. Both end in write, before the commit. emptyFile, if the transaction runs again.
//  3. settleFile, with the outcome of the transaction: it removes the file if nothing was changed.
type delivery struct {
	app    *App
	out    string // --out
	format string // --format
	file   *os.File
	token  bool // what was written is a token, or several
	bare   bool // and alone, as --token-file reads it
	kinds  bool // the secrets are of several kinds

	reasons bool // each row tells why nothing was done, if nothing was

	unsynced int          // bytes written to file since it was flushed
	printed  atomic.Int64 // bytes that went to stdout
	removed  bool         // file was taken back
}

// outFlag is for commands whose secrets have no other form than their own.
func (d *delivery) outFlag(c *cobra.Command) {
	c.Flags().StringVar(&d.out, "out", "", "write the result to the new file `FILE`, mode 0600, instead of stdout")
}

func (d *delivery) flags(c *cobra.Command) {
	d.outFlag(c)
	c.Flags().StringVar(&d.format, "format", "", "shape the secret for its use: the `FORM` header, env or curl-config")
	must(c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(secretForms, cobra.ShellCompDirectiveNoFileComp)))
}

var secretForms = []string{"header", "env", "curl-config"}

// check validates --format before anything is changed.
func (d *delivery) check() error {
	if d.format != "" && !slices.Contains(secretForms, d.format) {
		return usage(fmt.Sprintf("there is no --format %q", d.format), "the forms are header, env and curl-config")
	}
	if d.format != "" && d.app.asked() {
		return usage("--format is for the secret alone; it does not go with --output, --field, --columns or --jq", "")
	}
	return nil
}

// openFile makes the file of --out. It is called when everything else is known to
// be right, just before the transaction.
func (d *delivery) openFile() error {
	if d.out == "" {
		if d.app.Term.Closed {
			return &tokenctl.Error{Code: tokenctl.CodeDeliveryFailed, Message: "cannot write the secret: stdout is closed", Hint: "name a file with --out"}
		}
		return nil
	}
	f, err := createNew(d.out, "--out")
	d.file = f
	return err
}

// write hands text over, in full and within deliveryTime.
func (d *delivery) write(ctx context.Context, text []byte) error {
	if err := d.app.intendDelivery(ctx); err != nil {
		return err
	}
	d.app.outcome.delivered = d
	limited, stop := context.WithTimeoutCause(ctx, deliveryTime, errors.New("nobody read it within five seconds"))
	defer stop()
	_, err := await(limited, func() (struct{}, error) {
		if d.file == nil {
			return struct{}{}, d.print(text)
		}
		_, err := d.file.Write(text)
		if err == nil {
			err = d.file.Sync()
		}
		return struct{}{}, errors.Join(err, d.file.Close())
	})
	if err == nil || ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return undelivered(err)
}

// emptyFile takes back what was written so far, for another attempt, and reports whether it
// could.
func (d *delivery) emptyFile() bool {
	if d.app.outcome.delivered != nil {
		return false
	}
	if d.file == nil {
		return true
	}
	d.unsynced = 0
	_, err := d.file.Seek(0, io.SeekStart)
	return err == nil && d.file.Truncate(0) == nil
}

// print writes text to stdout in pieces that a pipe takes as a whole or not at
// all, so that it is known whether anything was printed.
func (d *delivery) print(text []byte) error {
	const pipeBuf = 4096 // PIPE_BUF, pipe(7)
	for piece := range slices.Chunk(text, pipeBuf) {
		n, err := d.app.Stdout.Write(piece)
		d.printed.Add(int64(n))
		if err != nil {
			return err
		}
	}
	return nil
}

func undelivered(err error) error {
	return &tokenctl.Error{Code: tokenctl.CodeDeliveryFailed, Message: "cannot write the result: " + tokenctl.Reason(err), Err: err}
}

// outFile is the file of --out while a stream is written to it. It is flushed
// on the way, so that the end is no long wait.
type outFile struct{ d *delivery }

// syncEvery is how many bytes wait for the disk.
const syncEvery = 16 << 20

// Write implements io.Writer.
func (f outFile) Write(p []byte) (int, error) {
	n, err := f.d.file.Write(p)
	if f.d.unsynced += n; err == nil && f.d.unsynced >= syncEvery {
		f.d.unsynced = 0
		err = f.d.file.Sync()
	}
	if err != nil {
		err = undelivered(err)
	}
	return n, err
}

// settleFile ends the delivery with the error of the transaction. It removes the file if nothing was changed.
func (d *delivery) settleFile(err error) error {
	if err != nil && tokenctl.CodeOf(err) != tokenctl.CodeOutcomeUnknown {
		d.removeFile()
	}
	return err
}

// removeFile removes the file of --out.
func (d *delivery) removeFile() {
	if d.file != nil {
		d.file.Close() //nolint:errcheck // it may be closed already
		d.removed = os.Remove(d.out) == nil
	}
}

// dead says that secrets that went out open nothing; nothing where none did.
func (d *delivery) dead() string {
	switch {
	case d.file != nil && d.removed, d.file == nil && d.printed.Load() == 0:
		return ""
	case d.file != nil:
		return "what is in " + d.out + " is dead; remove it"
	case d.token && d.bare:
		return "the printed secret is dead"
	case d.token:
		return "the printed secrets are dead"
	}
	return "what was printed does not hold"
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
