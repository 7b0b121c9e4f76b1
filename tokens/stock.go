package tokens

import (
	"context"
	"slices"
	"time"

	"tokenctl/db"
)

// Counts has the number of credentials of each kind, for each group of them.
type Counts map[*Kind]map[db.Group]int64

// Count counts the credentials of the kinds; nil means all kinds that the database has. Orphans count, too. On
// PostgreSQL all counts are of one state of the database.
func Count(ctx context.Context, env Env, store *db.Store, kinds []*Kind, limits db.Limits) (Counts, error) {
	counts := Counts{}
	err := store.Snapshot(ctx, false, func(ctx context.Context) error {
		layout, err := store.Layout(ctx)
		if err != nil {
			return err
		}
		s := Selector{Kinds: kinds}
		if kinds, err = s.Chosen(layout); err != nil {
			return err
		}
		for _, k := range kinds {
			if counts[k], err = k.count(ctx, env, store, limits); err != nil {
				return err
			}
		}
		return nil
	})
	return counts, err
}

// count counts the credentials of a kind. The database cannot count JWTs and sessions: only the text of a JWT has
// its dates, and only the data of a session has its owner.
func (k *Kind) count(ctx context.Context, env Env, store *db.Store, limits db.Limits) (map[db.Group]int64, error) {
	if k == DRF || k == Knox {
		return store.CountOwned(ctx, k.Name, limits)
	}
	counts := map[db.Group]int64{}
	for c, err := range k.List(ctx, env, store, Selector{Kinds: []*Kind{k}, Detailed: true, AnyOrder: true}) {
		if err != nil {
			return nil, err
		}
		counts[db.Group{Status: string(c.Status), Owner: c.Owner.OwnerGroup(),
			Created: db.SpanOf(c.Created, db.UnknownSpan, limits.Created), Expires: db.SpanOf(c.Expires, db.UnknownSpan, limits.Expires)}]++
	}
	return counts, nil
}

// The names of the spans that the limits of [Ranges] make: AgeRanges of the times of creation, LifeRanges of the
// ends.
var (
	AgeRanges  = []string{"2y-", "1y-2y", "180d-1y", "90d-180d", "30d-90d", "7d-30d", "1d-7d", "0-1d"}
	LifeRanges = []string{"ended", "0-1d", "1d-7d", "7d-30d", "30d-90d", "90d-1y", "1y-"}
)

// Ranges returns the limits between the ranges of ages, and between the ranges of times to live, for the time now.
func Ranges(now time.Time) (l db.Limits) {
	for _, days := range []time.Duration{730, 365, 180, 90, 30, 7, 1} {
		l.Created = append(l.Created, now.Add(-days*24*time.Hour))
	}
	for _, days := range []time.Duration{0, 1, 7, 30, 90, 365} {
		l.Expires = append(l.Expires, now.Add(days*24*time.Hour))
	}
	return l
}

// Calendar has the limits of [Ranges], and midnights as further limits of the ends. So one count shows both the
// range and the day in which a credential ends.
type Calendar struct {
	db.Limits
	ranges []time.Time // the ends that Ranges returns
	today  time.Time   // the midnight before now
}

// CalendarOf returns the Calendar for the time now, with the midnights of the next days, in UTC.
func CalendarOf(now time.Time, days int) *Calendar {
	c := &Calendar{Limits: Ranges(now), today: now.UTC().Truncate(24 * time.Hour)}
	c.ranges = c.Expires
	c.Expires = slices.Clone(c.ranges)
	for day := range days {
		c.Expires = append(c.Expires, c.Day(day+1))
	}
	slices.SortFunc(c.Expires, time.Time.Compare)
	return c
}

// Day returns the midnight at which a day begins. Day 0 is today.
func (c *Calendar) Day(day int) time.Time { return c.today.AddDate(0, 0, day) }

// Ends returns for a span of the calendar's ends the span of LifeRanges, and the day. The day is -1 if the
// credentials of the span have ended or never end, or if their end is not known.
func (c *Calendar) Ends(span int) (life, day int) {
	if span <= 0 {
		return span, -1
	}
	begin := c.Expires[span-1]
	return db.SpanOf(begin, db.UnknownSpan, c.ranges), int(begin.Sub(c.today) / (24 * time.Hour))
}

// RangeName returns the name of a span in AgeRanges or LifeRanges.
func RangeName(ranges []string, span int) string {
	switch span {
	case db.UnknownSpan:
		return "unknown"
	case db.NeverSpan:
		return "never"
	}
	return ranges[span]
}
