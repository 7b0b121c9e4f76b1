package commands

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

// incidentSchema is the version of the JSON.
const incidentSchema = 1

var incidentColumns = []output.Column{{Name: "schema_version"}, {Name: "subject"}, {Name: "reach"}, {Name: "done"}, {Name: "residual"}, {Name: "proof"}, {Name: "contained"}}

// write writes the result: the screen, or the object if the options ask for another form of output. whole is
// true if nobody has seen the beginning of the screen yet.
func (n *incident) write(whole bool) error {
	return n.app.writeIncident(n.row(), func(to io.Writer, o output.Options) error { return n.screen(to, o, whole || !n.app.Term.Stdout) })
}

// writeIncident writes the result of incident.
func (a *App) writeIncident(row []output.Value, screen func(io.Writer, output.Options) error) error {
	o := a.options(true)
	var b bytes.Buffer
	var err error
	if !a.asked() || o.Format == output.Table && o.Field == "" && o.Columns == nil {
		err = screen(&b, o)
	} else {
		err = writeRows(&b, incidentColumns, [][]output.Value{row}, o)
	}
	if err != nil {
		return err
	}
	_, err = a.Stdout.Write(b.Bytes())
	return err
}

// object returns a row as one value, with the names of its columns.
func object(columns []output.Column, row []output.Value) output.Value {
	return output.Object(columnNames(columns), row)
}

var (
	subjectColumns = []output.Column{{Name: "id"}, {Name: "kind"}, {Name: "type"}, {Name: "user"}, {Name: "user_id"}, {Name: "status"}, {Name: "reason"},
		{Name: "created"}, {Name: "expires"}, {Name: "last_used"}, {Name: "signature"}, {Name: "owner"}, {Name: "notes"}}
	rightsColumns = []output.Column{{Name: "is_active"}, {Name: "is_staff"}, {Name: "is_superuser"}, {Name: "groups"}, {Name: "permissions"},
		{Name: "has_usable_password"}, {Name: "last_login"}}
	doneColumns     = []output.Column{{Name: "action"}, {Name: "kind"}, {Name: "id"}}
	residualColumns = []output.Column{{Name: "what"}, {Name: "id"}, {Name: "until"}, {Name: "certain"}, {Name: "lever"}, {Name: "command"}, {Name: "logs_out"}}
	proofColumns    = []output.Column{{Name: "id"}, {Name: "dead"}, {Name: "status"}, {Name: "reason"}, {Name: "probe"}}
)

// row returns the row of the whole incident.
func (n *incident) row() []output.Value {
	var reach, done, residual, proofs []output.Value
	for _, c := range n.reach() {
		reach = append(reach, object(credentialColumns, credentialRow(c)))
	}
	for _, a := range n.done {
		done = append(done, object(doneColumns, []output.Value{output.String(a.name), output.String(a.kind), output.String(a.id)}))
	}
	for i := range n.residual {
		residual = append(residual, object(residualColumns, exposureRow(&n.residual[i], n.logsOut(n.residual[i].Lever))))
	}
	for _, p := range n.proof {
		proofs = append(proofs, object(proofColumns, []output.Value{output.String(p.id), output.Bool(p.dead), output.OptString(p.status),
			output.OptString(p.reason), orNull(p.probe, probe.value)}))
	}
	return []output.Value{output.Int(incidentSchema), object(subjectColumns, n.subjectRow()), output.List(reach), output.List(done), output.List(residual),
		output.List(proofs), output.Bool(n.contained())}
}

// subjectRow returns the row about the leaked credential and its owner.
func (n *incident) subjectRow() []output.Value {
	row := make([]output.Value, len(subjectColumns))
	if n.leaked != nil {
		c := n.leaked[0]
		row = []output.Value{output.String(c.ID), output.String(c.Kind), output.OptString(c.Type), output.OptString(c.Owner.Username), output.OptString(c.Owner.ID),
			output.String(string(c.Status)), output.OptString(refusal(c)), output.Time(c.Created), output.Time(c.Expires), output.Time(c.Used), output.OptString(c.Signature),
			output.Null(), output.Strings(append(n.notes(), n.word()...))}
	} else {
		row[3], row[4], row[12] = output.OptString(n.owner.Username), output.String(n.owner.ID), output.Strings(n.word())
	}
	if n.owner != nil {
		row[11] = object(rightsColumns, n.rightsRow())
	}
	return row
}

// notes returns the other facts about the leaked credentials.
func (n *incident) notes() (list []string) {
	for _, c := range n.leaked[1:] {
		list = append(list, "the same secret is "+c.ID)
	}
	for _, c := range n.leaked {
		list = append(append(list, c.Notes...), c.BadValueNotes()...)
	}
	return list
}

// word returns the note that nobody has proved that the application asks the denylist; it may be empty.
func (n *incident) word() []string {
	denies := n.chosen.usersToVoid != nil
	for r := range n.chosen.refs.All() {
		denies = denies || r.ForDenylist()
	}
	if !denies || n.probe != nil && n.probe.refused() {
		return nil
	}
	return []string{tokens.OperatorsWord}
}

func (n *incident) rightsRow() []output.Value {
	u := n.owner
	groups := orNull(n.rights, func(r db.Rights) output.Value { return output.Strings(r.Groups) })
	permissions := orNull(n.rights, func(r db.Rights) output.Value { return intValue(r.Permissions) })
	return []output.Value{output.Bool(u.Active()), output.OptBool(u.IsStaff), output.OptBool(u.IsSuperuser), groups, permissions,
		output.Bool(u.HasUsablePassword()), output.Time(u.LastLogin)}
}

func exposureRow(x *tokens.Exposure, users *int) []output.Value {
	return []output.Value{output.String(x.What), output.OptString(x.ID), output.Time(x.Until), output.Bool(x.Certain), output.OptString(x.Lever.Name),
		output.OptString(x.Lever.Command), orNull(users, intValue)}
}

// screen writes the incident for a person. whole is false if the person has already seen the leaked credential
// and its owner.
func (n *incident) screen(to io.Writer, o output.Options, whole bool) error {
	var b bytes.Buffer
	say := func(format string, args ...any) { b.WriteString(output.Visible(fmt.Sprintf(format, args...)) + "\n") }
	if whole {
		n.saySubject(say)
		reach := n.reach()
		if n.owner != nil {
			say("reach: %s of %s", count(len(reach), "other credential"), whose(n.owner))
		}
		rows := tokenctl.Mapped(reach, credentialRow)
		o.Format, o.Single = output.Table, false
		if err := writeRows(&b, credentialColumns, rows, o); err != nil {
			return err
		}
	}
	for _, a := range n.done {
		say("done: %s", n.doneWords(a))
	}
	for i := range n.residual {
		n.sayExposure(say, &n.residual[i])
	}
	for _, p := range n.proof {
		if reason := p.reason; p.dead {
			if reason == "unknown" { // verify's word for a secret without a row
				reason = "the database has no row of it"
			}
			say("proof: %s is dead: %s", p.id, reason)
		} else {
			say("proof: %s is not dead: %s", p.id, cmp.Or(p.reason, "the application accepts it"))
		}
		if p.probe != nil {
			say("  %s answers it with the status %d now", p.probe.url.Host, p.probe.after)
		}
	}
	for _, note := range n.word() {
		say("note: %s", note)
	}
	n.sayVerdict(say)
	_, err := to.Write(b.Bytes())
	return err
}

// doneWords returns the text about an action.
func (n *incident) doneWords(a action) string {
	name := a.id
	if a.kind == "user" {
		name = whose(n.owner)
	}
	return strings.ReplaceAll(a.name, "_", " ") + " " + name
}

// saySubject shows the leaked credential, its owner, and the rights of the owner.
func (n *incident) saySubject(say func(string, ...any)) {
	if n.leaked != nil {
		c := n.leaked[0]
		state := string(c.Status)
		if why := refusal(c); why != "" && why != state {
			state += ", but refused: " + why
		}
		say("leaked: %s, %s", c.ID, state)
		say("  created: %s", moment(c.Created, "not known"))
		ends := "never"
		if c.EndUnknown() {
			ends = "not known"
		}
		say("  expires: %s", moment(c.Expires, ends))
		say("  last used: %s", moment(c.Used, "the rows do not say"))
		if n.probe != nil {
			say("  %s answers it with the status %d", n.probe.url.Host, n.probe.before)
		}
		for _, note := range n.notes() {
			say("  note: %s", note)
		}
	}
	u := n.owner
	if u == nil {
		say("owner: nobody known")
		return
	}
	say("owner: %s (id %s), %s", whose(u), u.ID, strings.Join(n.rightsWords(), ", "))
	say("  last login: %s", moment(u.LastLogin, "not known"))
}

// rightsWords returns the rights of the owner in words.
func (n *incident) rightsWords() []string {
	u := n.owner
	words := []string{"inactive"}
	if u.Active() {
		words[0] = "active"
	}
	superuser := u.IsSuperuser != nil && *u.IsSuperuser
	if superuser {
		words = append(words, "superuser: every permission")
	}
	if u.IsStaff != nil && *u.IsStaff {
		words = append(words, "staff")
	}
	if n.rights != nil {
		if !superuser {
			words = append(words, count(n.rights.Permissions, "permission"))
		}
		if n.rights.Groups != nil {
			words = append(words, "groups "+strings.Join(n.rights.Groups, " and "))
		}
	}
	if u.HasUsablePassword() {
		return append(words, "usable password")
	}
	return append(words, "no usable password")
}

func (n *incident) sayExposure(say func(string, ...any), x *tokens.Exposure) {
	until := ""
	if !x.Until.IsZero() {
		until = " until " + moment(x.Until, "")
	}
	if !x.Certain {
		until += ", perhaps"
	}
	what := x.What
	if x.ID != "" {
		what += " " + x.ID
	}
	say("remains: %s%s: %s", what, until, x.Text)
	if x.Lever.Command == "" {
		return
	}
	cost := "how many users that logs out is not known"
	if users := n.logsOut(x.Lever); users != nil {
		cost = "logs out " + count(*users, "user")
	}
	say("  to end it: %s (%s)", x.Lever.Command, cost)
}

func (n *incident) sayVerdict(say func(string, ...any)) {
	remains := "nothing remains that tokenctl knows of"
	if k := len(n.residual); k > 0 {
		remains = plural(k, "exposure remains", "exposures remain")
	}
	switch {
	case n.done != nil && n.contained():
		say("contained; %s", remains)
	case n.done != nil:
		say("not contained: not everything is proved dead; %s", remains)
	case n.acts():
		verb, what := n.words()
		before := "nothing was done; "
		if n.asking {
			before = ""
		}
		say("%sthis would %s %s; then %s", before, verb, what, remains)
	case n.leaked == nil:
		say("nothing was done: --all, --deactivate and --reset-password say what to do; %s", remains)
	default:
		say("nothing was done: no row would end it; %s", remains)
	}
}
