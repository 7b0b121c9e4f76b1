package tokens

import (
	"context"
	"slices"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// expire gives credentials another end, without a new secret. A credential that has expired
// stays expired: whoever has its secret must not get access again.

// lapse marks in outcomes the credentials that have expired by now.
func lapse(refs []*Ref, now time.Time, outcomes db.Outcomes) {
	for i, r := range refs {
		if end := fromMicros(r.expires); outcomes[i] == db.Changed && !end.IsZero() && !end.After(now) {
			outcomes[i] = lapsed
		}
	}
}

// CannotExpire returns the reason why the end of a credential cannot be moved; nil if it can.
func (c *Credential) CannotExpire() *tokenctl.Error {
	e := &tokenctl.Error{Code: tokenctl.CodeUsage, Hint: "tokenctl mint makes a new one"}
	switch {
	case c.Status == Expired:
		e.Message = c.ID + " has expired, and expire revives nothing"
	case c.Status == Dead:
		e.Message = c.ID + " is dead, and expire revives nothing"
	case c.EndUnknown():
		e.Code, e.Message, e.Hint = tokenctl.CodeInvalidValue, "the expiry of "+c.ID+" cannot be read", "tokenctl doctor says what its row holds"
	default:
		return nil
	}
	return e
}

// LaterAndEarlier returns how many credentials would end later than now, and how many earlier, if all of them got
// the same end. The zero time means never.
func (r *Refs) LaterAndEarlier(end time.Time) (later, earlier int) {
	for c := range r.All() {
		switch old := fromMicros(c.expires); {
		case old.Equal(end):
		case old.IsZero() || !end.IsZero() && end.Before(old):
			earlier++
		default:
			later++
		}
	}
	return later, earlier
}

// expireKnox moves the ends of tokens. It does not change a token that has another end than the list showed.
func expireKnox(ctx context.Context, _ Env, tx *db.Tx, refs []*Ref, l Lifetime) ([]time.Time, db.Outcomes, error) {
	if err := tx.Layout.KnoxExpiring(); err != nil {
		return nil, nil, err
	}
	ends := slices.Repeat([]time.Time{l.At(tx.Now)}, len(refs))
	outcomes := db.Outcomes{}
	lapse(refs, tx.Now, outcomes)
	indexes := outcomes.Changed(len(refs))
	missed, err := tx.ExpireKnoxTokens(ctx, db.Subset(rowsOf(refs), indexes), db.Subset(ends, indexes))
	for j, outcome := range missed {
		outcomes[indexes[j]] = outcome
	}
	return ends, outcomes, err
}

// knoxMoves returns a note if AUTO_REFRESH will move the end again.
func knoxMoves(s *tokenctl.Settings, l Lifetime) []string {
	ttl, ok := s.Knox.TokenTTL.Duration()
	if !s.Knox.AutoRefresh || !ok || l.By == Never {
		return nil
	}
	note := "AUTO_REFRESH is on: with each use knox moves the expiry of a token to " + django.BriefDuration(ttl) + " from then, if that is later"
	if !s.Knox.TokenTTL.IsSet() {
		note += " (" + byDefault("TOKEN_TTL "+django.BriefDuration(ttl), "knox") + ")"
	}
	return []string{note}
}

// expireSessions moves the expire_date of sessions. A session may have a lifetime of its own in its data
// (SessionBase.set_expiry of django/contrib/sessions/backends/base.py, 3.2 to 5.2). When Django saves the session,
// it computes expire_date from that lifetime. So expireSessions changes the lifetime, too, if a configured key
// signed the data.
func expireSessions(ctx context.Context, env Env, tx *db.Tx, refs []*Ref, l Lifetime) ([]time.Time, db.Outcomes, error) {
	if env.Settings.Session.CacheOnly() {
		return expireCached(ctx, env, tx, refs, l)
	}
	now, outcomes, err := tx.LockSessions(ctx, rowsOf(refs))
	if err != nil {
		return nil, nil, err
	}
	keys, err := env.Keys()
	if err != nil {
		return nil, nil, err
	}
	markMoved(env, tx, refs, now, outcomes)
	indexes := outcomes.Changed(len(refs))
	item, end, err := l.expiry(tx.Now)
	if err != nil {
		return nil, nil, err
	}
	data := make([]string, len(indexes))
	if len(keys) > 0 && checkSessionWrite(env.Settings.Session) == nil {
		err := parallel(ctx, len(indexes), func(j int) error {
			s := &now[indexes[j]]
			if !ownLifetime(s.Data) || !django.VerifySession(s.Data, keys).AcceptedBy(string(env.Settings.Peers.Django)) {
				return nil
			}
			renewed, err := renewedSession(env, *s, item[0], tx.Now)
			data[j] = renewed
			return err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	list, err := tx.ExpireSessions(ctx, db.Subset(now, indexes), data, end)
	if err == nil {
		err = forgetCopies(env, tx, db.Subset(now, indexes))
	}
	if err != nil {
		return nil, nil, err
	}
	ends := make([]time.Time, len(refs))
	for j, i := range indexes {
		ends[i] = list[j]
	}
	return ends, outcomes, err
}

// sessionMoves returns notes about what Django and browsers do with the end of a session.
func sessionMoves(s *tokenctl.Settings, _ Lifetime) []string {
	age := s.Session.Age()
	text := "Django sets the expiry of a session anew when it saves the session: to " + django.BriefDuration(age) + " from then, or to the session's own lifetime"
	if s.Session.CookieAge.Duration == 0 {
		text += " (" + byDefault("SESSION_COOKIE_AGE "+django.BriefDuration(age), "Django") + ")"
	}
	notes := []string{text, "the browser forgets the cookie when it was told to, and learns of a later end when Django saves the session"}
	if why, _ := sessionOutlivesRow(s); why != "" {
		notes = append(notes, "an earlier end may come late: "+why)
	}
	return notes
}

// ownLifetime reports whether a session has a lifetime of its own. The lifetime 0 does not count: it means that
// the browser forgets the cookie when it closes.
func ownLifetime(data string) bool {
	d, err := django.DecodeSession(data)
	if err != nil {
		return false
	}
	for _, item := range d.Items {
		if item.Name == django.ExpiringIn(0).Name {
			return string(item.Value) != "0" && string(item.Value) != "null"
		}
	}
	return false
}
