package commands

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
	"tokenctl/journal"
	"tokenctl/tokens"
)

// The journal has one entry for each transaction that changes rows. An entry has two parts: the intent, which says
// what the transaction is about to change, and the settlement, which says what became of it. The functions of this
// file write both. Others only call them; db/engine/intent.go has the order of the calls:
//
//	who calls           when                                           what is written
//	delivery.write      secrets are about to go out, and rows that     intendDelivery: the intent
//	                    have changed are recorded
//	engine.Tx.intend    just before a commit that changes something    intendCommit: the intent, unless
//	                                                                   intendDelivery has written it
//	followTransaction   the transaction is rolled back                 settleEntry: the settlement "not done"
//	engine.Tx.settle    the transaction has ended after its intent     settleEntry: the settlement "done"; "not done"
//	                                                                   after a rollback; "unknown" without an answer
//
// Package db/engine calls intendCommit, followTransaction and settleEntry for every transaction, so that no command can
// forget them. A command only says which rows it changes, with App.record (record.go).
//
// tokenctl serve runs several transactions at once, one for each request. There intendRequest stands in the place of
// intendCommit, and each request settles an entry of its own.

// journaling is the state of the journal in a run.
type journaling struct {
	journal         *journal.File  // nil: none is kept
	journalRequests bool           // serve --journal: it records what requests change
	journalEntry    *journal.Entry // whose intent is written and whose settlement is not; nil: none
	journalError    error          // why a settlement could not be written
}

// openJournal opens the journal that the settings name, if there is one, and makes transactions write to it.
// If the journal cannot be written, the command fails before it shows or asks anything.
func (a *App) openJournal(o *db.Options) (err error) {
	path := a.journalPath()
	switch {
	case !a.mutating && !a.requests, path == "" && !a.journalRequests:
		return nil
	case path == "":
		return usage("--journal: no journal is configured", "name its file in journal of tokenctl.toml, or in TOKENCTL_JOURNAL")
	case a.requests && !a.journalRequests:
		return nil
	}
	a.journal, err = journal.Open(path)
	if o.Intend = a.intendCommit; a.requests {
		o.Intend = a.intendRequest
	}
	return err
}

// journalPath returns the path of the journal. It is empty if there is no journal.
func (a *App) journalPath() string {
	if path := a.Getenv("TOKENCTL_JOURNAL"); path != "" {
		return path
	}
	if a.settings.Journal == "" {
		return ""
	}
	return a.settingPath(a.settings.Journal)
}

// intendCommit writes the intent of the transaction that is about to commit, if it is not written yet. It returns the
// function that settles the entry.
func (a *App) intendCommit(ctx context.Context) (func(engine.Phase), error) {
	if a.journalEntry != nil {
		return a.settleEntry, nil
	}
	return a.settleEntry, a.writeIntent(ctx, a.newIntent())
}

// intendDelivery writes the intent before secrets are delivered. If no changed row is known, it writes
// nothing, and the commit decides whether there is an intent.
func (a *App) intendDelivery(ctx context.Context) error {
	if a.journal == nil || a.journalEntry != nil {
		return nil
	}
	in := a.newIntent()
	if len(in.IDs) == 0 {
		return nil
	}
	return a.writeIntent(ctx, in)
}

// writeIntent begins the entry of the present transaction.
func (a *App) writeIntent(ctx context.Context, in journal.Intent) (err error) {
	a.journalEntry, err = a.journal.Intend(ctx, a.Now(), in)
	return err
}

// settleEntry writes the settlement of the present transaction, which ended in the phase p. It does nothing if the
// transaction has no entry, or if the entry is settled already.
func (a *App) settleEntry(p engine.Phase) {
	if a.journalEntry == nil {
		return
	}
	if err := writeSettlement(a.journalEntry, a.Now(), p); err != nil {
		a.journalError = err
	}
	a.journalEntry = nil
	if p == engine.Committed {
		a.committedParts = len(a.recorded)
	}
}

// settlingTime is the longest wait for the lock on the journal after the transaction.
const settlingTime = 5 * time.Second

// writeSettlement writes the settlement of an entry whose transaction ended in the phase p.
func writeSettlement(e *journal.Entry, now time.Time, p engine.Phase) error {
	ctx, cancel := context.WithTimeout(context.Background(), settlingTime)
	defer cancel()
	outcome := journal.NotDone
	switch p {
	case engine.Committed:
		outcome = journal.Done
	case engine.Committing:
		outcome = journal.Unknown
	}
	return e.Settle(ctx, now, outcome)
}

// intendRequest writes the intent of a request to serve. Each request has its own entry, because several
// requests run at once.
func (a *App) intendRequest(ctx context.Context) (func(engine.Phase), error) {
	e, err := a.journal.Intend(ctx, a.Now(), a.intentHead())
	if err != nil {
		return nil, err
	}
	return func(p engine.Phase) {
		if err := writeSettlement(e, a.Now(), p); err != nil {
			a.say("warning: the journal could not be settled, and an entry stays open: %s", err)
		}
	}, nil
}

// withUnsettled returns the error of a command whose journal could not be settled. err is the command's own
// error. If the command failed, err remains the result.
func (a *App) withUnsettled(err error) error {
	switch {
	case a.journalError == nil:
	case err == nil, errors.Is(err, errNo):
		return &tokenctl.Error{Code: tokenctl.CodeJournalFailed, Message: "done; the journal could not be settled: " + a.journalError.Error(), Hint: "its entry stays open"}
	default:
		a.say("note: the journal could not be settled, and its entry stays open: %s", a.journalError)
	}
	return err
}

// newIntent returns the intent of the present transaction. It has the rows that were recorded after the last
// commit.
func (a *App) newIntent() journal.Intent {
	in := a.intentHead()
	var kinds []string
	for _, part := range a.recorded[a.committedParts:] {
		part(func(row recordedRow) {
			if row.outcome != rowDone && row.outcome != rowUnclear {
				return
			}
			if row.replaces == "" { // the old credential has a row of its own
				in.Count++
			}
			if row.outcome == rowUnclear {
				in.Note = row.reason
			}
			if !slices.Contains(kinds, row.kind) {
				kinds = append(kinds, row.kind)
			}
			in.IDs = append(in.IDs, journalID(&row))
		})
	}
	in.Kind = strings.Join(kinds, ",")
	return in
}

// journalID returns the name of a row. A user without a primary key has the quoted user name.
func journalID(row *recordedRow) string {
	if row.kind != "user" {
		return row.id
	}
	if row.id != "" {
		return "user:" + row.id
	}
	return "user:" + strconv.Quote(row.user.Username)
}

// intentHead returns the part of an intent that is the same in every entry of this process.
func (a *App) intentHead() journal.Intent {
	in := journal.Intent{SudoUser: a.Getenv("SUDO_USER"), Schema: a.global.schema, Command: journalCommand(a.args)}
	in.User, in.Host = operator(strconv.Itoa(os.Getuid()))
	if a.databaseContext != nil {
		in.Context = a.databaseContext.name
	}
	if t, err := a.resolveTarget(); err == nil {
		in.Database = t.String()
	}
	return in
}

// mostCommand is the largest number of bytes of a command line that an entry shows.
const mostCommand = 1000

// journalCommand returns the command line in a form for a shell, without the parts that look like secrets.
func journalCommand(args []string) string {
	words := tokenctl.Mapped(args, quoted)
	text := tokens.Hide(strings.Join(words, " "))
	if len(text) <= mostCommand {
		return text
	}
	n := mostCommand
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}
