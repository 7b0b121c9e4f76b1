package commands_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"tokenctl/db/dbtest"
)

// reportPage is the page of report as a test reads it.
type reportPage struct {
	tables   map[string][][]string // without their header, by caption
	charts   map[string]string     // what their descriptions say, by title
	headings []string
	tiles    map[string]string
}

func readReportPage(t *testing.T, path string) *reportPage {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	p := &reportPage{tables: map[string][][]string{}, charts: map[string]string{}, tiles: map[string]string{}}
	var inside func(n *html.Node) string
	inside = func(n *html.Node) string {
		if n.Type == html.TextNode {
			return n.Data
		}
		text := ""
		for c := range n.ChildNodes() {
			text += inside(c)
		}
		return text
	}
	caption, title, tile := "", "", ""
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "h2", "h3", "h4":
			p.headings = append(p.headings, inside(n))
		case "caption":
			caption = inside(n)
			p.tables[caption] = nil
		case "tr":
			var row []string
			for c := range n.ChildNodes() {
				if c.Data == "th" || c.Data == "td" {
					row = append(row, inside(c.FirstChild))
				}
			}
			if n.Parent.Data == "tbody" {
				p.tables[caption] = append(p.tables[caption], row)
			}
		case "figcaption":
			title = inside(n)
		case "desc":
			p.charts[title] = inside(n)
		case "dt":
			tile = inside(n)
		case "b":
			p.tiles[tile] = inside(n)
		}
	}
	return p
}

// The numbers on the page are those of stats, audit and list.
func TestReportPageAgrees(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, engine, url string) {
		now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
		c := cli{t: t, url: url, now: now, env: map[string]string{"TOKENCTL_SECRET_KEY": strings.Repeat("k", 50)}}
		dir := t.TempDir()
		c.must("", "init", "-q")
		c.must("", "user", "create", "root", "--superuser", "-q")
		c.must("", "user", "create", "ann", "bob", "idle", "--no-password", "-q")
		for i := range 14 {
			c.must("", "user", "create", fmt.Sprintf("user%02d", i), "--no-password", "-q")
		}
		c.must("", "mint", "--all-users", "--yes", "-q", "--out", filepath.Join(dir, "drf"))
		for i, ttl := range []string{"1h", "11h", "13h", "1d", "6d", "7d", "30d", "90d", "91d", "92d", "400d"} {
			c.must("", "mint", "ann", "bob", "--kind", "knox", "--ttl", ttl, "-q", "--out", filepath.Join(dir, "knox"+strconv.Itoa(i)))
		}
		for range 12 {
			c.must("", "mint", "bob", "--kind", "knox", "--expires", "2026-12-24T18:00:00Z", "-q")
		}
		c.must("", "mint", "bob", "--kind", "knox", "--never", "-q")
		c.must("", "mint", "bob", "ann", "--kind", "jwt", "-q", "--out", filepath.Join(dir, "jwt"))
		c.must("", "mint", "bob", "root", "--kind", "session", "-q", "--out", filepath.Join(dir, "session"))
		c.must("", "user", "deactivate", "idle", "-q")
		dbtest.Query(url, "update knox_authtoken set expiry = '2020-01-01 00:00:00' where expiry < '2026-12-02 00:00:00' and user_id = (select id from auth_user where username = 'ann')")
		dbtest.Query(url, "update authtoken_token set created = '2020-01-01 00:00:00' where user_id < 4")
		path := filepath.Join(dir, "report.html")
		c.must("", "report", "--html", path)
		p := readReportPage(t, path)
		p.likeStats(t, c)
		p.likeAudit(t, c)
		p.likeList(t, c, now)
	})
}

// read decodes the rows that a command writes.
func (c cli) read(into any, args ...string) {
	c.t.Helper()
	out, errs, _ := c.run("", append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		c.t.Fatalf("%v: %v %s", args, err, errs)
	}
}

// likeStats compares the counts with those of stats.
func (p *reportPage) likeStats(t *testing.T, c cli) {
	t.Helper()
	var counts []struct {
		Kind, Status, By, Value string
		Count                   int
	}
	c.read(&counts, "stats")
	rows, charts := map[string]map[string]int{}, map[string]map[string]int{}
	titles := map[string]string{"age": "Time since they were made", "life": "Time that they still live", "owner": "Rights of their owners"}
	for _, n := range counts {
		if n.By == "owner" {
			at := n.Kind + ", " + n.Status
			if rows[at] == nil {
				rows[at] = map[string]int{}
			}
			rows[at][n.Value] += n.Count
			rows[at]["total"] += n.Count
		}
		if title := titles[n.By]; n.Status == "active" {
			if charts[title] == nil {
				charts[title] = map[string]int{}
			}
			charts[title][n.Value] += n.Count
		}
	}
	table := p.tables["Credentials by kind, status and the rights of their owners"]
	if len(table) != len(rows) || len(rows) < 6 {
		t.Errorf("%d rows, stats has %d", len(table), len(rows))
	}
	for _, row := range table {
		for i, by := range []string{"superuser", "staff", "user", "nobody", "total"} {
			if want := strconv.Itoa(rows[row[0]][by]); row[i+1] != want {
				t.Errorf("%s of %s: %s, stats has %s", by, row[0], row[i+1], want)
			}
		}
	}
	for title, want := range charts {
		got := map[string]int{}
		for part := range strings.SplitSeq(p.charts[title], "; ") {
			label, number, _ := strings.Cut(part, ": ")
			got[label], _ = strconv.Atoi(number)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, stats has %v", title, got, want)
		}
	}
}

// likeAudit compares the findings with those of audit.
func (p *reportPage) likeAudit(t *testing.T, c cli) {
	t.Helper()
	var findings []struct{ Rule, Severity string }
	c.read(&findings, "audit")
	rules, severities := map[string]int{}, map[string]int{"critical": 0, "high": 0, "medium": 0, "low": 0}
	for _, f := range findings {
		rules[f.Severity+" "+f.Rule]++
		severities[f.Severity]++
	}
	if len(rules) < 5 {
		t.Errorf("audit found only %v", rules)
	}
	for severity, n := range severities {
		if got := p.tiles[severity+" findings"]; got != strconv.Itoa(n) {
			t.Errorf("%s findings: %s, audit has %d", severity, got, n)
		}
		if heading := fmt.Sprintf("%s findings: %d", severity, n); slices.Contains(p.headings, heading) != (n > 0) {
			t.Errorf("the headings are %q", p.headings)
		}
	}
	for rule, n := range rules {
		_, id, _ := strings.Cut(rule, " ")
		if !slices.Contains(p.headings, fmt.Sprintf("%s: %d", id, n)) {
			t.Errorf("audit has %d of %s, and the headings are %q", n, id, p.headings)
		}
	}
}

// likeList compares the days, the weeks and the users with the list of active credentials.
func (p *reportPage) likeList(t *testing.T, c cli, now time.Time) {
	t.Helper()
	var list []struct {
		Kind, User string
		Expires    *time.Time
	}
	c.read(&list, "list", "--status", "active")
	days, weeks, users := map[string]int{}, map[string]int{}, map[string]int{}
	today := now.Truncate(24 * time.Hour)
	for _, credential := range list {
		users[credential.User]++
		switch {
		case credential.Expires == nil:
			weeks["never"]++
		case credential.Expires.Sub(today) >= 91*24*time.Hour:
			weeks["later"]++
		default:
			days[credential.Expires.UTC().Format(time.DateOnly)]++
			week := today.AddDate(0, 0, int(credential.Expires.Sub(today)/(7*24*time.Hour))*7)
			weeks[week.Format(time.DateOnly)]++
		}
	}
	if p.tiles["active credentials"] != strconv.Itoa(len(list)) {
		t.Errorf("%s active credentials, list has %d", p.tiles["active credentials"], len(list))
	}
	got := map[string]int{}
	for part := range strings.SplitSeq(p.charts["Active credentials that expire on each of the next 91 days (UTC)"], "; ") {
		label, number, _ := strings.Cut(part, ": ")
		got[label], _ = strconv.Atoi(number)
	}
	if fmt.Sprint(got) != fmt.Sprint(days) || len(days) < 6 {
		t.Errorf("days %v, list has %v", got, days)
	}
	table := p.tables["Active credentials by the week in which they expire"]
	if len(table) != 15 {
		t.Errorf("weeks: %q", table)
	}
	for _, row := range table {
		if row[1] != strconv.Itoa(weeks[row[0]]) {
			t.Errorf("%s: %s, list has %d", row[0], row[1], weeks[row[0]])
		}
	}
	most := p.tables["Active credentials of a user, by kind"]
	if len(most) != 10 || most[0][0] != "bob" || most[1][0] != "ann" || most[2][0] != "root" {
		t.Fatalf("users: %q", most)
	}
	for _, row := range most {
		if total := row[len(row)-1]; total != strconv.Itoa(users[row[0]]) {
			t.Errorf("%s holds %s, list has %d", row[0], total, users[row[0]])
		}
	}
}
