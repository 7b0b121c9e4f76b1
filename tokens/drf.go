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
	MintAll: mintDRF,
	Barred:  barredDRF,
	Rotate:  rotateDRF,
	Blacklist: func(ctx context.Context, _ Env, tx *db.Tx, batch []Credential) (db.Refusals, error) {
		return tx.DeleteTokens(ctx, rowsOf[db.Token](batch))
	},
	BlacklistAll: func(ctx context.Context, _ Env, tx *db.Tx, s Selector, gone func(string)) (int64, error) {
		f, some := drfFilter(&s)
		if !some {
			return 0, nil
		}
		return tx.DeleteTokensWhere(ctx, f, telling(gone, func(t db.Token) string { return drfID(t.User, t.Key) }))
	},
	Aftermath: drfAftermath,
	Header: func(s *django.Settings, secret django.Secret) string {
		return "Authorization: " + s.TokenKeyword() + " " + secret.Reveal()
	},
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// fingerprint names a secret without telling it.
func fingerprint(secret django.Secret) string { return string(appendFingerprint(nil, secret)) }

func appendFingerprint(dst []byte, secret django.Secret) []byte {
	var text [2 * db.MaxTokenKey]byte // enough not to be allocated
	sum := sha256.Sum256(append(text[:0], secret.Reveal()...))
	return hex.AppendEncode(dst, sum[:4])
}

func drfID(u db.User, key django.Secret) string {
	id := append(append(append(make([]byte, 0, 64), "drf:"...), u.ID...), '@')
	return string(appendFingerprint(id, key))
}

func drfCredential(t db.Token) Credential {
	c := drfOverview(&t)
	c.row = t
	return c
}

// drfOverview is the credential without its row.
func drfOverview(t *db.Token) Credential {
	c := Credential{Kind: "drf", ID: drfID(t.User, t.Key), Owner: t.User, Status: Active,
		Created: t.Created, secret: t.Key}
	if !t.User.Active() {
		c.Status = Disabled
	}
	return c
}

// drfFilter is what the selector picks of drf tokens, if that is any.
func drfFilter(s *Selector) (f db.Filter, some bool) {
	// An absent expiry is no date before anything; it is after everything.
	if len(s.Types) > 0 || !s.ExpiresBefore.IsZero() || !s.wants(Active) && !s.wants(Disabled) {
		return f, false
	}
	f = s.filter()
	f.Brief = f.Brief && !s.Doomed // what blacklisting one comes to depends on the owner's password
	if s.wants(Active) != s.wants(Disabled) {
		active := s.wants(Active)
		f.Active = &active
	}
	return f, true
}

func listDRF(ctx context.Context, _ Env, store *db.Store, s Selector) iter.Seq2[Credential, error] {
	f, some := drfFilter(&s)
	if !some {
		return func(func(Credential, error) bool) {}
	}
	return credentials(ctx, func(ctx context.Context) iter.Seq2[db.Token, error] { return store.Tokens(ctx, f) }, func(t *db.Token) Credential {
		if s.Brief {
			return drfOverview(t)
		}
		return drfCredential(*t)
	})
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
	found, err := DRFBySecrets(ctx, tx, []django.Secret{secret})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// DRFBySecrets finds the tokens of many secrets with one query, in their order;
// nil where a secret is nobody's.
func DRFBySecrets(ctx context.Context, tx *db.Tx, secrets []django.Secret) ([]*Credential, error) {
	rows, err := tx.TokensWithKeys(ctx, secrets)
	if err != nil {
		return nil, err
	}
	found := make([]*Credential, len(rows))
	for i, t := range rows {
		if t != nil {
			c := drfCredential(*t)
			c.Notes = drfNotes(c)
			found[i] = &c
		}
	}
	return found, nil
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

func mintDRF(ctx context.Context, env Env, tx *db.Tx, users []db.User, _ MintRequest) ([]Minted, []Refusal, error) {
	keys, err := several(len(users), env.Random, newKey)
	if err != nil {
		return nil, nil, err
	}
	taken, err := tx.InsertTokens(ctx, users, keys)
	if err != nil {
		return nil, nil, err
	}
	minted := make([]Minted, 0, len(users))
	var others []db.User
	for i, u := range users {
		if taken[u.ID] {
			others = append(others, u)
			continue
		}
		minted = append(minted, Minted{Credential: drfCredential(db.Token{Key: keys[i], Created: tx.Now, User: u}), Secrets: []Named{{"token", keys[i]}}})
	}
	if others == nil {
		return minted, nil, nil
	}
	refused, err := barredDRF(ctx, env, tx, others)
	if err != nil {
		return nil, nil, err
	}
	// Whose token was deleted since was refused all the same.
	for _, u := range without(others, refused) {
		refused = append(refused, Refusal{u, hasDRF(u)})
	}
	return minted, refused, nil
}

func hasDRF(u db.User) *django.Error {
	return &django.Error{Code: django.CodeTokenExists, Message: u.Username + " has a drf token already"}
}

// barredDRF tells who has a token, in the order of the users.
func barredDRF(ctx context.Context, _ Env, tx *db.Tx, users []db.User) ([]Refusal, error) {
	held, err := tx.TokenKeysOf(ctx, users)
	if err != nil {
		return nil, err
	}
	var refused []Refusal
	for _, u := range users {
		if key, has := held[u.ID]; has {
			e := hasDRF(u)
			e.Hint = "replace it: tokenctl rotate " + drfID(u, key)
			refused = append(refused, Refusal{u, e})
		}
	}
	return refused, nil
}

func rotateDRF(ctx context.Context, env Env, tx *db.Tx, batch []Credential, _ RotateRequest) ([]Minted, db.Refusals, error) {
	keys, err := several(len(batch), env.Random, newKey)
	if err != nil {
		return nil, nil, err
	}
	list, refused, err := tx.ReplaceTokens(ctx, rowsOf[db.Token](batch), keys)
	minted := make([]Minted, len(batch))
	for i, t := range list {
		minted[i] = Minted{Credential: drfCredential(t), Secrets: []Named{{"token", keys[i]}}, Replaces: batch[i].ID}
	}
	return minted, refused, err
}

// drfAftermath: obtain_auth_token is get-or-create, so whoever can log in has a
// new token with one request.
func drfAftermath(_ Env, c Credential) string {
	if !c.Owner.Active() || !c.Owner.HasUsablePassword() {
		return ""
	}
	return c.Owner.Username + " has a usable password and can get a new token from obtain_auth_token where the application offers it; tokenctl user deactivate " + c.Owner.Username + " prevents that"
}
