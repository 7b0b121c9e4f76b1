package tokens

import (
	"context"
	"io"
	"time"

	"tokenctl/db"
	"tokenctl/django"
)

// knoxLife is when a new token expires; zero is never.
func knoxLife(env Env, now time.Time, life Life) time.Time {
	switch {
	case life.Never:
		return time.Time{}
	case life.TTL != 0:
		return now.Add(life.TTL)
	case !life.Expires.IsZero():
		return life.Expires
	}
	if expiry := env.Settings.Knox.TokenTTL.Expiry(now); expiry != nil {
		return *expiry
	}
	return time.Time{}
}

// mintKnox is AuthTokenManager.create of knox/models.py (5.0.2), after the check
// of LoginView.
func mintKnox(ctx context.Context, env Env, tx *db.Tx, users []db.User, req MintRequest) ([]Minted, []Refusal, error) {
	if env.Settings.Knox.TokenLimitPerUser != nil {
		if err := tx.LockKnoxLimit(ctx); err != nil {
			return nil, nil, err
		}
	}
	refused, err := barredKnox(ctx, env, tx, users)
	if err != nil {
		return nil, nil, err
	}
	minted, err := newKnox(ctx, env, tx, without(users, refused), knoxLife(env, tx.Now, req.Life))
	return minted, refused, err
}

// newKnox makes a token for each of the users.
func newKnox(ctx context.Context, env Env, tx *db.Tx, users []db.User, expires time.Time) ([]Minted, error) {
	k, scheme := env.Settings.Knox, tx.Layout.KnoxScheme()
	if k.TokenPrefix != "" && scheme != django.KnoxText {
		return nil, &django.Error{Code: django.CodeConfigInvalid, Message: "knox.token_prefix is set, but the database is of knox 4.2, which has no prefixes",
			Hint: "take token_prefix out of tokenctl.toml"}
	}
	secrets, err := several(len(users), env.Random, func(random io.Reader) (django.Secret, error) { return k.NewToken(random, scheme) })
	if err != nil {
		return nil, err
	}
	rows := make([]django.KnoxRow, len(users))
	for i := range rows {
		if rows[i], err = k.Row(scheme, secrets[i], ""); err != nil {
			return nil, err
		}
	}
	list, err := tx.InsertKnoxTokens(ctx, users, rows, expires)
	if err != nil {
		return nil, err
	}
	minted := make([]Minted, len(list))
	for i, t := range list {
		minted[i] = Minted{Credential: KnoxCredential(t), Secrets: []Named{{"token", secrets[i]}}}
	}
	return minted, nil
}

// rotateKnox ends the old tokens first: where one is no longer what was seen,
// there must be no new one.
func rotateKnox(ctx context.Context, env Env, tx *db.Tx, batch []Credential, req RotateRequest) ([]Minted, db.Refusals, error) {
	if err := tx.Layout.KnoxMintable(); err != nil {
		return nil, nil, err
	}
	old := rowsOf[db.KnoxToken](batch)
	ends := make([]time.Time, len(old))
	expiries := make([]time.Time, len(old))
	for i, t := range old {
		expiries[i] = knoxLife(env, tx.Now, req.Life)
		if req.Life.Keep {
			if expiries[i] = t.Expires; !t.Expires.IsZero() && !t.Expires.After(tx.Now) {
				return nil, nil, &django.Error{Code: django.CodeUsage, Message: batch[i].ID + " has expired: with its expiry the new one would be dead at once", Hint: "leave out --keep-expiry, or give --ttl"}
			}
		}
		if req.Overlap != 0 {
			ends[i] = tx.Now.Add(req.Overlap)
			if !t.Expires.IsZero() && t.Expires.Before(ends[i]) {
				ends[i] = t.Expires
			}
		}
	}
	var refused db.Refusals
	var err error
	if req.Overlap != 0 {
		refused, err = tx.ExpireKnoxTokens(ctx, old, ends)
	} else {
		refused, err = tx.ReplaceableKnoxTokens(ctx, old)
	}
	if err != nil {
		return nil, nil, err
	}
	minted := make([]Minted, len(batch))
	for expires, places := range alike(refused, expiries) {
		made, err := newKnox(ctx, env, tx, at(places, ownersOf(batch)), expires)
		if err != nil {
			return nil, nil, err
		}
		for j, i := range places {
			minted[i] = made[j]
			minted[i].Replaces = batch[i].ID
			if ends[i].After(tx.Now) {
				minted[i].Until = ends[i]
			}
		}
	}
	return minted, refused, nil
}

// Imported is what became of a DRF key: a knox row of the same token, so that who
// sends the key goes on unchanged.
type Imported struct {
	Credential
	Fresh bool // the row was made, not there already
}

// ImportDRF gives the users' DRF keys rows of knox. without are the users who
// hold no key. Where dry is set no row is made, and what would be one is returned.
func ImportDRF(ctx context.Context, env Env, tx *db.Tx, users []db.User, life Life, dry bool) (imported []Imported, without []db.User, err error) {
	for _, k := range []*Kind{DRF, Knox} {
		if err := k.Check(tx.Layout); err != nil {
			return nil, nil, err
		}
	}
	if err := tx.Layout.KnoxMintable(); err != nil {
		return nil, nil, err
	}
	expires := knoxLife(env, tx.Now, life)
	for _, u := range users {
		token, err := tx.TokenOf(ctx, u.ID)
		if err != nil {
			return nil, nil, err
		}
		if token == nil {
			without = append(without, u)
			continue
		}
		row, err := env.Settings.Knox.Row(tx.Layout.KnoxScheme(), token.Key, "")
		if err != nil {
			return nil, nil, &django.Error{Code: django.CodeInvalidValue, Message: "the drf token of " + u.Username + " cannot be one of knox: " + err.Error(),
				Hint: "leave the user out, or rotate the token first"}
		}
		there, err := tx.KnoxTokensFrom(ctx, row.Digest)
		if err != nil {
			return nil, nil, err
		}
		if len(there) > 0 {
			if there[0].User.ID != u.ID {
				return nil, nil, &django.Error{Code: django.CodeAlreadyExists, Message: "the drf token of " + u.Username + " is there as a knox token of " + there[0].User.Username + ": " + knoxID(row.Digest),
					Hint: "blacklist that one, or leave the user out"}
			}
			imported = append(imported, Imported{Credential: KnoxCredential(there[0])})
			continue
		}
		t := db.KnoxToken{Digest: row.Digest, Created: tx.Now, Expires: expires, Status: string(Active), User: u}
		if !u.Active() {
			t.Status = string(Disabled)
		}
		if !dry {
			made, err := tx.InsertKnoxTokens(ctx, []db.User{u}, []django.KnoxRow{row}, expires)
			if err != nil {
				return nil, nil, err
			}
			t = made[0]
		}
		imported = append(imported, Imported{KnoxCredential(t), true})
	}
	return imported, without, nil
}
