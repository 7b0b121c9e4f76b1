package commands

import (
	"context"
	"fmt"
	"strings"

	"tokenctl/db"
	"tokenctl/db/engine"
	"tokenctl/tokens"
)

// tables checks the tables that commands read and write.
func (d *doctor) tables(tx *db.Tx) error {
	l := tx.Layout
	if text := l.Contradicted; text != "" {
		d.add("user_table", statusProblem, text, "correct user_table under [auth] in tokenctl.toml, or remove it: the foreign key determines the owner of a token")
	}
	d.owners(l)
	for _, n := range l.NotUnique() {
		d.add("constraints", statusWarning, fmt.Sprintf("%s.%s has no unique constraint: several rows may have one %s", n.Table, n.Column, n.Column),
			"as its owner, when no two rows have the same: "+n.Create)
	}
	for _, o := range l.OddTypes() {
		fix := "change the column's type to that of a new Django database"
		if o.Mend != "" {
			fix = "as its owner: " + o.Mend
		}
		d.add("types", statusWarning, fmt.Sprintf("%s.%s is of the type %s, and Django makes %s", o.Table, o.Column, o.Type, o.Want), fix)
	}
	for _, part := range []struct {
		check   string
		writes  bool // it matters only for changes
		examine func(*db.Tx) error
	}{{"views", false, d.views}, {"triggers", true, d.triggers}, {"row_security", false, d.rowSecurity}, {"sequences", true, d.sequences}} {
		if part.writes && d.readOnly {
			continue
		}
		if err := d.try(tx, part.check, func() error { return part.examine(tx) }); err != nil {
			return err
		}
	}
	if err := d.bounded(tx, "owners", func(ctx context.Context) error { return d.ownerless(ctx, tx) }); err != nil {
		return err
	}
	return d.bounded(tx, "values", func(ctx context.Context) error { return d.unreadable(ctx, tx) })
}

// owners reports the kinds whose users are not in the table of AUTH_USER_MODEL.
func (d *doctor) owners(l *db.Layout) {
	for _, k := range tokens.Kinds() {
		kind, t := k.Name, l.Credentials(k.Name)
		if t == nil || t.Owner == nil || l.User == nil || t.Owner.Table == l.User.Table {
			continue
		}
		d.add("owners", statusWarning, fmt.Sprintf("%s refers to the users in %s, and AUTH_USER_MODEL is %s: --user leaves %s out", t, t.Owner, l.User, kind),
			"name that kind alone, and --user means its users: tokenctl list --kind "+kind+" --user NAME")
	}
}

// views reports views and foreign tables whose constraints are not known, and the statements that they refuse.
func (d *doctor) views(tx *db.Tx) error {
	lacks, err := tx.Unwritable(d.ctx, tx.Layout.KnownTables())
	for t, words := range lacks {
		d.lacks[t] = append(d.lacks[t], words...)
	}
	for _, t := range tx.Layout.KnownTables() {
		if t.Form == engine.Ordinary || t.Form == engine.Partitioned {
			continue
		}
		found := t.String() + " is a " + string(t.Form)
		base := t.Base()
		if base != nil {
			found += " of " + base.String()
		}
		words := lacks[t]
		switch {
		case len(words) > 0 && !d.readOnly:
			d.add("views", statusWarning, found+", which refuses "+strings.Join(words, ", "), "only read it, or make it a view of one table, or give it instead-of triggers")
		case base == nil || t.Form != engine.View:
			d.add("views", statusWarning, found+": its keys and constraints are not known, so it may have duplicate rows and rows without owners",
				"connect to the database that has the table, if there is one")
		default:
			d.info("views", "%s, which has the keys and constraints", found)
		}
	}
	return err
}

func (d *doctor) triggers(tx *db.Tx) error {
	list, err := tx.Triggers(d.ctx, tx.Layout.Written())
	for _, t := range list {
		what := "trigger"
		if t.Rule {
			what = "rule"
		}
		if t.Before {
			d.add("triggers", statusWarning, fmt.Sprintf("%s has the %s %s, which can keep rows from being changed", t.Table, what, t.Name),
				"check what it does; tokenctl names the rows that were not changed")
		} else {
			d.info("triggers", "%s has the %s %s", t.Table, what, t.Name)
		}
	}
	return err
}

// rowSecurity reports tables whose policies this role bypasses. Another check reports policies that hide rows.
func (d *doctor) rowSecurity(tx *db.Tx) error {
	list, err := tx.BypassedSecurity(d.ctx, tx.Layout.Written())
	for _, table := range list {
		d.info("row_security", "%s has row-level security, which this role bypasses", table)
	}
	return err
}

// nearlyUsed is the part of a sequence, in percent, above which doctor warns.
const nearlyUsed = 80

func (d *doctor) sequences(tx *db.Tx) error {
	list, err := tx.Sequences(d.ctx, tx.Layout.Written())
	for _, s := range list {
		switch {
		case s.Used() > nearlyUsed:
			d.add("sequences", statusWarning, fmt.Sprintf("%s has used %d %% of the numbers that %s and its column hold", s.Name, s.Used(), s.Table),
				"in the project, change the primary key to BigAutoField and migrate; or as its owner: "+s.Widen)
		case s.Behind():
			d.add("sequences", statusProblem, fmt.Sprintf("%s gives %d next, and %s has rows up to %d: new rows are refused", s.Name, s.Next, s.Table, s.Largest), "as its owner: "+s.Set)
		}
	}
	return err
}

// orMore adds "or more" to a number of rows if not all rows were counted. text is the number as text.
func orMore(n int, text string) string {
	if n == engine.MaxOrphans {
		return text + " or more"
	}
	return text
}

// ownerless reports rows whose owner does not exist.
func (d *doctor) ownerless(ctx context.Context, tx *db.Tx) error {
	list, err := tx.Ownerless(ctx)
	for _, o := range list {
		n := orMore(o.Rows, count(o.Rows, "row"))
		what := "lists do not show them, and the application accepts none"
		if o.JWTs {
			what = "lists show them without a user, and simplejwt before 5.4 still refreshes them"
		}
		d.add("owners", statusWarning, fmt.Sprintf("%s has %s without an owner in %s: %s", o.Table, n, o.Parent, what), o.Mend)
	}
	return err
}

// unreadable reports rows with values that cannot be read.
func (d *doctor) unreadable(ctx context.Context, tx *db.Tx) error {
	list, err := tx.Unreadable(ctx)
	for _, u := range list {
		rows := orMore(u.Rows, count(u.Rows, "row"))
		var names []string
		for _, id := range u.Users {
			names = append(names, "user "+id)
		}
		if u.Kind != "" {
			k, _ := tokens.KindNamed(u.Kind)
			for _, ref := range u.First {
				names = append(names, k.RowID(ref))
			}
		}
		d.add("values", statusWarning, fmt.Sprintf("%s.%s holds %s in %s: %s", u.Table, u.Column, u.What, rows, strings.Join(names, ", ")), "as its owner: "+u.Mend)
	}
	return err
}
