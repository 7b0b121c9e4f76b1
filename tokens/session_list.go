package tokens

import (
	"context"
	"iter"
	"slices"
	"time"

	"tokenctl/db"
)

func listSessions(ctx context.Context, env Env, store *db.Store, s Selector) iter.Seq2[Credential, error] {
	f := s.filter()
	// A session does not tell when it was created, and an unknown date never matches.
	byCreation := s.byCreation()
	if byCreation {
		f.Sort, f.Limit = "", 0
	}
	return func(yield func(Credential, error) bool) {
		if len(s.Types) > 0 || s.NeverExpires || byCreation && s.PassedOver == nil {
			return
		}
		judge, err := newSessionJudge(env, store.Now())
		if err != nil {
			yield(Credential{}, err)
			return
		}
		if !s.wants(Disabled) && !s.wants(Dead) && !narrowSessions(&s, &f, judge.now) {
			return
		}
		credential := judge.judge
		if s.Used {
			credential = judge.seen
		}
		cached := env.Settings.Session.Cached()
		var decide db.Classify[db.Session]
		if s.Statuses != nil || s.Sort == "status" || s.Orphans || cached {
			decide = func(v *db.Session) (db.Facts, bool) {
				c := credential(v)
				return db.Facts{Status: string(c.Status)}, s.wants(c.Status) && (!s.Orphans || c.orphan) && (!cached || within(c.Expires, s.ExpiresAfter, s.ExpiresBefore))
			}
		}
		note := func(v *db.Session) {
			if v.Problem != nil && s.Unreadable != nil {
				*s.Unreadable++
			}
		}
		rows := func(ctx context.Context) iter.Seq2[db.Session, error] {
			return sessionRows(ctx, judge, store, f, note, decide)
		}
		if !byCreation {
			list := credentials(ctx, rows, credential)
			if cached && s.Sort != "" {
				list = s.sorted(list)
			}
			list(yield)
			return
		}
		for _, err := range rows(ctx) {
			if err != nil {
				yield(Credential{}, err)
				return
			}
			*s.PassedOver++
		}
	}
}

// sorted sorts what no database sorts. With a limit it keeps no more than twice as many.
func (s *Selector) sorted(list iter.Seq2[Credential, error]) iter.Seq2[Credential, error] {
	return func(yield func(Credential, error) bool) {
		var kept []*Credential
		first := func(limit int) {
			slices.SortFunc(kept, s.order)
			if limit > 0 && len(kept) > limit {
				clear(kept[limit:])
				kept = kept[:limit]
			}
		}
		for c, err := range list {
			if err != nil {
				yield(Credential{}, err)
				return
			}
			if kept = append(kept, &c); s.Limit > 0 && len(kept) >= 2*s.Limit {
				first(s.Limit)
			}
		}
		first(s.Limit)
		for _, c := range kept {
			if !yield(*c, nil) {
				return
			}
		}
	}
}

// narrowSessions lets the database decide what the dates alone tell of active and
// expired sessions. It reports whether any can be selected.
func narrowSessions(s *Selector, f *db.Filter, now time.Time) bool {
	switch late := now.Add(time.Microsecond); {
	case !s.wants(Active) && !s.wants(Expired):
		return false
	case !s.wants(Expired):
		f.Unexpired = &now
	case !s.wants(Active) && (f.ExpiresBefore == nil || f.ExpiresBefore.After(late)):
		f.ExpiresBefore = &late
	}
	return true
}
