package tokens

import (
	"context"
	"errors"
	"time"

	"tokenctl/db"
	"tokenctl/django"
)

// checkSignature holds a token's signature against the configured key, which
// there must be. reason is why the application refuses it apart from its type,
// blacklist and owner; empty where it does not.
func checkSignature(b *django.JWTBackend, secret django.Secret, now time.Time) (signature, reason string) {
	_, err := b.Verify(secret, django.JWTCheck{Now: now})
	var refusal *django.JWTError
	if !errors.As(err, &refusal) {
		return signatureVerified, ""
	}
	switch refusal.Reason {
	case django.JWTMalformed, django.JWTWrongAlgorithm, django.JWTBadSignature:
		return signatureBad, signatureBad
	case django.JWTExpired, django.JWTExpiredClaim:
		return signatureVerified, string(Expired)
	}
	return signatureVerified, string(refusal.Reason)
}

// jwtBySecret judges a token as the application does. Where no key is
// configured nothing of it is believed but what a row confirms.
func jwtBySecret(ctx context.Context, env Env, tx *db.Tx, secret django.Secret) (*Credential, error) {
	s := jwtSettings(env)
	token, err := s.DecodeUnverified(secret.Reveal())
	if err != nil {
		return nil, nil
	}
	b, err := env.JWT()
	if err != nil {
		return nil, err
	}
	r := jwtRow{token: token, secret: secret, seen: tx.Now}
	if token.JTI != "" && token.Type != access && tx.Layout.Outstanding() != nil {
		if r.stored, err = tx.OutstandingToken(ctx, token.JTI, s); err != nil {
			return nil, err
		}
	}
	c := &Credential{Kind: "jwt", ID: jwtID(token.JTI), Type: token.Type, Created: token.IssuedAt, Expires: token.Expires,
		Signature: signatureUnchecked, secret: secret, row: r}
	if c.Claims, err = token.Claims.MarshalJSON(); err != nil {
		return nil, err
	}
	if b.Keys().CanVerify() {
		c.Signature, c.Reason = checkSignature(b, secret, tx.Now)
	}
	recorded := r.stored != nil && r.stored.Text.Equal(secret)
	if c.Signature == signatureBad && !recorded {
		// Whatever else it says is somebody's invention.
		return &Credential{Kind: "jwt", Signature: signatureBad, Reason: signatureBad, Claims: c.Claims, row: jwtRow{token: token, secret: secret, seen: tx.Now}}, nil
	}
	if err := c.findOwner(ctx, env, tx); err != nil {
		return nil, err
	}
	// The token itself may be over while it could be refreshed once more in
	// another copy.
	late := !token.Expires.After(tx.Now.Add(-s.Leeway.Duration))
	if token.Type == sliding && !token.RefreshExpires.IsZero() && !late {
		c.Expires = token.RefreshExpires
	}
	c.Status = jwtStatus(s, c, r.blacklisted(), tx.Now)
	switch {
	case c.Reason == signatureBad:
		c.Notes = append(c.Notes, "the configured key is not the one that signed it")
	case token.Type != access && token.Type != refresh && token.Type != sliding:
		c.Reason = string(django.JWTWrongType)
	case c.Status != Active, c.Reason == string(Expired):
		// Blacklisted comes before expired, although PyJWT looks at exp first.
		if c.Reason == string(Expired) && c.Status == Active {
			c.Status = Expired
		}
		c.Reason = ""
	}
	c.judgeOwner(env)
	c.Notes = append(c.Notes, jwtNotes(env, *c)...)
	return c, nil
}

// findOwner is who the row belongs to, else whom the token names.
func (c *Credential) findOwner(ctx context.Context, env Env, tx *db.Tx) error {
	r := c.row.(jwtRow)
	if r.stored != nil && r.stored.User.ID != "" {
		c.Owner = r.stored.User
		return nil
	}
	u, err := tx.UserByJWT(ctx, r.token.UserID, jwtSettings(env))
	if u != nil {
		c.Owner = *u
	}
	return err
}

// keyMissing is the error for what needs a key where none is configured.
func keyMissing(what string) error {
	return &django.Error{Code: django.CodeKeyMissing, Message: what + ": no key is configured",
		Hint: "give Django's SECRET_KEY in TOKENCTL_SECRET_KEY or secret_key_file, or simplejwt's SIGNING_KEY in signing_key_file under [simplejwt] of tokenctl.toml"}
}

// CheckVerified returns a CodeKeyMissing error for a credential whose signature
// could not be checked: nobody knows then whether the application would accept
// it.
func (c *Credential) CheckVerified() error {
	if c.Signature != signatureUnchecked {
		return nil
	}
	if c.Kind == "session" {
		return sessionKeyMissing("the session's signature cannot be checked")
	}
	return keyMissing("the token's signature cannot be checked")
}
