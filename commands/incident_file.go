package commands

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"tokenctl/output"
	"tokenctl/tokens"
)

// incidentFile is what the report file of incident holds: the result, when it happened, and who
// ran it.
type incidentFile struct {
	started  time.Time
	row      func() []output.Value // the result as an object
	sections func() []section      // the same for people
}

// section is a part of the report file for people: lines, or rows under a header.
type section struct {
	title string
	lines []string
	rows  [][]string // the first is the header
}

// document makes it the content of the report file, if there is one.
func (d incidentFile) document(a *App) {
	if a.reportFile != nil {
		d.started = a.store.Now()
		a.reportFile.document = d.write
	}
}

var incidentFileColumns = []output.Column{{Name: "schema_version"}, {Name: "command"}, {Name: "database"}, {Name: "started"}, {Name: "time"}, {Name: "operator"}, {Name: "outcome"}}

func (d incidentFile) write(r *reportFile, to io.Writer, outcome string) error {
	now := r.app.store.Now()
	who, host := operator("uid " + strconv.Itoa(os.Getuid()))
	if host != "" {
		who += "@" + host
	}
	if r.form() == ".json" {
		row := []output.Value{output.Int(incidentSchema), output.String(r.command), output.String(r.app.databaseName()), output.Time(d.started), output.Time(now),
			output.String(who), output.String(outcome)}
		return writeRows(to, slices.Concat(incidentFileColumns, incidentColumns[1:]), [][]output.Value{append(row, d.row()[1:]...)}, output.Options{Format: output.JSON, Single: true})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# tokenctl %s\n\n- started: %s\n- ended: %s\n- database: %s\n- operator: %s\n- outcome: %s\n", r.command, moment(d.started, ""), moment(now, ""),
		cell(r.app.databaseName()), cell(who), outcome)
	for _, s := range d.sections() {
		s.write(&b)
	}
	_, err := io.WriteString(to, b.String())
	return err
}

func (s section) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n", cell(s.title))
	for _, line := range s.lines {
		fmt.Fprintf(b, "- %s\n", cell(tokens.Hide(line)))
	}
	for i, row := range s.rows {
		for _, text := range row {
			fmt.Fprintf(b, "| %s ", cell(text))
		}
		b.WriteString("|\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
}

// operator returns who runs tokenctl, or nameless if the user has no name, and where. The host is empty if it
// has no name.
func operator(nameless string) (name, host string) {
	host, _ = os.Hostname() //nolint:errcheck // it is empty then
	if u, err := user.Current(); err == nil {
		return cmp.Or(u.Username, nameless), host
	}
	return nameless, host
}

// sections are the incident for people.
func (n *incident) sections() []section {
	var subject []string
	n.saySubject(func(format string, args ...any) {
		subject = append(subject, strings.TrimSpace(fmt.Sprintf(format, args...)))
	})
	list := []section{{title: "Leaked", lines: subject}, {title: "Reach", rows: [][]string{{"id", "status", "created", "expires"}}},
		{title: "Done"}, {title: "Remains", rows: [][]string{residualHeader}}, {title: "Proof", rows: [][]string{{"id", "dead", "reason"}}}}
	reach, done, remains, proofs := &list[1], &list[2], &list[3], &list[4]
	for _, c := range n.reach() {
		reach.rows = append(reach.rows, []string{c.ID, string(c.Status), moment(c.Created, "not known"), moment(c.Expires, "never, or not known")})
	}
	for _, a := range n.done {
		done.lines = append(done.lines, n.doneWords(a))
	}
	done.lines = append(done.lines, n.word()...)
	for i := range n.residual {
		remains.rows = append(remains.rows, residualCells(&n.residual[i], n.logsOut(n.residual[i].Lever)))
	}
	for _, p := range n.proof {
		proofs.rows = append(proofs.rows, []string{p.id, yesNo(p.dead), p.reason})
	}
	contained := "no"
	if n.contained() {
		contained = "yes: every row that was to be ended is proved dead"
	}
	return append(list, section{title: "Contained", lines: []string{contained}})
}

var residualHeader = []string{"what", "id", "until", "certain", "to end it", "logs out", "about"}

func residualCells(x *tokens.Exposure, users *int) []string {
	cost := "not known"
	if users != nil {
		cost = strconv.Itoa(*users)
	}
	return []string{x.What, x.ID, moment(x.Until, "not known"), yesNo(x.Certain), strings.TrimSpace(x.Lever.Name + " " + x.Lever.Command), cost, x.Text}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
