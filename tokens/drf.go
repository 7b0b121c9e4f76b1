package tokens

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"iter"
	"strings"

	"tokenctl/db"
	"tokenctl/django"
)

// DRF is rest_framework.authtoken: one token a user, stored in clear, without
// expiry.
var DRF = &Kind{
	Name:    "drf",
	Title:   "drf tokens",
	App:     "rest_framework.authtoken",
	IDForm:  "drf:USER_ID@FINGERPRINT",
	Present: func(l *db.Layout) bool { return l.AuthToken() != nil },
	LooksLike: func(text string) bool {
		return len(text) == db.MaxTokenKey && isHex(text)
	},
	List:     listDRF,
	ByID:     drfByID,
	BySecret: drfBySecret,
	CheckMint: func(_ Env, r MintRequest) error {
		if err := noClaims("drf tokens", r); err != nil {
			return err
		}
		return noLife("drf tokens", r.Life)
	},
	CheckRotate: func(_ Env, r RotateRequest) error {
		if err := noOverlap("drf tokens", r); err != nil {
			return err
		}
		r.Life.Keep = false // keeping no expiry is what happens anyway
		return noLife("drf tokens", r.Life)
	},
	Mint: mintDRF,
	Holds: func(ctx context.Context, tx *db.Tx, u db.User) (bool, error) {
		t, err := tx.TokenOf(ctx, u.ID)
		return t != nil, err
	},
	Rotate: rotateDRF,
	Blacklist: func(ctx context.Context, _ Env, tx *db.Tx, c Credential) error {
		return tx.DeleteToken(ctx, c.row.(db.Token))
	},
	Aftermath: drfAftermath,
	Header: func(s *django.Settings, secret django.Secret) string {
		return "Authorization: " + s.TokenKeyword() + " " + secret.Reveal()
	},
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// fingerprint names a secret without telling it.
func fingerprint(secret django.Secret) string {
	sum := sha256.Sum256([]byte(secret.Reveal()))
	return hex.EncodeToString(sum[:4])
}

func drfCredential(t db.Token) Credential {
	c := Credential{Kind: "drf", ID: "drf:" + t.User.ID + "@" + fingerprint(t.Key), Owner: t.User, Status: Active,
		Created: t.Created, secret: t.Key, row: t}
	if !t.User.Active() {
		c.Status = Disabled
	}
	return c
}

func listDRF(ctx context.Context, _ Env, store *db.Store, s Selector) iter.Seq2[Credential, error] {
	// An absent expiry is no date before anything; it is after everything.
	if len(s.Types) > 0 || !s.ExpiresBefore.IsZero() || !s.wants(Active) && !s.wants(Disabled) {
		return func(func(Credential, error) bool) {}
	}
	f := s.filter()
	if s.wants(Active) != s.wants(Disabled) {
		active := s.wants(Active)
		f.Active = &active
	}
	return credentials(store.Tokens(ctx, f), drfCredential)
}

func drfByID(ctx context.Context, _ Env, tx *db.Tx, id string) (Credential, error) {
	userID, print, exact := strings.Cut(id, "@")
	t, err := tx.TokenOf(ctx, userID)
	if err != nil {
		return Credential{}, err
	}
	if t == nil {
		return Credential{}, notFound("drf:" + id)
	}
	c := drfCredential(*t)
	if exact && fingerprint(t.Key) != strings.ToLower(print) {
		return Credential{}, &django.Error{Code: django.CodeChanged, Message: "drf:" + id + " was replaced: it is " + c.ID + " now",
			Hint: "act on the new id, or on drf:" + userID + " whatever its key is"}
	}
	c.Notes = drfNotes(c)
	return c, nil
}

func drfBySecret(ctx context.Context, _ Env, tx *db.Tx, secret django.Secret) (*Credential, error) {
	text := secret.Reveal()
	if len(text) > db.MaxTokenKey || strings.ContainsRune(text, 0) {
		return nil, nil
	}
	t, err := tx.TokenWithKey(ctx, secret)
	if t == nil || err != nil {
		return nil, err
	}
	c := drfCredential(*t)
	c.Notes = drfNotes(c)
	return &c, nil
}

func drfNotes(c Credential) []string {
	if c.Status == Disabled {
		return []string{"the owner is inactive; the token works again when the owner is activated"}
	}
	return nil
}

// newKey is Token.generate_key of rest_framework/authtoken/models.py: 20 random
// bytes in lower-case hexadecimal.
func newKey(random io.Reader) (django.Secret, error) {
	b := make([]byte, db.MaxTokenKey/2)
	if _, err := io.ReadFull(random, b); err != nil {
		return django.Secret{}, err
	}
	return django.NewSecret(hex.EncodeToString(b)), nil
}

func mintDRF(ctx context.Context, env Env, tx *db.Tx, req MintRequest) (Minted, error) {
	key, err := newKey(env.Random)
	if err != nil {
		return Minted{}, err
	}
	t, err := tx.InsertToken(ctx, req.User, key)
	if django.CodeOf(err) == django.CodeTokenExists {
		if old, find := tx.TokenOf(ctx, req.User.ID); find == nil && old != nil {
			err.(*django.Error).Hint = "replace it: tokenctl rotate " + drfCredential(*old).ID
		}
	}
	if err != nil {
		return Minted{}, err
	}
	return Minted{Credential: drfCredential(t), Secrets: []Named{{"token", key}}}, nil
}

func rotateDRF(ctx context.Context, env Env, tx *db.Tx, c Credential, _ RotateRequest) (Minted, error) {
	key, err := newKey(env.Random)
	if err != nil {
		return Minted{}, err
	}
	t, err := tx.ReplaceToken(ctx, c.row.(db.Token), key)
	if err != nil {
		return Minted{}, err
	}
	return Minted{Credential: drfCredential(t), Secrets: []Named{{"token", key}}, Replaces: c.ID}, nil
}

// drfAftermath: obtain_auth_token is get-or-create, so whoever can log in has a
// new token with one request.
func drfAftermath(_ Env, c Credential) string {
	if !c.Owner.Active() || !c.Owner.HasUsablePassword() {
		return ""
	}
	return c.Owner.Username + " has a usable password and can get a new token from obtain_auth_token where the application offers it; tokenctl user deactivate " + c.Owner.Username + " prevents that"
}
