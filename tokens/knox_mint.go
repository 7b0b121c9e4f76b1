package tokens

import (
	"context"
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
func mintKnox(ctx context.Context, env Env, tx *db.Tx, req MintRequest) (Minted, error) {
	if env.Settings.Knox.TokenLimitPerUser != nil {
		if err := tx.LockKnoxLimit(ctx); err != nil {
			return Minted{}, err
		}
	}
	if err := knoxFull(ctx, env, tx, req.User); err != nil {
		return Minted{}, err
	}
	return newKnox(ctx, env, tx, req.User, knoxLife(env, tx.Now, req.Life))
}

func newKnox(ctx context.Context, env Env, tx *db.Tx, u db.User, expires time.Time) (Minted, error) {
	k, scheme := env.Settings.Knox, tx.Layout.KnoxScheme()
	if k.TokenPrefix != "" && scheme != django.KnoxText {
		return Minted{}, &django.Error{Code: django.CodeConfigInvalid, Message: "knox.token_prefix is set, but the database is of knox 4.2, which has no prefixes",
			Hint: "take token_prefix out of tokenctl.toml"}
	}
	secret, err := k.NewToken(env.Random, scheme)
	if err != nil {
		return Minted{}, err
	}
	row, err := k.Row(scheme, secret, "")
	if err != nil {
		return Minted{}, err
	}
	t, fresh, err := tx.InsertKnoxToken(ctx, u, row, expires)
	if err == nil && !fresh {
		err = &django.Error{Code: django.CodeAlreadyExists, Message: "the new knox token is there already", Hint: "run the command again"}
	}
	if err != nil {
		return Minted{}, err
	}
	return Minted{Credential: knoxCredential(t), Secrets: []Named{{"token", secret}}}, nil
}

// rotateKnox ends the old token first: when it is no longer what was seen, there
// must be no new one.
func rotateKnox(ctx context.Context, env Env, tx *db.Tx, c Credential, req RotateRequest) (Minted, error) {
	old := c.row.(db.KnoxToken)
	if err := tx.Layout.KnoxMintable(); err != nil {
		return Minted{}, err
	}
	expires := knoxLife(env, tx.Now, req.Life)
	if req.Life.Keep {
		if expires = old.Expires; !expires.IsZero() && !expires.After(tx.Now) {
			return Minted{}, &django.Error{Code: django.CodeUsage, Message: c.ID + " has expired: with its expiry the new one would be dead at once", Hint: "leave out --keep-expiry, or give --ttl"}
		}
	}
	var end time.Time
	var err error
	if req.Overlap != 0 {
		end = tx.Now.Add(req.Overlap)
		if !old.Expires.IsZero() && old.Expires.Before(end) {
			end = old.Expires
		}
		err = tx.ExpireKnoxToken(ctx, old, end)
	} else {
		err = tx.ReplaceableKnoxToken(ctx, old)
	}
	if err != nil {
		return Minted{}, err
	}
	m, err := newKnox(ctx, env, tx, old.User, expires)
	m.Replaces = c.ID
	if end.After(tx.Now) {
		m.Until = end
	}
	return m, err
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
			imported = append(imported, Imported{Credential: knoxCredential(there[0])})
			continue
		}
		t := db.KnoxToken{Digest: row.Digest, Created: tx.Now, Expires: expires, Status: string(Active), User: u}
		fresh := true
		if !u.Active() {
			t.Status = string(Disabled)
		}
		if !dry {
			if t, fresh, err = tx.InsertKnoxToken(ctx, u, row, expires); err != nil {
				return nil, nil, err
			}
		}
		imported = append(imported, Imported{knoxCredential(t), fresh})
	}
	return imported, without, nil
}
