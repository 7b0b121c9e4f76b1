package tokens

import (
	"context"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/django"
)

// Imported is the knox token that a DRF key became. It has the same secret, so clients keep the key that they send.
type Imported struct {
	Credential
	Fresh bool // the import made the row; false: the row existed already
}

func importDRF(ctx context.Context, env Env, tx *db.Tx, users []db.User, req MintRequest, dry bool) (imported []Imported, keyless []db.User, err error) {
	if err := DRF.Check(tx.Layout); err != nil {
		return nil, nil, err
	}
	if err := tx.Layout.Mintable("knox", req.Further); err != nil {
		return nil, nil, err
	}
	keys, err := tx.TokenKeysOf(ctx, users)
	if err != nil {
		return nil, nil, err
	}
	var owners []db.User
	var rows []django.KnoxRow
	var starts []string
	for _, u := range users {
		if keys[u.ID] == nil {
			keyless = append(keyless, u)
		}
		for _, key := range keys[u.ID] {
			row, err := tx.Layout.KnoxScheme().Row(env.Settings.Knox, key, "")
			if err != nil {
				return nil, nil, &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: "the drf token of " + u.Username + " cannot be one of knox: " + err.Error(),
					Hint: "leave the user out, or rotate the token first"}
			}
			owners, rows, starts = append(owners, u), append(rows, row), append(starts, row.TokenKey)
		}
	}
	found, err := tx.KnoxTokensKeyed(ctx, starts)
	if err != nil {
		return nil, nil, err
	}
	there := map[string]db.KnoxToken{}
	for _, t := range found {
		there[t.Digest] = t
	}
	expires := knoxEnd(env, tx.Now, req.Lifetime)
	var fresh []db.User
	var made []django.KnoxRow
	for i, u := range owners {
		t, has := there[rows[i].Digest]
		if has && t.User.ID != u.ID {
			return nil, nil, &tokenctl.Error{Code: tokenctl.CodeAlreadyExists, Message: "the drf token of " + u.Username + " is there as a knox token of " + t.User.Username + ": " + knoxID(t.Digest),
				Hint: "blacklist that one, or leave the user out"}
		}
		if !has {
			t = db.KnoxToken{Digest: rows[i].Digest, Created: tx.Now, Expires: expires, Status: string(Active), User: u}
			if !u.Active() {
				t.Status = string(Disabled)
			}
			fresh, made = append(fresh, u), append(made, rows[i])
			there[t.Digest] = t // who is named twice, by name and by key, gets one row
		}
		imported = append(imported, Imported{KnoxCredential(t), !has})
	}
	if dry || made == nil {
		return imported, keyless, nil
	}
	_, err = tx.InsertKnoxTokens(ctx, fresh, made, expires, req.Further)
	return imported, keyless, err
}
