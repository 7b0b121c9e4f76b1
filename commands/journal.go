package commands

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tokenctl"
	"tokenctl/journal"
	"tokenctl/output"
)

// journal shows what the commands that change rows have recorded, and checks that nobody has
// changed the record. What is recorded, and when, is in journal_entry.go.

var journalColumns = []output.Column{{Name: "entry"}, {Name: "time"}, {Name: "user"}, {Name: "sudo_user", Extra: true}, {Name: "host", Extra: true}, {Name: "context", Extra: true},
	{Name: "database", Extra: true}, {Name: "schema", Extra: true}, {Name: "command"}, {Name: "kind"}, {Name: "count"}, {Name: "outcome"}, {Name: "settled", Extra: true}}

// journalShowColumns are those of one entry.
var journalShowColumns = slices.Concat(journalColumns, []output.Column{{Name: "note"}, {Name: "ids"}})

var journalRotateColumns = []output.Column{{Name: "file", Whole: true}}

var journalVerifyColumns = []output.Column{{Name: "file"}, {Name: "line"}, {Name: "problem"}}

func newJournal(a *App) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "journal",
		Short: "Show and check the record of what tokenctl changed",
		Long: `Show and check the journal: the record that every command that changes rows writes to
the file of journal in tokenctl.toml, or of TOKENCTL_JOURNAL. Without either none is
kept.

An entry begins before the change is committed, and nothing is changed if it cannot be
written. Behind the commit it is settled. An entry that is open was not settled: the
process was killed, and the rows tell whether its change was made. serve records
nothing without --journal.

Each line holds the hash of the line before. Whoever owns the file can write all of it
anew, with other hashes. Only an anchor shows that: a hash that is kept elsewhere.`,
		Example: `  tokenctl journal list
  tokenctl journal show --head
  tokenctl journal verify`,
	}
	c.PersistentFlags().StringVar(&file, "file", "", "the journal `FILE` instead of the configured one, such as one that was rotated")
	c.AddCommand(paged(newJournalList(a, &file)), paged(newJournalShow(a, &file)), newJournalVerify(a, &file), newJournalRotate(a, &file))
	return c
}

func newJournalList(a *App, file *string) *cobra.Command {
	var open bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the entries",
		Long: `List the entries as they were settled, and the open ones behind them. The outcome is
done; "not done" if the transaction was rolled back; unknown if the answer to the
commit did not come; or open.`,
		Example: `  tokenctl journal list
  tokenctl journal list --open
  tokenctl journal list -o json | jq '.[] | select(.user == "alice")'`,
		RunE: a.ofJournal(file, func(_ *cobra.Command, path string, _ []string) error { return a.listJournal(path, open) }),
	}
	c.Flags().BoolVar(&open, "open", false, "only those that are not settled")
	return c
}

// ofJournal returns the work of a command that reads a journal: the file of --file, or the configured one.
func (a *App) ofJournal(file *string, run func(c *cobra.Command, path string, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		if *file != "" {
			return run(c, *file, args)
		}
		if _, err := a.resolveTarget(); err != nil {
			return err
		}
		path := a.journalPath()
		if path == "" {
			return usage("no journal is configured", "name its file in journal of tokenctl.toml or in TOKENCTL_JOURNAL, or give --file")
		}
		return run(c, path, args)
	}
}

func journalRow(r *journal.Recorded) []output.Value {
	return []output.Value{output.String(r.ID), output.Time(r.Time), output.OptString(r.User), output.OptString(r.SudoUser), output.OptString(r.Host), output.OptString(r.Context),
		output.OptString(r.Database), output.OptString(r.Schema), output.String(r.Command), output.OptString(r.Kind), output.Int(int64(r.Count)), output.String(r.Outcome), output.Time(r.Settled)}
}

func (a *App) listJournal(file string, open bool) error {
	w, err := output.NewWriter(a.Stdout, journalColumns, a.options(false))
	if err != nil {
		return err
	}
	for r, err := range journal.Entries(file) {
		if err == nil && (!open || r.Outcome == journal.Unsettled) {
			err = w.Write(journalRow(r))
		}
		if err != nil {
			w.Flush() //nolint:errcheck // the error that ended the list is the one to tell
			return err
		}
	}
	return w.Close()
}

func newJournalShow(a *App, file *string) *cobra.Command {
	var head bool
	c := &cobra.Command{
		Use:   "show {<entry> | --head}",
		Short: "Show one entry with all of its ids, or the last hash",
		Long: `Show an entry with the ids of all rows that it is about. --head prints the hash of
the last line: an anchor for journal verify.`,
		Example: `  tokenctl journal show 0c9a1f4be0d2a377
  tokenctl journal show --head`,
		Args: func(c *cobra.Command, args []string) error {
			if head == (len(args) == 1) || len(args) > 1 {
				return usage("journal show takes the id of one entry, or --head", "tokenctl journal list shows the ids")
			}
			return nil
		},
		RunE: a.ofJournal(file, func(_ *cobra.Command, path string, args []string) error {
			if head {
				return a.showHead(path)
			}
			return a.showEntry(path, args[0])
		}),
	}
	c.Flags().BoolVar(&head, "head", false, "print the hash of the last line")
	return c
}

// anchorOf is a hash as --anchor takes it. As one word it would look like a secret, which no
// argument may be.
func anchorOf(hash string) string {
	var parts []string
	for part := range slices.Chunk([]byte(hash), 16) {
		parts = append(parts, string(part))
	}
	return strings.Join(parts, "-")
}

func (a *App) showHead(file string) error {
	s, err := journal.Check(file, "")
	if err == nil {
		_, err = fmt.Fprintln(a.Stdout, anchorOf(s.Head))
	}
	return err
}

func (a *App) showEntry(file, id string) error {
	for r, err := range journal.Entries(file) {
		if err != nil {
			return err
		}
		if r.ID == id {
			row := append(journalRow(r), output.OptString(r.Note), output.Strings(r.IDs))
			return a.write(journalShowColumns, [][]output.Value{row}, true)
		}
	}
	return &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "the journal " + file + " has no entry " + id, Hint: "tokenctl journal list shows the ids"}
}

func newJournalVerify(a *App, file *string) *cobra.Command {
	var anchor string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Find lines that were changed, moved or removed",
		Long: `Check the journal, and the files before it that were rotated and stand beside it. A
line that was changed, moved or removed is found by the hashes. That the end was cut off
shows only with --anchor: a hash that journal show --head printed before.

Whoever owns the file can write all of it anew. Keep an anchor where they cannot.

The exit status is 4 if something is wrong. Open entries are only told.`,
		Example: `  tokenctl journal verify
  tokenctl journal verify --anchor "$(cat /mnt/elsewhere/anchor)"`,
		RunE: a.ofJournal(file, func(_ *cobra.Command, path string, _ []string) error {
			return a.verifyJournal(path, strings.ReplaceAll(strings.ToLower(anchor), "-", ""))
		}),
	}
	c.Flags().StringVar(&anchor, "anchor", "", "a `HASH` that the journal had at some time")
	return c
}

func (a *App) verifyJournal(file, anchor string) error {
	var rows [][]output.Value
	wrong := func(file string, line int, text string) {
		rows = append(rows, []output.Value{output.String(file), positive(line), output.String(text)})
	}
	anchored, entries, partial := false, 0, 0
	var open []string
	for carried := ""; file != ""; {
		s, err := journal.Check(file, anchor)
		if err != nil && carried != "" {
			a.say("note: the files before it were not checked: %s", err)
			break
		}
		if err != nil {
			return err
		}
		if carried == "" {
			open = s.Open
		} else if s.Head != carried {
			wrong(file, 0, "its end is missing, or the file behind it continues another one")
		}
		for _, p := range s.Problems {
			wrong(file, p.Line, p.What)
		}
		anchored, entries, partial = anchored || s.Anchored, entries+s.Entries, partial+s.Partial
		if carried = s.Carried; s.Before == "" {
			break
		}
		file = filepath.Join(filepath.Dir(file), filepath.Base(s.Before))
	}
	if anchor != "" && !anchored {
		wrong(file, 0, "no line has the hash of the anchor: the end was cut off, or all was written anew")
	}
	if err := a.write(journalVerifyColumns, rows, false); err != nil {
		return err
	}
	if partial > 0 {
		a.say("note: %s: a process was killed, or the disk was full", plural(partial, "line is not whole", "lines are not whole"))
	}
	if len(open) > 0 {
		a.say("note: %s: %s", plural(len(open), "entry is open", "entries are open"), firstOf(open, ", "))
	}
	if len(rows) > 0 {
		return errNo
	}
	a.say("%s, no problem found", plural(entries, "entry", "entries"))
	return nil
}

func newJournalRotate(a *App, file *string) *cobra.Command {
	return &cobra.Command{
		Use:   "rotate",
		Short: "Begin a new file that continues the journal",
		Long: `Give the journal a name with the time behind it, and begin a new file. The first line of
the new file holds the last hash of the old one, so that journal verify checks both.
Commands that run meanwhile go on in the new file.`,
		Example: `  tokenctl journal rotate`,
		RunE:    a.ofJournal(file, func(c *cobra.Command, path string, _ []string) error { return a.rotateJournal(c.Context(), path) }),
	}
}

func (a *App) rotateJournal(ctx context.Context, file string) error {
	if _, err := os.Stat(file); err != nil { // to open it would make it
		return &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "there is no journal " + file + " to rotate"}
	}
	j, err := journal.Open(file)
	if err != nil {
		return err
	}
	old, err := j.Rotate(ctx, a.Now())
	if err != nil {
		return err
	}
	return a.write(journalRotateColumns, [][]output.Value{{output.String(old)}}, true)
}
