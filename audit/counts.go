package audit

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"tokenctl/db"
	"tokenctl/tokens"
)

// This file has the rules about the number of credentials.

// judgeKeys reports the keys of a kind that were not drawn at random.
func (p *pass) judgeKeys(k *tokens.Kind) {
	if p.kinds[k].keys == nil {
		return
	}
	verb := "rotate"
	if k.OwnerInData { // the user logs in again
		verb = "blacklist"
	}
	for _, w := range p.kinds[k].keys.weak() {
		p.find(Finding{Rule: p.rules["weak-key"], Kind: k.Name, ID: w.id, User: w.name, UserID: w.user.id, Message: "its key was not drawn at random: it " + w.why + ", so it can be guessed", Fix: p.fix(verb, w.id)})
	}
}

// tellCounts reports the findings about the counts of a kind.
func (p *pass) tellCounts(k *tokens.Kind) {
	n := p.kinds[k]
	if rule := p.rules["clear-refresh"]; rule != nil && n.whole > 0 {
		p.find(Finding{Rule: rule, Kind: k.Name, Subject: k.Name, Message: number(n.whole, "live refresh token is", "live refresh tokens are") + " stored whole: whoever can read the table can use them; simplejwt stores them so, and the mend redacts those that are dead",
			Fix: p.fix("audit --fix clear-refresh")})
	}
	if rule := p.rules["dead-rows"]; rule != nil && n.dead > 0 {
		p.find(Finding{Rule: rule, Kind: k.Name, Subject: k.Name, Message: number(n.dead, k.Noun(), k.Title) + " can never verify again: nobody needs the rows",
			Fix: p.fix("audit --fix dead-rows --kind " + k.Name)})
	}
	rule := p.rules["unpurged"]
	if rule == nil || n.expired == 0 {
		return
	}
	var size int64
	err := p.readAll(func(tx *db.Tx) (err error) {
		size, err = tx.ExpiredSize(p.ctx, k.Name, p.now)
		return err
	})
	message := number(n.expired, "expired "+k.Noun(), "expired "+k.Title)
	if err == nil {
		message += ", " + sizeText(size)
	}
	p.find(Finding{Rule: rule, Kind: k.Name, Subject: k.Name, Message: message + ": rows that nothing deletes slow down every look-up", Fix: p.fix("purge --kind " + k.Name)})
}

// tellMany reports the users with many live credentials of a kind.
func (p *pass) tellMany(k *tokens.Kind) {
	rule, s := p.rules["many-tokens"], p.kinds[k]
	if rule == nil {
		return
	}
	order := "created"
	if k.OwnerInData { // the time of their creation is not known
		order = "expires"
	}
	limit := p.Settings.ManyTokens
	for _, hash := range slices.SortedFunc(maps.Keys(s.many), func(a, b uint64) int { return strings.Compare(s.many[a].id, s.many[b].id) }) {
		u, n := s.many[hash], s.held[hash]
		p.find(Finding{Rule: rule, Kind: k.Name, User: u.name, UserID: u.id, Message: fmt.Sprintf("holds %d live %s, and %d are the most", n, k.Title, limit),
			Fix: p.fix(fmt.Sprintf("blacklist --kind %s --user-id %s --status active --sort %s --limit %d", k.Name, Quote(u.id), order, n-limit))})
	}
}

// leastCliff is the smallest number of credentials that must expire on a day to make a finding.
const leastCliff = 10

// tellCliffs reports the days on which many credentials expire.
func (p *pass) tellCliffs() {
	rule := p.rules["expiry-cliff"]
	if rule == nil {
		return
	}
	for _, day := range slices.SortedFunc(maps.Keys(p.days), time.Time.Compare) {
		if n := p.days[day]; n >= leastCliff && n*100 > p.live*p.Settings.ExpiryCliff {
			name := day.Format(time.DateOnly)
			p.find(Finding{Rule: rule, Subject: name, Message: fmt.Sprintf("%s: %d of %d live credentials expire on this day: all who hold them need new ones at the same time", name, n, p.live)})
		}
	}
}

// number returns a number with its noun.
func number(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func inDays(d time.Duration) string {
	return number(int(d/(24*time.Hour)), "day", "days")
}

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// sizeText returns a text such as "1.2 MiB".
func sizeText(n int64) string {
	f, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}
