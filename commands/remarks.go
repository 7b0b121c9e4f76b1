package commands

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

// messages is the state of what a run says on stderr.
type messages struct {
	held      bytes.Buffer // remarks that wait for the end, because a JSON error may have to stand alone
	noted     sync.Map     // the notes that were said
	remarksTo io.Writer    // takes remarks that would disturb the screen; nil: stderr
	line      progressLine
	pager     *pager                     // before stdout; nil: none
	paging    atomic.Pointer[os.Process] // the pager's process
}

func (a *App) jsonErrors() bool { return a.global.output == string(output.JSON) }

// remarks is where things are said that are no error. With -o json a failure is
// one JSON object and nothing else on stderr, so they wait for the end.
func (a *App) remarks() io.Writer {
	if a.jsonErrors() && !a.interactive() {
		return &a.held
	}
	if a.remarksTo != nil {
		return a.remarksTo
	}
	return a.Stderr
}

// say tells the person something about what happens, on stderr. A note is said once.
func (a *App) say(format string, args ...any) {
	if a.global.quiet {
		return
	}
	text := output.Visible(tokens.Hide(fmt.Sprintf(format, args...)))
	note, is := strings.CutPrefix(text, noteLabel)
	if !is {
		fmt.Fprintln(a.remarks(), a.wrapped(2, text))
	} else if _, again := a.noted.LoadOrStore(note, true); !again {
		fmt.Fprintln(a.remarks(), noteLabel+a.wrapped(len(noteLabel), note))
	}
}

const noteLabel = "note: "

// narrowestRemark is what text on stderr is wrapped to at least, however narrow the terminal is.
const narrowestRemark = 20

// wrapped breaks the lines of a text for stderr between words where they do not fit the
// terminal. What was broken off is indented so far.
func (a *App) wrapped(indent int, text string) string {
	width := a.width()
	if !a.Term.Stderr || width <= 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(output.Wrap(line, max(width-indent, narrowestRemark)), "\n"+strings.Repeat(" ", indent))
	}
	return strings.Join(lines, "\n")
}

// explain says something on stderr that only -v asks for.
func (a *App) explain(format string, args ...any) {
	if a.global.verbose {
		a.say(format, args...)
	}
}

// colored decides for one stream whether it may carry colour.
func (a *App) colored(terminal bool) bool {
	switch {
	case a.global.color == "always":
		return true
	case a.global.color == "never", a.Getenv("NO_COLOR") != "":
		return false
	case a.Getenv("CLICOLOR_FORCE") == "1":
		return true
	}
	return terminal && a.Getenv("TERM") != "dumb"
}

// databaseName is how messages name the database in use.
func (a *App) databaseName() string {
	if in := a.schemas.here(); in != "" {
		return a.database.String() + ", " + in
	}
	return a.database.String()
}

// introduce says what the preview below it shows.
func (a *App) introduce(verb string) { a.say("about to %s in %s:", verb, a.databaseName()) }

// sayDone is the last line of a command that has changed n rows.
func (a *App) sayDone(n int, verb, what string) {
	if n == 0 {
		verb, what = "nothing", "was changed"
	}
	a.say("%s %s in %s", verb, what, a.databaseName())
}

// sayTotal ends a list for a person.
func (a *App) sayTotal(n int, noun string) {
	if n == 0 {
		a.say("no %ss in %s", noun, a.databaseName())
		return
	}
	a.say("%s in %s", count(n, noun), a.databaseName())
}

// count is a number with its noun.
func count(n int, noun string) string { return plural(n, noun, noun+"s") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// noteOthers says which kinds the selector would select from if tokenctl could
// deal with them, so that nobody takes silence for absence.
func (a *App) noteOthers(ctx context.Context, store *db.Store, sel tokens.Selector, verb string) error {
	if sel.Kinds != nil {
		return nil
	}
	layout, err := store.Layout(ctx)
	if err != nil {
		return err
	}
	var others []string
	for _, k := range tokens.Kinds() {
		if k.Present(layout) && !k.Can(verb) {
			others = append(others, k.Title)
		}
	}
	if others != nil {
		a.say("note: the database also has %s, which this tokenctl cannot %s", strings.Join(others, ", "), verb)
	}
	return nil
}

// noteSkipped says what was not selected although it may have been wanted: what
// has no date of creation, and sessions that do not tell their owner.
func (a *App) noteSkipped(sel tokens.Selector) {
	if n := *sel.PassedOver; n > 0 {
		a.say("skipped %s without a date of creation", count(n, "session"))
	}
	if n := *sel.Unreadable; n > 0 {
		a.say("note: the data of %s could not be read: it may be anybody's", count(n, "session"))
	}
}

// noteOutlives warns of replaced credentials whose old secrets may go on.
func (a *App) noteOutlives(k *tokens.Kind) {
	switch why, assumed := k.OutlivesRow(a.settings); {
	case why != "":
		a.say("note: the old key may go on for a while: %s", why)
	case assumed != "":
		a.say("note: the old key is dead, and the new one found, %s", assumed)
	}
}

// whose names the owner of a credential.
func whose(u *db.User) string {
	if u.Username == "" && u.ID != "" {
		return "user " + u.ID // which column has the name is not known
	}
	return cmp.Or(u.Username, "nobody known")
}

// moment writes a time for people. unknown stands for the zero time.
func moment(t time.Time, unknown string) string {
	if t.IsZero() {
		return unknown
	}
	return t.UTC().Format(time.RFC3339)
}

// mostTold is the largest number of things that a command names one by one.
const mostTold = 20

// firstOf joins the first texts, and says how many there are where not all are told.
func firstOf(texts []string, separator string) string {
	if len(texts) <= mostTold {
		return strings.Join(texts, separator)
	}
	return strings.Join(texts[:mostTold], separator) + fmt.Sprintf("%sand %d more, %d in all", separator, len(texts)-mostTold, len(texts))
}
