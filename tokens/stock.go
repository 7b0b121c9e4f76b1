package tokens

import (
	"context"
	"time"

	"tokenctl/db"
)

// Counts are how many credentials there are of each kind in each group.
type Counts map[*Kind]map[db.Group]int64

// Count counts the credentials of the kinds, nil being all that the database has, on
// PostgreSQL in one state of the database. Rows whose user is gone count too.
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
			count := k.Count
			if count == nil {
				count = k.countListed(env)
			}
			if counts[k], err = count(ctx, store, limits); err != nil {
				return err
			}
		}
		return nil
	})
	return counts, err
}

// countListed counts the credentials of a kind whose rows tell too little: a JWT's text has
// its dates, and a session's data its owner.
func (k *Kind) countListed(env Env) func(context.Context, *db.Store, db.Limits) (map[db.Group]int64, error) {
	return func(ctx context.Context, store *db.Store, limits db.Limits) (map[db.Group]int64, error) {
		counts := map[db.Group]int64{}
		for c, err := range k.List(ctx, env, store, Selector{Kinds: []*Kind{k}, Detailed: true}) {
			if err != nil {
				return nil, err
			}
			counts[db.Group{Status: string(c.Status), Owner: c.Owner.OwnerGroup(),
				Created: db.SpanOf(c.Created, db.UnknownSpan, limits.Created), Expires: db.SpanOf(c.Expires, db.UnknownSpan, limits.Expires)}]++
		}
		return counts, nil
	}
}

// AgeRanges and LifeRanges name the spans of the limits that [Ranges] returns: of the
// creation, and of the end.
var (
	AgeRanges  = []string{"2y-", "1y-2y", "180d-1y", "90d-180d", "30d-90d", "7d-30d", "1d-7d", "0-1d"}
	LifeRanges = []string{"ended", "0-1d", "1d-7d", "7d-30d", "30d-90d", "90d-1y", "1y-"}
)

// Ranges are the limits of the ranges of ages and of times to live, at this time.
func Ranges(now time.Time) (l db.Limits) {
	for _, days := range []time.Duration{730, 365, 180, 90, 30, 7, 1} {
		l.Created = append(l.Created, now.Add(-days*24*time.Hour))
	}
	for _, days := range []time.Duration{0, 1, 7, 30, 90, 365} {
		l.Expires = append(l.Expires, now.Add(days*24*time.Hour))
	}
	return l
}

// RangeName is the name of a span among others.
func RangeName(ranges []string, span int) string {
	switch span {
	case db.UnknownSpan:
		return "unknown"
	case db.NeverSpan:
		return "never"
	}
	return ranges[span]
}
