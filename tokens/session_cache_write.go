package tokens

import (
	"context"
	"slices"
	"time"

	"tokenctl"
	"tokenctl/cache"
	"tokenctl/db"
	"tokenctl/django"
)

// With the engine cache, a session has no row. tokenctl writes its value and its lifetime into the cache, as
// SessionStore of django/contrib/sessions/backends/cache.py (4.2) does.

// putSessions adds a session for each user. It writes the sessions directly before the commit.
func putSessions(_ context.Context, env Env, tx *db.Tx, users []db.User, keys []tokenctl.Secret, values []string, expires time.Time) ([]db.Session, error) {
	c, err := env.Cache()
	if err == nil {
		err = c.Lists() // mint compares new sessions with those of the application, and memcached cannot list them
	}
	if err != nil {
		return nil, err
	}
	expires = expires.UTC().Truncate(time.Microsecond)
	change := &cacheChange{env: env, cache: c, put: keys, values: values, lives: slices.Repeat([]time.Duration{expires.Sub(tx.Now)}, len(keys))}
	list := make([]db.Session, len(users))
	for i, u := range users {
		login, err := cache.ReadSession(values[i])
		list[i] = db.CachedSession(keys[i], login, err, expires)
		list[i].UserID, list[i].User = u.ID, u
	}
	change.add(tx)
	return list, nil
}

// cachedNow reads the referenced sessions from the cache. outcomes has the sessions that are gone, and those
// that belong to another user by now.
func cachedNow(ctx context.Context, env Env, tx *db.Tx, refs []*Ref) (c *cache.Sessions, values []*cache.Session, now []db.Session, outcomes db.Outcomes, err error) {
	if c, err = env.Cache(); err == nil {
		err = c.Lists()
	}
	if err != nil {
		return nil, nil, nil, nil, err
	}
	if values, err = c.Get(ctx, keysOf(rowsOf(refs))); err != nil {
		return nil, nil, nil, nil, err
	}
	outcomes = db.Outcomes{}
	found := make([]*cache.Session, len(values))
	for i, v := range values {
		if found[i] = v; v == nil {
			outcomes[i] = db.Gone
			found[i] = &cache.Session{Key: refs[i].row.Key}
		}
	}
	now, err = ownedSessions(ctx, tx, found)
	for i := range now {
		if outcomes[i] == db.Changed && now[i].UserID != refs[i].row.Owner {
			outcomes[i] = db.ChangedMeanwhile
		}
	}
	return c, values, now, outcomes, err
}

// replaceCached gives sessions in a cache new keys, and with an item also a new end, as replaceRows does for rows.
func replaceCached(ctx context.Context, env Env, tx *db.Tx, refs []*Ref, item []django.SessionItem, expires time.Time) ([]db.Session, db.Outcomes, error) {
	c, values, now, outcomes, err := cachedNow(ctx, env, tx, refs)
	if err != nil {
		return nil, nil, err
	}
	indexes := outcomes.Changed(len(refs))
	secrets, err := newSecrets(len(indexes), env.Random, django.NewSessionKey)
	if err != nil {
		return nil, nil, err
	}
	change := &cacheChange{env: env, cache: c, put: secrets}
	list := db.Subset(now, indexes)
	for j, i := range indexes {
		value, lives := values[i].Value, values[i].Lives
		if lives < 0 {
			lives = env.Settings.Session.Age() // the old session has no end, but Django gives every session one
			list[j].Expires = tx.Now.Add(lives).UTC().Truncate(time.Microsecond)
		}
		if item != nil {
			lives, list[j].Expires = expires.Sub(tx.Now), expires.UTC().Truncate(time.Microsecond)
			if value, err = cache.Renew(value, item...); err != nil {
				return nil, nil, unwritable(refs[i], err)
			}
		}
		change.values, change.lives = append(change.values, value), append(change.lives, lives)
		change.deleted = append(change.deleted, list[j].Key)
		list[j].Key = secrets[j]
	}
	change.add(tx)
	return list, outcomes, nil
}

func unwritable(r *Ref, err error) error {
	return &tokenctl.Error{Code: tokenctl.CodeKindUnsupported, Message: "tokenctl cannot write " + r.ID() + ": " + err.Error(), Hint: "leave out --ttl and --expires: a new key alone needs no new value"}
}

// expireCached is expireSessions for sessions in a cache. It also writes the lifetime into the value: when
// Django saves the session, it computes a new end from the value.
func expireCached(ctx context.Context, env Env, tx *db.Tx, refs []*Ref, l Lifetime) ([]time.Time, db.Outcomes, error) {
	c, values, now, outcomes, err := cachedNow(ctx, env, tx, refs)
	if err != nil {
		return nil, nil, err
	}
	markMoved(env, tx, refs, now, outcomes)
	item, end, err := l.expiry(tx.Now)
	if err != nil {
		return nil, nil, err
	}
	end = end.UTC().Truncate(time.Microsecond)
	change := &cacheChange{env: env, cache: c, renewed: true}
	for _, i := range outcomes.Changed(len(refs)) {
		value, err := cache.Renew(values[i].Value, item...)
		if err != nil {
			return nil, nil, unwritable(refs[i], err)
		}
		change.put, change.values, change.lives = append(change.put, refs[i].row.Key), append(change.values, value), append(change.lives, end.Sub(tx.Now))
	}
	change.add(tx)
	return slices.Repeat([]time.Time{end}, len(refs)), outcomes, nil
}

// markMoved marks in outcomes the sessions that have another end than the list showed, and those that have
// expired by now.
func markMoved(env Env, tx *db.Tx, refs []*Ref, now []db.Session, outcomes db.Outcomes) {
	for i, r := range refs {
		if outcomes[i] == db.Changed && !sameEnd(env, now[i].Expires, r.expires) {
			outcomes[i] = db.ChangedMeanwhile
		}
	}
	lapse(refs, tx.Now, outcomes)
}

// sameEnd reports whether a session still has the end that the list showed. For a session in a cache, tokenctl
// computes the end from its clock and the remaining lifetime, so two reads of one end differ a little.
func sameEnd(env Env, now time.Time, seen int64) bool {
	if !env.Settings.Session.Cached() {
		return toMicros(now) == seen
	}
	const little = 2 * time.Second
	return now.Sub(fromMicros(seen)).Abs() < little
}

// forgetCopies deletes the copies of changed rows. The application copies the rows again when it reads them.
func forgetCopies(env Env, tx *db.Tx, rows []db.Session) error {
	if !env.Settings.Session.Cached() {
		return nil
	}
	c, err := env.Cache()
	if err != nil {
		return err
	}
	change := &cacheChange{env: env, cache: c}
	for i := range rows {
		change.deleted = append(change.deleted, rows[i].Key)
	}
	change.add(tx)
	return nil
}

// checkCachedSessions is checkSessions for a cache. A cache lists sessions in no order, so it compares the
// sessions of the first batch.
func checkCachedSessions(ctx context.Context, env Env, tx *db.Tx, keys *django.SessionKeys) (int, error) {
	c, err := env.Cache()
	if err != nil {
		return 0, err
	}
	for batch, err := range c.All(ctx, "", nil) {
		if err != nil {
			return 0, err
		}
		list, err := ownedSessions(ctx, tx, batch)
		if err != nil {
			return 0, err
		}
		j := &sessionJudge{env: env, keys: keys}
		j.prove(list)
		owned := slices.ContainsFunc(list, func(s db.Session) bool { return s.User.ID != "" && s.Login.AuthHash != "" })
		if owned && !j.proven.Load() {
			return 0, &tokenctl.Error{Code: tokenctl.CodeWrongKey, Message: "the configured SECRET_KEY made the auth hash of none of the sessions in the cache: it is not the application's, or all passwords were changed since",
				Hint: env.orForce("correct the key")}
		}
		return wrongLogins(env, keys, list)
	}
	return 0, nil
}
