package commands

import (
	"time"

	"tokenctl/db"
	"tokenctl/tokens"
)

// A command records what it does to which rows. Two readers want to know it: the report file of --report
// (report_file.go) and the journal (journal_entry.go).

// changeRecord is what a run has recorded.
type changeRecord struct {
	recorded       []recordedPart
	committedParts int         // the number of parts whose transactions were committed
	reportFile     *reportFile // of --report; nil: none
}

// recordedRow is what a command did to one credential or user.
type recordedRow struct {
	action   string // "blacklist"
	outcome  string // "done", or why not
	kind, id string
	user     *db.User
	created  time.Time
	expires  time.Time
	replaces string
	reason   string
	schema   string // empty unless the command runs in several
}

// recordedPart yields the rows of a part of the command's change. They are known when the part has run.
type recordedPart func(add func(recordedRow))

// The outcome of a row that was changed as asked, and of one of several of which the database
// says only how many were.
const (
	rowDone    = "done"
	rowUnclear = "unclear"
)

// recordUsers records a change of users. outcome says what became of each.
func (a *App) recordUsers(action string, users func() []db.User, outcome func(*db.User) string) {
	a.record(func(add func(recordedRow)) {
		for _, u := range users() {
			add(recordedRow{action: action, outcome: outcome(&u), kind: "user", id: u.ID, user: &u})
		}
	})
}

// everyDone is the outcome of users who are changed all or not at all.
func everyDone(*db.User) string { return rowDone }

// recordMinted records new credentials.
func (a *App) recordMinted(made *announcement) {
	made.keep = a.recording()
	a.record(func(add func(recordedRow)) {
		for _, row := range made.rows {
			add(row)
		}
	})
}

// recordChange records what a change does to a selection.
func (f *credentialChange) recordChange(s *selection) {
	f.app.record(func(add func(recordedRow)) {
		listed := map[string]bool{}
		list := func(r *tokens.Ref, reason string) {
			c := r.Credential()
			if listed[c.ID] {
				return
			}
			listed[c.ID] = true
			row := recordedRow{action: f.verb, outcome: rowDone, kind: c.Kind, id: c.ID, user: r.Owner(), created: c.Created, expires: c.Expires}
			if reason != "" {
				row.outcome, row.reason = "not done", reason
			}
			add(row)
		}
		// The credentials of a kind that was skipped may be in s.refs, too.
		for _, o := range s.missing {
			for _, r := range o.refs {
				list(r, o.reason)
			}
		}
		for r := range s.refs.All() {
			reason := ""
			if r.Outcome() != db.Changed {
				reason = r.WhyUnchanged(f.verb).Message
			}
			list(r, reason)
		}
		for _, v := range s.voided {
			add(recordedRow{action: f.verb, outcome: rowDone, kind: "denylist", id: v.ID, user: &v.User})
		}
		for _, o := range s.missing {
			if o.refs == nil && o.id != "" && !listed[o.id] {
				add(recordedRow{action: f.verb, outcome: "not done", id: o.id, reason: o.err.Message})
			}
		}
	})
}

// record adds a part to the report file and to the journal. A command calls it before the transaction that
// changes the rows. The journal calls part just before the commit, and the report file at the end of the command.
func (a *App) record(part recordedPart) {
	if !a.recording() {
		return
	}
	if a.schemas != nil {
		rows, schema := part, a.schemas.name
		part = func(add func(recordedRow)) {
			rows(func(row recordedRow) {
				row.schema = schema
				add(row)
			})
		}
	}
	a.recorded = append(a.recorded, part)
}

// recording reports whether somebody wants to know of each row what is done to it.
func (a *App) recording() bool { return a.reportFile != nil || a.journal != nil }
