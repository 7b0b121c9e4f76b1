package tokens

import (
	"context"
	"time"

	"tokenctl"
	"tokenctl/cache"
	"tokenctl/db"
	"tokenctl/db/engine"
)

// cacheChange is the change that a transaction makes in the cache of sessions. It happens after all rows are
// changed and before the commit: a copy that outlives its row would still log the user in.
type cacheChange struct {
	env     Env
	cache   *cache.Sessions
	put     []tokenctl.Secret // keys of new sessions; with renewed, keys of sessions that get new values
	renewed bool
	values  []string
	lives   []time.Duration
	deleted []tokenctl.Secret

	begun, done bool // apply was called; apply succeeded
}

// add adds the change to a transaction.
func (ch *cacheChange) add(tx *db.Tx) {
	if len(ch.put)+len(ch.deleted) > 0 {
		tx.BeforeCommit(ch.apply)
		tx.AtEnd(ch.settle)
	}
}

func (ch *cacheChange) apply(ctx context.Context) error {
	ch.begun = true
	err := ch.cache.Put(ctx, ch.put, ch.values, ch.lives)
	if err == nil {
		err = ch.cache.Delete(ctx, ch.deleted)
	}
	ch.done = err == nil
	if err != nil && ch.env.KeepGoing && ch.put == nil && !ch.env.Settings.Session.CacheOnly() && ctx.Err() == nil {
		liveOn(ch.env, err, ch.deleted)
		return nil
	}
	return err
}

// liveOn reports that the cache may still have copies of sessions whose rows are deleted.
func liveOn(env Env, err error, keys []tokenctl.Secret) {
	env.Missed(err)
	for _, key := range keys {
		env.Missed(&tokenctl.Error{Code: tokenctl.CodePartlyDone, Message: SessionID(key) + " may live on in the cache without its row"})
	}
}

func (ch *cacheChange) settle(ctx context.Context, p engine.Phase) string {
	switch {
	case !ch.begun:
		return ""
	case p == engine.Committed && ch.done && !ch.env.Settings.Session.CacheOnly():
		// Until the commit other connections still see the row, so a request may have copied it again.
		if err := ch.cache.Delete(ctx, ch.deleted); err != nil {
			liveOn(ch.env, err, ch.deleted)
		}
		return ""
	case p == engine.Committed, p == engine.Committing && len(ch.put) > 0:
		return ""
	}
	stands := ""
	switch {
	case ch.renewed:
		stands = "sessions may have other ends in the cache: look with tokenctl list --kind session"
	case len(ch.put) > 0:
		if err := ch.cache.Delete(ctx, ch.put); err != nil {
			stands = "new sessions may stand in the cache: list them with tokenctl list --kind session"
		}
	}
	if len(ch.deleted) > 0 && ch.env.Settings.Session.CacheOnly() {
		stands = "sessions may have been deleted from the cache: look with tokenctl list --kind session"
	}
	return stands
}

// deleteSessions deletes sessions from the table and from the cache.
func deleteSessions(ctx context.Context, env Env, tx *db.Tx, refs []db.Ref) (db.Outcomes, error) {
	settings := env.Settings.Session
	if !settings.Cached() {
		return tx.DeleteSessions(ctx, refs)
	}
	c, err := env.Cache()
	if err != nil {
		return nil, err
	}
	outcomes := db.Outcomes{}
	if settings.CacheOnly() {
		for i := range refs {
			outcomes[i] = db.Gone
		}
	} else if deleted, err := tx.DeleteSessions(ctx, refs); err != nil {
		return nil, err
	} else if deleted != nil {
		outcomes = deleted
	}
	copies, down, err := copiesOf(ctx, tx, c, keysOf(refs))
	switch {
	case err != nil:
		return nil, err
	case down != nil && (settings.CacheOnly() || !env.KeepGoing):
		return nil, down
	case down != nil:
		liveOn(env, down, keysOf(refs))
		return outcomes, nil
	}
	change := &cacheChange{env: env, cache: c}
	var again []int // indexes of the copies whose row has changed: the row is deleted, too
	for i, s := range copies {
		switch {
		case s == nil:
			continue
		case outcomes[i] != db.Changed && s.UserID != refs[i].Owner:
			outcomes[i] = db.ChangedMeanwhile
			continue
		case outcomes[i] == db.ChangedMeanwhile:
			again = append(again, i)
		}
		delete(outcomes, i)
		change.deleted = append(change.deleted, s.Key)
	}
	change.add(tx)
	if again == nil {
		return outcomes, nil
	}
	rows, err := tx.SessionsWithKeys(ctx, keysOf(db.Subset(refs, again)))
	if err != nil {
		return nil, err
	}
	var theirs []db.Ref
	for _, row := range rows {
		if row != nil {
			theirs = append(theirs, row.Ref())
		}
	}
	_, err = tx.DeleteSessions(ctx, theirs)
	return outcomes, err
}

func keysOf(refs []db.Ref) []tokenctl.Secret {
	return tokenctl.Mapped(refs, func(r db.Ref) tokenctl.Secret { return r.Key })
}

func sessionKeys(list []db.Session) []tokenctl.Secret {
	return tokenctl.Mapped(list, func(s db.Session) tokenctl.Secret { return s.Key })
}

// copiesOf returns the sessions of a cache with these keys, in their order; nil for a zero key and for a key
// without a session. down is the reason why the cache did not answer.
func copiesOf(ctx context.Context, tx *db.Tx, c *cache.Sessions, keys []tokenctl.Secret) (copies []*db.Session, down, err error) {
	copies = make([]*db.Session, len(keys))
	var asked []tokenctl.Secret
	var of []int
	for i, key := range keys {
		if !key.IsZero() {
			asked, of = append(asked, key), append(of, i)
		}
	}
	found, err := c.Get(ctx, asked)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, err
		}
		return copies, err, nil
	}
	n := 0
	for j, v := range found {
		if v != nil {
			found[n], of[n] = v, of[j]
			n++
		}
	}
	owned, err := ownedSessions(ctx, tx, found[:n])
	for j := range owned {
		copies[of[j]] = &owned[j]
	}
	return copies, nil, err
}
