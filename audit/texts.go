package audit

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
	"tokenctl/scan"
	"tokenctl/tokens"
)

// texts looks for live secrets in places where they should not be.
func (r *run) texts(*db.Layout) error {
	if rule := r.rule("clear-admin-log"); rule != nil {
		if err := r.unless(r.adminLog(rule), "the admin log", rule.ID); err != nil {
			return err
		}
	}
	rule := r.rule("clear-elsewhere")
	if rule == nil {
		return nil
	}
	return r.unless(r.elsewhere(rule), "", rule.ID)
}

// pageBytes is the number of bytes of text that are searched at a time.
const pageBytes = 4 << 20

// textPage holds texts of a column, one after the other.
type textPage struct {
	text  strings.Builder
	keys  []string // of their rows
	lines []int    // the lines in which the texts begin
	line  int
}

func (p *textPage) reset() {
	p.text.Reset()
	p.text.WriteByte('\n') // so that no text is read as an archive
	p.keys, p.lines, p.line = p.keys[:0], p.lines[:0], 2
}

func (p *textPage) add(key, text string) {
	p.keys, p.lines = append(p.keys, strings.Clone(key)), append(p.lines, p.line)
	p.text.WriteString(text)
	p.text.WriteByte('\n')
	p.line += strings.Count(text, "\n") + 1
}

// row returns the primary key of the row whose text has a line. It returns an empty text if there is none.
func (p *textPage) row(line int) string {
	i := sort.SearchInts(p.lines, line+1) - 1
	if i < 0 {
		return ""
	}
	return p.keys[i]
}

// searchedColumn is a column, with the texts that are to be searched next and the secrets that were found.
type searchedColumn struct {
	db.SearchedText
	page  textPage
	found map[string]*sighted
}

// sighted holds the places of one credential in one column.
type sighted struct {
	match *scan.Match
	rows  []string // the primary keys of the first rows
	count int
}

// mostRows is the largest number of rows of a column that a finding names.
const mostRows = 5

// elsewhere searches columns of text with the finder of package scan. It reads each table once.
func (r *run) elsewhere(rule *Rule) error {
	var columns []db.SearchedText
	err := r.store.Read(r.ctx, func(tx *db.Tx) (err error) {
		columns, err = tx.SearchedTexts(r.ctx, r.Deep)
		return err
	})
	if err != nil {
		return err
	}
	for _, c := range columns {
		if c.Hidden {
			r.skip(rule.ID, "the database role cannot read "+c.String())
		}
	}
	columns = slices.DeleteFunc(columns, func(c db.SearchedText) bool { return c.Hidden })
	s := &search{run: r, rule: rule, database: &scan.Database{Env: r.env, Store: r.store, KeyForms: r.keyForms}}
	if s.shapes, _, _, err = s.database.Shapes(r.ctx); err != nil {
		return err
	}
	for len(columns) > 0 {
		n := 1
		for n < len(columns) && columns[n].SameTable(columns[0]) {
			n++
		}
		if err := s.table(columns[:n]); err != nil {
			return err
		}
		columns = columns[n:]
	}
	if err := s.database.Refused(); err != nil {
		r.skip(rule.ID, err.Error())
	}
	return nil
}

// search is the search for secrets in columns of text.
type search struct {
	*run
	rule     *Rule
	database *scan.Database
	shapes   *scan.Shapes
}

// table searches columns of one table and reports what they hold. If they cannot be read together, it reads
// them one by one, because the role may read only some of them.
func (s *search) table(columns []db.SearchedText) error {
	if columns[0].Hashed {
		for _, c := range columns {
			if err := s.unless(s.hashed(c), c.String(), s.rule.ID); err != nil {
				return err
			}
		}
		return nil
	}
	list := make([]searchedColumn, len(columns))
	for i, c := range columns {
		list[i] = searchedColumn{SearchedText: c, found: map[string]*sighted{}}
		list[i].page.reset()
	}
	switch err := s.read(list); {
	case err != nil && len(columns) > 1 && canSkip(err):
		for i := range columns {
			if err := s.table(columns[i : i+1]); err != nil {
				return err
			}
		}
		return nil
	case err != nil:
		if err := s.unless(err, columns[0].String(), s.rule.ID); err != nil {
			return err
		}
	}
	for i := range list {
		s.tell(&list[i])
	}
	return nil
}

// tell reports the secrets that were found in a column.
func (s *search) tell(c *searchedColumn) {
	for _, key := range slices.Sorted(maps.Keys(c.found)) {
		found := c.found[key]
		where := c.String()
		if len(found.rows) > 0 {
			where += " of " + rowNames(found.rows, found.count)
		}
		m := found.match
		s.find(Finding{Rule: s.rule, Kind: m.Kind, ID: m.ID, User: m.User, UserID: m.UserID, Subject: c.String(),
			Message: "its secret stands in " + where + ": whoever may read that can use it", Fix: s.fix("rotate", m.ID)})
	}
}

func rowNames(keys []string, count int) string {
	text := "the row "
	if count > 1 {
		text = "the rows "
	}
	text += words(keys)
	if count > len(keys) {
		text += fmt.Sprintf(" and %d more", count-len(keys))
	}
	return text
}

// read reads the texts of columns of one table, and searches them whenever there are enough.
func (s *search) read(columns []searchedColumn) error {
	list := tokenctl.Mapped(columns, func(c searchedColumn) db.SearchedText { return c.SearchedText })
	size := 0
	flush := func() error {
		size = 0
		for i := range columns {
			if err := s.page(&columns[i]); err != nil {
				return err
			}
		}
		return nil
	}
	err := s.store.EachText(s.ctx, list, s.shapes.Shortest(), func(column int, key, text string) error {
		c := &columns[column]
		if c.Session {
			if text = sessionText(text); text == "" {
				return nil
			}
		}
		c.page.add(key, text)
		if size += len(text); size < pageBytes {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// page searches the texts that a column has collected.
func (s *search) page(c *searchedColumn) error {
	if len(c.page.keys) == 0 {
		return nil
	}
	finder := scan.New(scan.Options{Shapes: s.shapes, Members: s.database.Members, Unread: func(string, string) {},
		Found: func(list []scan.Finding) error {
			for _, f := range list {
				if f.Match.Status != string(tokens.Active) || c.Log && f.Match.Kind == tokens.DRF.Name {
					continue
				}
				key := f.Match.Kind + " " + f.Match.ID
				if c.found[key] == nil {
					c.found[key] = &sighted{match: f.Match}
				}
				c.found[key].note(c.page.row(f.Line), c.Session)
			}
			return nil
		}})
	if err := finder.Reader(s.ctx, c.String(), strings.NewReader(c.page.text.String())); err != nil {
		return err
	}
	if err := finder.Finish(s.ctx); err != nil {
		return err
	}
	c.page.reset()
	return nil
}

// note counts a row, and counts a named row only once. If secret is true, row is the key of a session. The
// key is a secret, so note uses the id of the session.
func (s *sighted) note(row string, secret bool) {
	if secret {
		row = tokens.SessionID(tokenctl.NewSecret(row))
	}
	if row != "" && slices.Contains(s.rows, row) {
		return
	}
	if s.count++; row != "" && len(s.rows) < mostRows {
		s.rows = append(s.rows, row)
	}
}

// sessionText returns the text in the data of a session. It returns an empty text if the data cannot be read.
func sessionText(data string) string {
	s, err := django.DecodeSession(data)
	if err != nil {
		return ""
	}
	lines := tokenctl.Mapped(s.Items, func(item django.SessionItem) string { return item.Name + " " + string(item.Value) })
	return strings.Join(lines, " ")
}
