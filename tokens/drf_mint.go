package tokens

import (
	"context"
	"encoding/hex"
	"io"

	"tokenctl"
	"tokenctl/db"
)

// newKey is Token.generate_key of rest_framework/authtoken/models.py: 20 random
// bytes in lower-case hexadecimal.
func newKey(random io.Reader) (tokenctl.Secret, error) {
	b := make([]byte, keyLength/2)
	if _, err := io.ReadFull(random, b); err != nil {
		return tokenctl.Secret{}, err
	}
	return tokenctl.NewSecret(hex.EncodeToString(b)), nil
}

func mintDRF(ctx context.Context, env Env, tx *db.Tx, users []db.User, req MintRequest) ([]Minted, []UserAtLimit, error) {
	keys, err := req.Secrets, error(nil)
	if keys == nil {
		keys, err = newSecrets(len(users), env.Random, newKey)
	}
	if err != nil {
		return nil, nil, err
	}
	skipped, err := tx.InsertTokens(ctx, users, keys, req.Further)
	if err != nil {
		return nil, nil, err
	}
	minted := make([]Minted, 0, len(users))
	var others []db.User
	for i, u := range users {
		if skipped[u.ID] {
			others = append(others, u)
			continue
		}
		minted = append(minted, Minted{Credential: drfCredential(&db.Token{Key: keys[i], Created: tx.Now, User: u}), Secrets: []NamedSecret{{"token", keys[i]}}})
	}
	if others == nil {
		return minted, nil, nil
	}
	atLimit, err := atLimitDRF(ctx, env, tx, others)
	if err != nil {
		return nil, nil, err
	}
	// A token that was deleted after the insert has prevented another one, too.
	for _, u := range without(others, atLimit) {
		atLimit = append(atLimit, UserAtLimit{u, hasDRF(u)})
	}
	return minted, atLimit, nil
}

func hasDRF(u db.User) *tokenctl.Error {
	return &tokenctl.Error{Code: tokenctl.CodeTokenExists, Message: u.Username + " has a drf token already"}
}

// atLimitDRF returns the users who have a token, in the order of users.
func atLimitDRF(ctx context.Context, _ Env, tx *db.Tx, users []db.User) ([]UserAtLimit, error) {
	if tx.Layout.SeveralTokens() {
		return nil, nil
	}
	held, err := tx.TokenKeysOf(ctx, users)
	if err != nil {
		return nil, err
	}
	var atLimit []UserAtLimit
	for _, u := range users {
		if keys := held[u.ID]; keys != nil {
			e := hasDRF(u)
			e.Hint = "replace it: tokenctl rotate " + drfID(u.ID, keys[0])
			atLimit = append(atLimit, UserAtLimit{u, e})
		}
	}
	return atLimit, nil
}

func rotateDRF(ctx context.Context, env Env, tx *db.Tx, refs []*Ref, _ RotateRequest) ([]Minted, db.Outcomes, error) {
	keys, err := newSecrets(len(refs), env.Random, newKey)
	if err != nil {
		return nil, nil, err
	}
	outcomes, err := tx.ReplaceTokens(ctx, rowsOf(refs), keys)
	minted := make([]Minted, len(refs))
	for i, r := range refs {
		minted[i] = Minted{Credential: drfCredential(&db.Token{Key: keys[i], Created: tx.Now, User: *r.owner}), Secrets: []NamedSecret{{"token", keys[i]}}, Replaces: r.ID()}
	}
	return minted, outcomes, err
}
