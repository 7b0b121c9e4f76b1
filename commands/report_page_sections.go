package commands

import (
	"fmt"
	"slices"
	"time"

	"tokenctl/audit"
	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

// number returns a number as the page shows it.
func number(n int) string { return output.Grouped(int64(n)) }

// write appends all sections.
func (s *pageSections) write(found severityCounts) {
	s.summary(found)
	if s.baseline {
		s.changes()
	}
	s.findings(found)
	s.expiry()
	s.stock()
	s.owners()
}

// summary appends the most important numbers.
func (s *pageSections) summary(found severityCounts) {
	s.page.Heading(s.level, "", "Summary")
	tiles := make([]output.Tile, 0, 6)
	for _, name := range audit.Severities() {
		severity, fresh := audit.SeverityNamed(name), 0
		for _, r := range s.rules {
			if r.severity == severity {
				fresh += r.new
			}
		}
		t := output.Tile{Name: name + " findings", Number: int64(found[severity])}
		if t.Number > 0 {
			t.Tone = name
		}
		if s.baseline {
			t.Note = number(fresh) + " new"
		}
		tiles = append(tiles, t)
	}
	var week int64
	for _, n := range s.days[:7] {
		week += n
	}
	s.page.Tiles(append(tiles, output.Tile{Name: "active credentials", Number: s.active(byOwner, ""), Note: "of " + output.Grouped(s.sum(byOwner, "", "", ""))},
		output.Tile{Name: "expire this week", Number: week, Note: "today and the next 6 days"})...)
}

// active returns the number of active credentials that have a value of one property. An empty value stands for
// any.
func (s *pageSections) active(by, value string) int64 {
	return s.sum(by, "", string(tokens.Active), value)
}

// expiry appends the days on which active credentials expire.
func (s *pageSections) expiry() {
	p := s.page
	p.Heading(s.level, "", "When active credentials expire")
	cliffs := map[string]bool{}
	for _, r := range s.rules {
		for _, f := range r.listed {
			cliffs[f.Subject] = cliffs[f.Subject] || r.rule.ID == "expiry-cliff"
		}
	}
	chart := output.Chart{Title: fmt.Sprintf("Active credentials that expire on each of the next %d days (UTC)", pageDays)}
	marked := false
	for day, n := range s.days {
		name := s.calendar.Day(day).Format(time.DateOnly)
		chart.Bars = append(chart.Bars, output.Bar{Label: name, Number: n, Mark: cliffs[name]})
		marked = marked || cliffs[name]
	}
	p.Columns(chart, pageDays/2)
	if marked {
		p.Text("The days with a number above them are findings of the rule expiry-cliff.")
	}
	s.weeks()
}

// weeks appends the same numbers by week. It adds the credentials that expire later, never, or at a time that
// is not known.
func (s *pageSections) weeks() {
	table := output.PageTable{Caption: "Active credentials by the week in which they expire", Header: []string{"7 days from", "credentials", "share"}, Numbers: 2}
	all, later := s.active(byOwner, ""), s.active(byOwner, "")
	add := func(name string, n int64) {
		share := "0 %"
		if all > 0 {
			share = fmt.Sprintf("%.1f %%", float64(n)*100/float64(all))
		}
		table.Rows = append(table.Rows, []string{name, output.Grouped(n), share})
	}
	for day := 0; day < pageDays; day += 7 {
		var n int64
		for _, d := range s.days[day : day+7] {
			n += d
		}
		later -= n
		add(s.calendar.Day(day).Format(time.DateOnly), n)
	}
	never, unknown := s.active(byLife, tokens.RangeName(nil, db.NeverSpan)), s.active(byLife, tokens.RangeName(nil, db.UnknownSpan))
	add("later", later-never-unknown)
	add("never", never)
	if unknown > 0 {
		add("not known", unknown)
	}
	s.page.Table(table)
}

// stock appends the counts of stats.
func (s *pageSections) stock() {
	p := s.page
	p.Heading(s.level, "", "Credentials")
	var kinds []output.Chart
	var most int64
	table := output.PageTable{Caption: "Credentials by kind, status and the rights of their owners", Header: append(append([]string{"kind and status"}, db.OwnerGroups...), "total"), Numbers: len(db.OwnerGroups) + 1}
	for _, k := range s.kinds {
		chart := output.Chart{Title: k.Title + ": " + output.Grouped(s.sum(byOwner, k.Name, "", ""))}
		for _, status := range tokens.Statuses() {
			n := s.sum(byOwner, k.Name, status, "")
			if n == 0 {
				continue
			}
			chart.Bars = append(chart.Bars, output.Bar{Label: status, Number: n})
			most = max(most, n)
			row := []string{k.Name + ", " + status}
			for _, owner := range db.OwnerGroups {
				row = append(row, output.Grouped(s.sum(byOwner, k.Name, status, owner)))
			}
			table.Rows = append(table.Rows, append(row, output.Grouped(n)))
		}
		if chart.Bars != nil {
			kinds = append(kinds, chart)
		}
	}
	if kinds == nil {
		p.Text("There are none.")
		return
	}
	for i := range kinds {
		kinds[i].Most = most
	}
	p.Heading(s.level+1, "", "By kind and status")
	p.Bars(kinds...)
	p.Table(table)
	p.Heading(s.level+1, "", "Active credentials by age, time to live and owner")
	p.Bars(s.histogram(byAge, "Time since they were made"), s.histogram(byLife, "Time that they still live"), s.histogram(byOwner, "Rights of their owners"))
}

// histogram returns a chart of the active credentials by one property.
func (s *pageSections) histogram(by, title string) output.Chart {
	c := output.Chart{Title: title}
	optional := []string{tokens.RangeName(nil, db.UnknownSpan), tokens.RangeName(nil, db.NeverSpan), tokens.LifeRanges[0]}
	for _, value := range statsValues(by) {
		if n := s.active(by, value); n > 0 || !slices.Contains(optional, value) {
			c.Bars = append(c.Bars, output.Bar{Label: value, Number: n})
		}
	}
	return c
}

// owners appends the users with the most active credentials.
func (s *pageSections) owners() {
	p := s.page
	p.Heading(s.level, "", "Users with the most active credentials")
	if s.holders == nil {
		p.Text("Nobody holds an active credential.")
		return
	}
	table := output.PageTable{Caption: "Active credentials of a user, by kind", Header: []string{"user"}, Numbers: 1}
	for _, k := range s.kinds {
		table.Header = append(table.Header, k.Name)
		table.Numbers++
	}
	table.Header = append(table.Header, "total")
	for _, h := range s.holders {
		row := []string{h.User}
		for _, k := range s.kinds {
			row = append(row, number(h.Held[k]))
		}
		table.Rows = append(table.Rows, append(row, number(h.Total)))
		table.Notes = append(table.Notes, "id "+h.UserID+", "+h.Rights)
	}
	p.Table(table)
}
