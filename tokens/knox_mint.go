package tokens

import (
	"context"
	"io"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// knoxEnd returns the end of a new token; zero means never.
func knoxEnd(env Env, now time.Time, l Lifetime) time.Time {
	if end, ok := l.end(now); ok {
		return end
	}
	if expiry := env.Settings.Knox.TokenTTL.Expiry(now); expiry != nil && l.By != Never {
		return *expiry
	}
	return time.Time{}
}

// mintKnox is AuthTokenManager.create of knox/models.py (5.0.2), after the check
// of LoginView.
func mintKnox(ctx context.Context, env Env, tx *db.Tx, users []db.User, req MintRequest) ([]Minted, []UserAtLimit, error) {
	if env.Settings.Knox.TokenLimitPerUser != nil {
		if err := tx.LockKnoxLimit(ctx); err != nil {
			return nil, nil, err
		}
	}
	atLimit, err := atLimitKnox(ctx, env, tx, users)
	if err != nil {
		return nil, nil, err
	}
	if req.Secrets != nil && atLimit != nil {
		return nil, atLimit, nil // all users get their secrets, or none
	}
	minted, err := newKnox(ctx, env, tx, without(users, atLimit), req)
	return minted, atLimit, err
}

// newKnox makes a token for each of the users.
func newKnox(ctx context.Context, env Env, tx *db.Tx, users []db.User, req MintRequest) ([]Minted, error) {
	secrets := req.Secrets
	var rows []django.KnoxRow
	var err error
	if secrets == nil {
		rows, secrets, err = newKnoxRows(env, tx, len(users))
	} else {
		rows, err = knoxRows(env, tx, secrets)
	}
	if err != nil {
		return nil, err
	}
	list, err := tx.InsertKnoxTokens(ctx, users, rows, knoxEnd(env, tx.Now, req.Lifetime), req.Further)
	minted := make([]Minted, len(list))
	for i, t := range list {
		minted[i] = Minted{Credential: KnoxCredential(t), Secrets: []NamedSecret{{"token", secrets[i]}}}
	}
	return minted, err
}

// newKnoxRows makes n secrets and the values of their rows.
func newKnoxRows(env Env, tx *db.Tx, n int) ([]django.KnoxRow, []tokenctl.Secret, error) {
	k, scheme := env.Settings.Knox, tx.Layout.KnoxScheme()
	if k.TokenPrefix != "" && scheme != django.KnoxText {
		return nil, nil, &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: "knox.token_prefix is set, but the database is of knox 4.2, which has no prefixes",
			Hint: "take token_prefix out of tokenctl.toml"}
	}
	secrets, err := newSecrets(n, env.Random, func(random io.Reader) (tokenctl.Secret, error) { return scheme.NewToken(k, random) })
	if err != nil {
		return nil, nil, err
	}
	rows, err := knoxRows(env, tx, secrets)
	return rows, secrets, err
}

// knoxRows returns the values of the rows for secrets.
func knoxRows(env Env, tx *db.Tx, secrets []tokenctl.Secret) (rows []django.KnoxRow, err error) {
	rows = make([]django.KnoxRow, len(secrets))
	for i := range rows {
		if rows[i], err = tx.Layout.KnoxScheme().Row(env.Settings.Knox, secrets[i], ""); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// rotateKnox gives tokens new secrets. With an overlap it moves the ends of the old tokens instead, and adds a new
// token for each. It does not change a token that has another end than the list showed.
func rotateKnox(ctx context.Context, env Env, tx *db.Tx, refs []*Ref, req RotateRequest) ([]Minted, db.Outcomes, error) {
	if err := tx.Layout.KnoxRotatable(); err != nil {
		return nil, nil, err
	}
	expiries := make([]time.Time, len(refs))
	for i, r := range refs {
		if expiries[i] = knoxEnd(env, tx.Now, req.Lifetime); req.Lifetime.By == Kept {
			end, err := r.kept(tx.Now)
			if err != nil {
				return nil, nil, err
			}
			expiries[i] = end
		}
	}
	rows, secrets, err := newKnoxRows(env, tx, len(refs))
	if err != nil {
		return nil, nil, err
	}
	old, outcomes := rowsOf(refs), db.Outcomes(nil)
	var ends []time.Time
	if req.Overlap == 0 {
		outcomes, err = tx.ReplaceKnoxTokens(ctx, old, rows, expiries)
	} else {
		ends = make([]time.Time, len(refs))
		for i, r := range refs {
			ends[i] = tx.Now.Add(req.Overlap)
			if expires := fromMicros(r.expires); !expires.IsZero() && expires.Before(ends[i]) {
				ends[i] = expires
			}
		}
		outcomes, err = tx.SucceedKnoxTokens(ctx, old, ends, rows, expiries)
	}
	if err != nil {
		return nil, nil, err
	}
	minted := make([]Minted, len(refs))
	for i, r := range refs {
		minted[i] = Minted{Credential: KnoxCredential(db.NewKnoxToken(*r.owner, rows[i], tx.Now, expiries[i])), Secrets: []NamedSecret{{"token", secrets[i]}}, Replaces: r.ID()}
		if ends != nil && ends[i].After(tx.Now) {
			minted[i].Until = ends[i]
		}
	}
	return minted, outcomes, nil
}
