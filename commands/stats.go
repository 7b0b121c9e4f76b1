package commands

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"tokenctl/db"
	"tokenctl/output"
	"tokenctl/tokens"
)

// stats counts the stock of credentials. A row of its data is one count: the number of credentials of a kind
// and a status that have a common property, such as an owner who is staff. In a terminal a table shows the
// counts by owner, and bars show the ages and the times to live of the active credentials.

var statsColumns = []output.Column{{Name: "kind"}, {Name: "status"}, {Name: "by"}, {Name: "value"}, {Name: "count"}}

// The properties by which stats counts.
const (
	byOwner = "owner"
	byAge   = "age"
	byLife  = "life"
)

// statsCount is a row of stats.
type statsCount struct {
	kind, status, by, value string
	count                   int64
}

func newStats(a *App) *cobra.Command {
	var kinds []string
	c := &cobra.Command{
		Use:   "stats",
		Short: "Count credentials by status, owner, age and time to live",
		Long: `Count the credentials of each kind and status: by the rights of their owners
(superuser, staff, user, or nobody where the user is gone), by age, and by the time
that they still have to live. Every row counts once in each of the three.

In a terminal it is a table, and bars for the active credentials. Otherwise each line
is one count: its kind and status, what it is by (owner, age or life), the value of
that, such as 7d-30d, and the number.`,
		Example: `  tokenctl stats
  tokenctl stats --kind knox,session
  tokenctl stats -o json | jq '.[] | select(.by == "life" and .value == "never")'`,
		RunE: func(c *cobra.Command, _ []string) error { return a.stats(c.Context(), kinds) },
	}
	listVar(c.Flags(), &kinds, "kind", "only this `KIND`: "+strings.Join(tokens.KindNames(), ", "))
	must(c.RegisterFlagCompletionFunc("kind", fixedList(tokens.KindNames())))
	return c
}

func (a *App) stats(ctx context.Context, names []string) error {
	kinds, err := kindsNamed(names)
	if err != nil {
		return err
	}
	store, err := a.open()
	if err != nil {
		return err
	}
	counted, err := tokens.Count(ctx, a.env(), store, kinds, tokens.Ranges(store.Now()))
	if err != nil {
		return err
	}
	counts := statsCounts(counted)
	if !a.asked() && a.Term.Stdout && a.schemas == nil {
		return a.showStats(counts)
	}
	return a.write(statsColumns, rowsOf(counts, func(c *statsCount) []output.Value {
		return []output.Value{output.String(c.kind), output.String(c.status), output.String(c.by), output.String(c.value), output.Int(c.count)}
	}), false)
}

// statsValues returns the values of a property in the order of the output.
func statsValues(by string) []string {
	switch by {
	case byOwner:
		return db.OwnerGroups
	case byAge:
		ages := slices.Clone(tokens.AgeRanges)
		slices.Reverse(ages)
		return append(ages, tokens.RangeName(nil, db.UnknownSpan))
	}
	return append(slices.Clone(tokens.LifeRanges), tokens.RangeName(nil, db.NeverSpan), tokens.RangeName(nil, db.UnknownSpan))
}

// statsCounts returns the counts that are not zero, in the order of the output.
func statsCounts(counted tokens.Counts) (counts []statsCount) {
	sums := map[statsCount]int64{}
	for kind, groups := range counted {
		for g, n := range groups {
			for by, value := range map[string]string{byOwner: g.Owner, byAge: tokens.RangeName(tokens.AgeRanges, g.Created), byLife: tokens.RangeName(tokens.LifeRanges, g.Expires)} {
				sums[statsCount{kind: kind.Name, status: g.Status, by: by, value: value}] += n
			}
		}
	}
	for _, kind := range tokens.KindNames() {
		for _, status := range tokens.Statuses() {
			for _, by := range []string{byOwner, byAge, byLife} {
				for _, value := range statsValues(by) {
					c := statsCount{kind: kind, status: status, by: by, value: value}
					if c.count = sums[c]; c.count > 0 {
						counts = append(counts, c)
					}
				}
			}
		}
	}
	return counts
}

// showStats writes the counts for a person.
func (a *App) showStats(counts []statsCount) error {
	columns := []output.Column{{Name: "kind"}, {Name: "status"}}
	for _, rights := range db.OwnerGroups {
		columns = append(columns, output.Column{Name: rights})
	}
	columns = append(columns, output.Column{Name: "total"})
	var rows [][]output.Value
	var owners map[string]int64
	for i, c := range counts {
		if c.by != byOwner {
			continue
		}
		if i == 0 || counts[i-1].by != byOwner {
			owners = map[string]int64{}
		}
		owners[c.value] = c.count
		owners["total"] += c.count
		if i+1 < len(counts) && counts[i+1].by == byOwner {
			continue
		}
		row := []output.Value{output.String(c.kind), output.String(c.status)}
		for _, column := range columns[2:] {
			row = append(row, output.Int(owners[column.Name]))
		}
		rows = append(rows, row)
	}
	if err := a.write(columns, rows, false); err != nil {
		return err
	}
	for _, chart := range []struct{ by, title string }{{byAge, "age of the active credentials"}, {byLife, "time to live of the active credentials"}} {
		if err := a.bars(counts, chart.by, chart.title); err != nil {
			return err
		}
	}
	return nil
}

// bars writes a bar chart of the active credentials by one property.
func (a *App) bars(counts []statsCount, by, title string) error {
	values := statsValues(by)
	sums := make([]int64, len(values))
	for _, c := range counts {
		if c.by == by && c.status == string(tokens.Active) {
			sums[slices.Index(values, c.value)] += c.count
		}
	}
	most := slices.Max(sums)
	if most == 0 {
		return nil
	}
	label := len(slices.MaxFunc(values, func(a, b string) int { return cmp.Compare(len(a), len(b)) }))
	number := len(strconv.FormatInt(most, 10))
	width := 40
	if columns := a.width(); columns > 0 {
		width = min(width, columns-label-number-4)
	}
	text := "\n" + title + "\n"
	for i, value := range values {
		if sums[i] > 0 {
			text += fmt.Sprintf("%-*s  %*d  %s\n", label, value, number, sums[i], bar(sums[i], most, width))
		}
	}
	_, err := io.WriteString(a.Stdout, text)
	return err
}

// bar returns the bar for n. The bar for most, the largest number, has width characters. The shortest bar is
// an eighth of a character.
func bar(n, most int64, width int) string {
	const eighths = "▏▎▍▌▋▊▉"
	if width < 1 {
		return ""
	}
	length := max(1, int(float64(n)/float64(most)*float64(width*8)+0.5))
	text := strings.Repeat("█", length/8)
	if part := length % 8; part > 0 {
		r, _ := utf8.DecodeRuneInString(eighths[(part-1)*len("▏"):])
		text += string(r)
	}
	return text
}
