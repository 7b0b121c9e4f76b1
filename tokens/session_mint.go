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

// checkSessionLifetime returns an error for a lifetime that a session cannot have.
func checkSessionLifetime(l Lifetime) error {
	if l.By == Never {
		return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "sessions always expire", Hint: "leave out --never, or give --ttl"}
	}
	if l.By == ByTTL && l.TTL < time.Second {
		return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "a session lives for whole seconds", Hint: "write --ttl 1h"}
	}
	return nil
}

// checkSessionWrite returns an error if the application would not read the session data that tokenctl writes.
func checkSessionWrite(s tokenctl.SessionSettings) error {
	if s.Pickles() {
		return &tokenctl.Error{Code: tokenctl.CodeKindUnsupported, Message: "the application's sessions are written by " + s.Serializer + ", and tokenctl writes JSON",
			Hint: "make the session in manage.py shell; serializer under [session] in tokenctl.toml says what the application uses"}
	}
	return nil
}

func checkSessionMint(env Env, r MintRequest) error {
	if err := checkNoClaims("sessions", r); err != nil {
		return err
	}
	if err := checkSessionLifetime(r.Lifetime); err != nil {
		return err
	}
	s := env.Settings.Session
	switch {
	case s.CacheOnly():
		return nil // the value in the cache is not what the serializer makes
	case !s.InDatabase():
		_, why := s.DeletingLogsOut()
		return &tokenctl.Error{Code: tokenctl.CodeKindUnsupported, Message: "a session minted here would not be found: the engine is " + s.EngineModule(),
			Hint: why}
	}
	return checkSessionWrite(s)
}

func checkSessionRotate(env Env, r RotateRequest) error {
	if err := checkNoOverlap("sessions", r); err != nil {
		return err
	}
	if err := checkSessionLifetime(r.Lifetime); err != nil || r.Lifetime.By != ByTTL && r.Lifetime.By != ByDate || env.Settings.Session.CacheOnly() {
		return err
	}
	return checkSessionWrite(env.Settings.Session)
}

// SigningKeys returns the keys that sign session data, SECRET_KEY first. Without a key it returns a CodeKeyMissing
// error.
func SigningKeys(env Env) (django.SecretKeys, error) {
	keys, err := env.Keys()
	if err == nil && len(keys) == 0 {
		err = sessionKeyMissing("a session cannot be signed")
	}
	return keys, err
}

func sessionKeyMissing(what string) error {
	return &tokenctl.Error{Code: tokenctl.CodeKeyMissing, Message: what + ": no SECRET_KEY is configured",
		Hint: "give Django's SECRET_KEY in TOKENCTL_SECRET_KEY, or name its file in secret_key_file of tokenctl.toml"}
}

// expiry returns what a lifetime of the operator's choice puts into the data of a session, and the expire_date of
// its row. The data gets a number of seconds, which every release of Django understands. They count again from
// each time at which the application saves the session.
func (l Lifetime) expiry(now time.Time) (item []django.SessionItem, expires time.Time, err error) {
	ttl, ok, err := l.length(now)
	if !ok || err != nil {
		return nil, time.Time{}, err
	}
	ttl = max(ttl, time.Second) // 0 would be "until the browser closes"
	return []django.SessionItem{django.ExpiringIn(ttl)}, now.Add(ttl), nil
}

// sessionEnd returns the end of a session that gets a lifetime. why is empty without a lifetime: the end stays.
func sessionEnd(_ Env, now time.Time, _ string, l Lifetime) (time.Time, string) {
	end, _ := l.end(now)
	return end, l.why()
}

// mintSession is django.contrib.auth.login without a request: no signal is
// sent, and last_login stays as it is.
func mintSession(ctx context.Context, env Env, tx *db.Tx, users []db.User, req MintRequest) ([]Minted, []UserAtLimit, error) {
	keys, err := SigningKeys(env)
	if err != nil {
		return nil, nil, err
	}
	if !req.Force {
		if _, err := checkSessions(ctx, env, tx, keys); err != nil {
			return nil, nil, err
		}
	}
	item, expires, err := req.Lifetime.expiry(tx.Now)
	if err != nil {
		return nil, nil, err
	}
	if item == nil {
		expires = tx.Now.Add(env.Settings.Session.Age())
	}
	cached := env.Settings.Session.CacheOnly()
	data := make([]string, len(users))
	err = parallel(ctx, len(data), func(i int) (err error) {
		u := &users[i]
		items := append(django.LoginSession(u.ID, env.Settings.Auth.Backend(), u.SessionAuthHash(keys[0])), item...)
		if cached {
			data[i], err = cache.WriteSession(items, env.Settings.Session.WritesJSON())
		} else {
			data[i], err = django.EncodeSession(items, keys[0], tx.Now)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	secrets, err := newSecrets(len(data), env.Random, django.NewSessionKey)
	if err != nil {
		return nil, nil, err
	}
	insert := tx.InsertSessions
	if cached {
		insert = func(ctx context.Context, users []db.User, keys []tokenctl.Secret, data []string, expires time.Time, _ db.Further) ([]db.Session, error) {
			return putSessions(ctx, env, tx, users, keys, data, expires)
		}
	}
	list, err := insert(ctx, users, secrets, data, expires, req.Further)
	if err != nil {
		return nil, nil, err
	}
	judge, err := newSessionJudge(env, tx.Now)
	if err != nil {
		return nil, nil, err
	}
	minted := make([]Minted, len(list))
	return minted, nil, parallel(ctx, len(list), func(i int) error {
		minted[i] = Minted{Credential: judge.judge(&list[i]), Secrets: []NamedSecret{{"token", secrets[i]}}}
		return nil
	})
}

// rotateSession is SessionBase.cycle_key of
// django/contrib/sessions/backends/base.py (4.2): the same data under another
// key. Without a new lifetime it needs no SECRET_KEY.
func rotateSession(ctx context.Context, env Env, tx *db.Tx, refs []*Ref, req RotateRequest) ([]Minted, db.Outcomes, error) {
	item, expires, err := req.Lifetime.expiry(tx.Now)
	if err != nil {
		return nil, nil, err
	}
	replace := replaceRows
	if env.Settings.Session.CacheOnly() {
		replace = replaceCached
	}
	list, outcomes, err := replace(ctx, env, tx, refs, item, expires)
	if err != nil {
		return nil, nil, err
	}
	judge, err := newSessionJudge(env, tx.Now)
	if err != nil {
		return nil, nil, err
	}
	indexes := outcomes.Changed(len(refs))
	minted := make([]Minted, len(refs))
	return minted, outcomes, parallel(ctx, len(list), func(j int) error {
		i := indexes[j]
		minted[i] = Minted{Credential: judge.judge(&list[j]), Secrets: []NamedSecret{{"token", list[j].Key}}, Replaces: refs[i].ID()}
		return nil
	})
}

// replaceRows gives new keys to the rows of sessions. If there is an item, it also replaces the lifetime in the
// data and the end. It deletes the copies that a cache has under the old keys.
func replaceRows(ctx context.Context, env Env, tx *db.Tx, refs []*Ref, item []django.SessionItem, expires time.Time) ([]db.Session, db.Outcomes, error) {
	now, outcomes, err := tx.LockSessions(ctx, rowsOf(refs))
	if err != nil {
		return nil, nil, err
	}
	old := db.Subset(now, outcomes.Changed(len(refs)))
	var data []string
	if item != nil {
		data = make([]string, len(old))
		err := parallel(ctx, len(old), func(j int) (err error) {
			data[j], err = renewedSession(env, old[j], item[0], tx.Now)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	secrets, err := newSecrets(len(old), env.Random, django.NewSessionKey)
	if err != nil {
		return nil, nil, err
	}
	list, err := tx.ReplaceSessions(ctx, old, secrets, data, expires)
	if err == nil {
		err = forgetCopies(env, tx, old)
	}
	return list, outcomes, err
}

// renewedSession returns the data of a session with another _session_expiry. It does not sign data that the
// application did not sign: that would make the data valid.
func renewedSession(env Env, old db.Session, expiry django.SessionItem, now time.Time) (string, error) {
	keys, err := SigningKeys(env)
	if err != nil {
		return "", err
	}
	const hint = "leave out --ttl and --expires: a new key alone needs no signature"
	if !django.VerifySession(old.Data, keys).AcceptedBy(string(env.Settings.Peers.Django)) {
		return "", &tokenctl.Error{Code: tokenctl.CodeWrongKey, Message: "none of the configured keys signed " + SessionID(old.Key) + ", so it gets no new lifetime", Hint: hint}
	}
	d, err := django.DecodeSession(old.Data)
	if err != nil {
		return "", &tokenctl.Error{Code: tokenctl.CodeKindUnsupported, Message: "tokenctl cannot write " + SessionID(old.Key) + ": " + err.Error(), Hint: hint}
	}
	items := slices.DeleteFunc(d.Items, func(i django.SessionItem) bool { return i.Name == expiry.Name })
	return django.EncodeSession(append(items, expiry), keys[0], now)
}
