package tokens

import (
	"context"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// sessionByIDs finds sessions by their whole ids. An argument without a fingerprint may be a session key, so
// the error does not quote it.
func sessionByIDs(ctx context.Context, env Env, tx *db.Tx, ids []string) ([]Found, error) {
	names := make([]sessionName, len(ids))
	for i, id := range ids {
		j := strings.LastIndexByte(id, '-')
		if j < 0 || len(id)-j != 9 || !isHex(strings.ToLower(id[j+1:])) || len([]rune(id[:j])) > 8 {
			return nil, &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "an argument is not the id of a session",
				Hint: "ids of sessions are session:KEY_PREFIX-FINGERPRINT, as tokenctl list shows them; a session key is read from standard input: -"}
		}
		names[i] = sessionName{id[:j], strings.ToLower(id[j+1:])}
	}
	found := make([]Found, len(ids))
	lists, err := rowsByName(ctx, env, tx, names)
	if err == nil && env.Settings.Session.Cached() {
		err = copiesByName(ctx, env, tx, names, lists, found)
	}
	if err != nil {
		return nil, err
	}
	judge, err := newSessionJudge(env, tx.Now)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		switch len(lists[i]) {
		case 0:
			if found[i].Err == nil {
				found[i].Err = notFound("session:" + id)
			}
		case 1:
			c, err := judge.find(ctx, tx, &lists[i][0])
			if err != nil {
				return nil, err
			}
			found[i].Credentials = []*Credential{c}
		default:
			found[i].Err = &tokenctl.Error{Code: tokenctl.CodeAmbiguousID, Message: "more than one session is session:" + id,
				Hint: "act on them by their keys, from standard input: -"}
		}
	}
	return found, nil
}

// sessionName is the id of a session: the beginning of its key, and the fingerprint of its key.
type sessionName struct{ prefix, print string }

// nameOf returns the id of the session with this key.
func nameOf(key tokenctl.Secret) sessionName {
	return sessionName{sessionStart(key), fingerprint(key)}
}

// rowsByName returns for each name the rows that have this name, without their copies.
func rowsByName(ctx context.Context, env Env, tx *db.Tx, names []sessionName) ([][]db.Session, error) {
	lists := make([][]db.Session, len(names))
	if env.Settings.Session.CacheOnly() {
		return lists, nil
	}
	prefixes := tokenctl.Mapped(names, func(n sessionName) string { return n.prefix })
	rows, err := tx.SessionsWithPrefixes(ctx, prefixes)
	if err != nil {
		return nil, err
	}
	for i, n := range names {
		for _, s := range rows[i] {
			if nameOf(s.Key) == n {
				lists[i] = append(lists[i], s)
			}
		}
	}
	return lists, nil
}

// copiesByName adds to each row its copy, and searches the cache for the names without a row. If the cache
// does not answer, these names get an error.
func copiesByName(ctx context.Context, env Env, tx *db.Tx, names []sessionName, lists [][]db.Session, found []Found) error {
	c, err := env.Cache()
	if err != nil {
		return err
	}
	var down error
	wanted := map[sessionName][]int{}
	for i, n := range names {
		if err := withCopies(ctx, env, tx, c, lists[i], &down); err != nil {
			return err
		}
		if len(lists[i]) == 1 && lists[i][0].Key.IsZero() {
			lists[i] = nil
		}
		if len(lists[i]) == 0 {
			wanted[n] = append(wanted[n], i)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	start := ""
	if len(wanted) == 1 { // SCAN visits every key at each call, so several names share one call
		for n := range wanted {
			start = n.prefix
		}
	}
	if down == nil {
		down = c.Lists()
	}
	if down == nil {
		for batch, err := range c.All(ctx, start, func(key string) bool { return wanted[nameOf(tokenctl.NewSecret(key))] != nil }) {
			if err != nil {
				down = err
				break
			}
			owned, err := ownedSessions(ctx, tx, batch)
			if err != nil {
				return err
			}
			for _, s := range owned {
				for _, i := range wanted[nameOf(s.Key)] {
					lists[i] = append(lists[i], s)
				}
			}
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, indexes := range wanted {
		for _, i := range indexes {
			found[i].Err = down
		}
	}
	return nil
}

func sessionBySecrets(ctx context.Context, env Env, tx *db.Tx, secrets []tokenctl.Secret) ([]*Credential, error) {
	// Django does not look up a key of another form.
	asked := make([]tokenctl.Secret, len(secrets))
	for i, secret := range secrets {
		if django.ValidSessionKey(secret.Reveal()) {
			asked[i] = secret
		}
	}
	list, down, err := sessionsWithKeys(ctx, env, tx, asked)
	if err != nil {
		return nil, err
	}
	judge, err := newSessionJudge(env, tx.Now)
	if err != nil {
		return nil, err
	}
	found := make([]*Credential, len(secrets))
	for i, s := range list {
		if s != nil && !asked[i].IsZero() {
			if found[i], err = judge.find(ctx, tx, s); err != nil {
				return nil, err
			}
		}
	}
	return found, down
}

// sessionsWithKeys returns the sessions with these keys, in their order; nil for a key without a session. down
// is the reason why the cache did not answer: then a key with nil may have a session in the cache.
func sessionsWithKeys(ctx context.Context, env Env, tx *db.Tx, keys []tokenctl.Secret) (list []*db.Session, down, err error) {
	list = make([]*db.Session, len(keys))
	if !env.Settings.Session.CacheOnly() {
		if list, err = tx.SessionsWithKeys(ctx, keys); err != nil || !env.Settings.Session.Cached() {
			return list, nil, err
		}
	}
	c, err := env.Cache()
	if err != nil {
		return nil, nil, err
	}
	copies, down, err := copiesOf(ctx, tx, c, keys)
	if down != nil && slices.ContainsFunc(list, func(s *db.Session) bool { return s != nil }) {
		env.Missed(down)
	}
	for i, s := range copies {
		if row := list[i]; s != nil && row != nil && (s.Problem != nil || row.UserID == s.UserID) {
			s = new(row.WithCopy(s, tx.Now))
		}
		if s != nil {
			list[i] = s
		}
	}
	return list, down, err
}

// find judges a session that was looked up. If only other sessions of the cache can prove the key, find reads
// the first batch of them, once.
func (j *sessionJudge) find(ctx context.Context, tx *db.Tx, s *db.Session) (*Credential, error) {
	c := j.seen(s)
	if c.undecided != errKeyOrPassword || j.sampled {
		return &c, nil
	}
	j.sampled = true
	sessions, err := j.env.Cache()
	if err != nil {
		return nil, err
	}
	for batch, err := range sessions.All(ctx, "", nil) {
		if err != nil {
			break // the session stays undecided
		}
		others, err := ownedSessions(ctx, tx, batch)
		if err != nil {
			return nil, err
		}
		j.prove(others)
		break
	}
	if j.proven.Load() {
		c = j.seen(s)
	}
	return &c, nil
}
