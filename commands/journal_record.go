package commands

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/user"
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

// The journal of a command: each of its transactions that changes rows is an entry. The
// intent is written when all rows have been changed, before secrets are delivered and before
// the commit, in intend. The phase in which the transaction ends is the settlement. Package
// db/engine calls both for every transaction, so no command has to think of it. What
// App.record was given tells which rows they are.

// openJournal opens the journal that the settings name, if any, and has transactions recorded
// in it. A journal that cannot be written is told before anything is shown or asked.
func (a *App) openJournal(o *db.Options) (err error) {
	path := a.journalPath()
	switch {
	case !a.mutating && !a.requests, path == "" && !a.journaled:
		return nil
	case path == "":
		return usage("--journal: no journal is configured", "name its file in journal of tokenctl.toml, or in TOKENCTL_JOURNAL")
	case a.requests && !a.journaled:
		return nil
	}
	a.journal, err = journal.Open(path)
	if o.Intend = a.intend; a.requests {
		o.Intend = a.intendRequest
	}
	return err
}

// journalPath is the path of the journal, empty where none is kept.
func (a *App) journalPath() string {
	if path := a.Getenv("TOKENCTL_JOURNAL"); path != "" {
		return path
	}
	if a.settings.Journal == "" {
		return ""
	}
	return a.settingPath(a.settings.Journal)
}

// intend writes the intent of the transaction under way, unless that is done. The function
// that it returns settles it.
func (a *App) intend(ctx context.Context) (func(engine.Phase), error) {
	if a.entry != nil {
		return a.settle, nil
	}
	return a.settle, a.begin(ctx, a.intent())
}

// intendDelivery writes the intent before secrets go out. If no row is known to be changed,
// the commit decides whether there is one.
func (a *App) intendDelivery(ctx context.Context) error {
	if a.journal == nil || a.entry != nil {
		return nil
	}
	in := a.intent()
	if len(in.IDs) == 0 {
		return nil
	}
	return a.begin(ctx, in)
}

func (a *App) begin(ctx context.Context, in journal.Intent) (err error) {
	a.entry, err = a.journal.Intend(ctx, a.Now(), in)
	return err
}

// settle writes what became of the transaction whose intent is written.
func (a *App) settle(p engine.Phase) {
	if a.entry == nil {
		return
	}
	if err := settleEntry(a.entry, a.Now(), p); err != nil {
		a.unsettled = err
	}
	a.entry = nil
	if p == engine.Committed {
		a.settled = len(a.parts)
	}
}

// settlingTime is how long the lock on the journal is waited for when the transaction is over.
const settlingTime = 5 * time.Second

func settleEntry(e *journal.Entry, now time.Time, p engine.Phase) error {
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

// intendRequest writes the intent of a request to serve. Several are under way at once.
func (a *App) intendRequest(ctx context.Context) (func(engine.Phase), error) {
	e, err := a.journal.Intend(ctx, a.Now(), a.journalHead())
	if err != nil {
		return nil, err
	}
	return func(p engine.Phase) {
		if err := settleEntry(e, a.Now(), p); err != nil {
			a.say("warning: the journal could not be settled, and an entry stays open: %s", err)
		}
	}, nil
}

// withUnsettled is the error of a command whose journal could not be settled; err is that of
// the command itself.
func (a *App) withUnsettled(err error) error {
	switch {
	case a.unsettled == nil:
	case err == nil, errors.Is(err, errNo):
		return &tokenctl.Error{Code: tokenctl.CodeJournalFailed, Message: "done; the journal could not be settled: " + a.unsettled.Error(), Hint: "its entry stays open"}
	default:
		a.say("note: the journal could not be settled, and its entry stays open: %s", a.unsettled)
	}
	return err
}

// intent is what the journal says of the transaction under way, by what was recorded since
// the last one that was committed.
func (a *App) intent() journal.Intent {
	in := a.journalHead()
	var kinds []string
	for _, part := range a.parts[a.settled:] {
		part(func(row reportRow) {
			if row.outcome != rowDone && row.outcome != rowUnclear {
				return
			}
			if row.replaces == "" { // the predecessor has a row of its own
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

// journalID names a row. A user who has no primary key yet is named by the quoted name.
func journalID(row *reportRow) string {
	if row.kind != "user" {
		return row.id
	}
	if row.id != "" {
		return "user:" + row.id
	}
	return "user:" + strconv.Quote(row.user.Username)
}

// journalHead is what every entry of this process says.
func (a *App) journalHead() journal.Intent {
	in := journal.Intent{SudoUser: a.Getenv("SUDO_USER"), Schema: a.global.schema, Command: journalCommand(a.args)}
	if u, err := user.Current(); err == nil {
		in.User = u.Username
	}
	in.User = cmp.Or(in.User, strconv.Itoa(os.Getuid()))
	in.Host, _ = os.Hostname() //nolint:errcheck // it is empty then
	if a.context != nil {
		in.Context = a.context.name
	}
	if t, err := a.target(); err == nil {
		in.Database = t.String()
	}
	return in
}

// mostCommand is how many bytes of a command line an entry shows.
const mostCommand = 1000

// journalCommand is the command line as it can be pasted, without what looks like a secret.
func journalCommand(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = quoted(arg)
	}
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
