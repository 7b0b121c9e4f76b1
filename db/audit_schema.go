package db

import (
	"context"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db/engine"
)

// Drift is a constraint or an index that Django's migrations make and the table does not have.
type Drift struct {
	Table, Column string
	What          string // "unique constraint", "foreign key" or "index"
	Create        string // the statement that makes it
}

// Drifts compares the tables of credentials with those that Django makes: authtoken and knox
// (knox/models.py, 5.0), simplejwt's token_blacklist (5.5), django.contrib.sessions (5.2). It skips
// views and foreign tables, whose constraints are not known.
func (tx *Tx) Drifts(ctx context.Context) (list []Drift, err error) {
	l := tx.Layout
	for _, n := range l.NotUnique() {
		list = append(list, Drift{n.Table.String(), n.Column, "unique constraint", n.Create})
	}
	if u, err := l.Users(); err == nil && u.Stored() {
		index, err := tx.UsernameIndex(ctx)
		if err != nil {
			return nil, err
		}
		if index != nil && !index.Unique {
			list = append(list, Drift{u.String(), u.Username, "unique constraint", index.Create})
		}
	}
	for _, name := range []string{tableAuthToken, tableKnox, tableOutstanding, tableBlacklisted} {
		t := l.tables[name]
		if t == nil || !t.Stored() {
			continue
		}
		column, to := "user_id", (*engine.Table)(nil)
		if t.Owner != nil {
			to = t.Owner.Table
			if n := len(t.Owner.Children); n > 0 {
				to = t.Owner.Children[0]
			}
		}
		if name == tableBlacklisted {
			column, to = "token_id", nil
			if o := l.Outstanding(); o != nil {
				to = o.Table
			}
		}
		c := t.Column(column)
		if c == nil || to == nil || c.Refers != nil || to.PrimaryKey() == nil {
			continue
		}
		d := Drift{Table: t.String(), Column: column, What: "foreign key"}
		if l.Engine == engine.PostgreSQL { // SQLite takes none later
			d.Create = "alter table " + t.Own() + " add foreign key (" + engine.Quote(column) + ") references " + to.Own() + " (" + engine.Quote(to.PrimaryKey().Name) + ") deferrable initially deferred"
		}
		list = append(list, d)
	}
	for _, k := range []struct{ table, column string }{{tableKnox, "token_key"}, {tableKnox, "user_id"}, {tableOutstanding, "user_id"}, {tableSession, "expire_date"}} {
		t := l.tables[k.table]
		if t == nil || !t.Stored() || t.Column(k.column) == nil {
			continue
		}
		yes, err := tx.Indexed(ctx, t.Table, k.column)
		if err != nil {
			return nil, err
		}
		if yes {
			continue
		}
		d := Drift{Table: t.String(), Column: k.column, What: "index", Create: "create index on " + t.Own() + " (" + engine.Quote(k.column) + ")"}
		if l.Engine == engine.SQLite {
			d.Create = "create index " + engine.Quote(t.Name+"_"+k.column) + " on " + t.Own() + " (" + engine.Quote(k.column) + ")"
		}
		list = append(list, d)
	}
	return list, nil
}

// own reports whether a column is where secrets belong.
func (l *Layout) own(c engine.TextColumn) bool {
	for table, columns := range map[string][]string{tableAuthToken: {"key"}, tableKnox: {"digest", "token_key", "salt"}, tableOutstanding: {"token", "jti"}, tableSession: {"session_key"}} {
		t := l.tables[table]
		if t == nil || t.Name != c.Table || t.Schema != c.Schema {
			continue
		}
		for _, name := range columns {
			if name == c.Column {
				return true
			}
		}
	}
	return false
}

// SearchedText is a column in which a secret does not belong.
type SearchedText struct {
	engine.TextColumn
	Session bool // the column is session_data: its texts must be decoded
	Log     bool // the column is one of the admin log in which releases of DRF leave keys
	Hashed  bool // the role reads the table through a view that shows hashes of its words: see [Tx.LoggedSecrets]
	Hidden  bool // the role reads the table through a view that does not show it
}

// String is the column's name for people.
func (s SearchedText) String() string {
	return strings.TrimPrefix(s.Table, viewPrefix) + "." + s.Column
}

// SameTable reports whether two columns belong to one table.
func (s SearchedText) SameTable(other SearchedText) bool {
	return s.Schema == other.Schema && s.Table == other.Table
}

// SearchedTexts returns the columns in which secrets are searched: those of the admin log, the data of sessions, and
// those of the users except for passwords. If deep is true, it returns the columns of all tables.
func (tx *Tx) SearchedTexts(ctx context.Context, deep bool) (list []SearchedText, err error) {
	l := tx.Layout
	all, err := tx.TextColumns(ctx)
	if err != nil {
		return nil, err
	}
	is := func(c engine.TextColumn, t *engine.Table) bool {
		return t != nil && t.Name == c.Table && t.Schema == c.Schema
	}
	log, keys := l.adminLog()
	masks := l.masks()
	for _, c := range all {
		s := SearchedText{TextColumn: c}
		if i := slices.IndexFunc(masks, func(m mask) bool { return m.table.Masked() && is(c, m.table) }); i >= 0 {
			m := &masks[i]
			switch {
			case slices.Contains(m.words, c.Column):
				s.Hashed = true
			case m.secrets[c.Column] != "" || !slices.Contains(m.columns, c.Column):
				s.Hidden = true
			default:
				s.TextColumn.Table = viewName(m.table)
			}
		}
		switch {
		case l.own(c):
			continue
		case log != nil && is(c, log.Table):
			for _, name := range keys {
				s.Log = s.Log || name == c.Column
			}
		case l.Session() != nil && is(c, l.Session().Table) && c.Column == "session_data":
			s.Session = true
		default:
			wanted := deep
			for _, u := range l.userTables() {
				for _, t := range u.tables() {
					if is(c, t) {
						wanted = c.Column != "password"
					}
				}
			}
			if !wanted {
				continue
			}
		}
		list = append(list, s)
	}
	return list, nil
}

// EachText calls f for each text in some columns of one table, if the text has at least least bytes. All texts are
// of one state of the database. column is an index of columns, and key the primary key of the row.
func (s *Store) EachText(ctx context.Context, columns []SearchedText, least int, f func(column int, key, text string) error) error {
	list := tokenctl.Mapped(columns, func(c SearchedText) engine.TextColumn { return c.TextColumn })
	return s.transact(ctx, engine.Mode{ReadOnly: true, Unlimited: true}, func(tx *Tx) error { return tx.EachText(ctx, list, least, f) })
}
