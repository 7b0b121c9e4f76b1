package tokens

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"tokenctl"
	"tokenctl/db"
)

func listSessions(ctx context.Context, env Env, store *db.Store, s Selector) iter.Seq2[Credential, error] {
	f := s.filter()
	// A session has no time of creation, and an unknown time matches no condition.
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
				list = sortSessions(ctx, judge, store, &s, list)
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

// listed has the fields of a session that a sorted list keeps until it yields the session.
type listed struct {
	key             tokenctl.Secret
	id, name, owner string
	status          Status
	expires         time.Time
}

// sortSessions sorts sessions that the database cannot sort. It reads all sessions and keeps a few fields of
// each; then it reads the sessions again, in their order. With a limit it keeps at most twice as many.
func sortSessions(ctx context.Context, judge *sessionJudge, store *db.Store, s *Selector, list iter.Seq2[Credential, error]) iter.Seq2[Credential, error] {
	return func(yield func(Credential, error) bool) {
		var kept []listed
		var x, y Credential
		fill := func(c *Credential, l *listed) {
			c.ID, c.Owner.Username, c.Owner.ID, c.Status, c.Expires = l.id, l.name, l.owner, l.status, l.expires
		}
		first := func() {
			slices.SortFunc(kept, func(a, b listed) int {
				fill(&x, &a)
				fill(&y, &b)
				return s.order(&x, &y)
			})
			if s.Limit > 0 && len(kept) > s.Limit {
				clear(kept[s.Limit:])
				kept = kept[:s.Limit]
			}
		}
		for c, err := range list {
			if err != nil {
				yield(Credential{}, err)
				return
			}
			kept = append(kept, listed{tokenctl.NewSecret(strings.Clone(c.row.Key.Reveal())), c.ID, strings.Clone(c.Owner.Username), strings.Clone(c.Owner.ID), c.Status, c.Expires})
			if s.Limit > 0 && len(kept) >= 2*s.Limit {
				first()
			}
		}
		first()
		for part := range slices.Chunk(kept, copyBatch) {
			keys := tokenctl.Mapped(part, func(l listed) tokenctl.Secret { return l.key })
			found, err := db.Read(ctx, store, func(tx *db.Tx) ([]*db.Session, error) {
				found, down, err := sessionsWithKeys(ctx, judge.env, tx, keys)
				if err == nil && judge.env.Settings.Session.CacheOnly() {
					err = down
				}
				return found, err
			})
			if err != nil {
				yield(Credential{}, err)
				return
			}
			for _, v := range found {
				// A session that has ended since the first read is nil.
				if v != nil && !yield(judge.seen(v), nil) {
					return
				}
			}
		}
	}
}

// narrowSessions adds conditions on dates that separate active from expired sessions, so that the database
// reads fewer rows. It reports whether s can select any session.
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
