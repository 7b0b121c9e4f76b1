package tokens

import (
	"context"
	"slices"

	"tokenctl"
	"tokenctl/db"
)

// UserAtLimit is a user who has as many credentials of a kind as a user can have.
type UserAtLimit struct {
	User db.User
	Err  *tokenctl.Error // says so, with CodeTokenExists
}

// Mint makes a credential for one user, req.User. If the user is at the limit, it returns the error of UserAtLimit.
func (k *Kind) Mint(ctx context.Context, env Env, tx *db.Tx, req MintRequest) (Minted, error) {
	minted, err := k.MintAllOrNone(ctx, env, tx, []db.User{req.User}, req)
	if err != nil {
		return Minted{}, err
	}
	return minted[0], nil
}

// MintBatch is the best number of users for one call of MintBelowLimit.
const MintBatch = 5000

// MintAllOrNone makes a credential for every user. If a user is at the limit, it returns the error of the first
// UserAtLimit, and the caller must roll back: some users may have got their credentials.
func (k *Kind) MintAllOrNone(ctx context.Context, env Env, tx *db.Tx, users []db.User, req MintRequest) ([]Minted, error) {
	minted := make([]Minted, 0, len(users))
	for batch := range slices.Chunk(users, MintBatch) {
		made, atLimit, err := k.MintBelowLimit(ctx, env, tx, batch, req)
		if err == nil && atLimit != nil {
			err = atLimit[0].Err
		}
		if err != nil {
			return nil, err
		}
		minted = append(minted, made...)
	}
	return minted, nil
}

// BelowLimit returns the users who can get a further credential, and the users who cannot.
func (k *Kind) BelowLimit(ctx context.Context, env Env, tx *db.Tx, users []db.User) ([]db.User, []UserAtLimit, error) {
	if k.AtLimit == nil {
		return users, nil, nil
	}
	atLimit, err := k.AtLimit(ctx, env, tx, users)
	return without(users, atLimit), atLimit, err
}

// without returns the users who are not among those at the limit.
func without(users []db.User, atLimit []UserAtLimit) []db.User {
	if len(atLimit) == 0 {
		return users
	}
	out := map[string]bool{}
	for i := range atLimit {
		out[atLimit[i].User.ID] = true
	}
	return slices.DeleteFunc(slices.Clone(users), func(u db.User) bool { return out[u.ID] })
}
