package tokens

import (
	"context"
	"errors"
	"time"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/db/engine"
	"tokenctl/django"
)

// checkSignature checks a token's signature with the configured key; a key must be configured. reason says why
// the application refuses the token; it is empty if the application accepts the token. checkSignature ignores
// the token's type, the blacklist and the owner.
func checkSignature(b *django.JWTBackend, secret tokenctl.Secret, now time.Time) (signature, reason string) {
	_, err := b.Verify(secret, django.JWTCheck{Now: now})
	var invalid *django.JWTError
	if !errors.As(err, &invalid) {
		return signatureVerified, ""
	}
	switch invalid.Reason {
	case django.JWTMalformed, django.JWTWrongAlgorithm, django.JWTBadSignature:
		return signatureBad, signatureBad
	case django.JWTExpired, django.JWTExpiredClaim:
		return signatureVerified, string(Expired)
	}
	return signatureVerified, string(invalid.Reason)
}

// jwtBySecrets judges tokens as the application does. Without a configured key it trusts only claims that a
// row confirms.
func jwtBySecrets(ctx context.Context, env Env, tx *db.Tx, secrets []tokenctl.Secret) ([]*Credential, error) {
	s := jwtSettings(env)
	found := make([]*Credential, len(secrets))
	rows := make([]*jwtRow, len(secrets))
	var jtis []string
	var recorded []*jwtRow // the tokens that may have a row, in the order of jtis
	for i, secret := range secrets {
		token, err := django.DecodeUnverified(s, secret.Reveal())
		if err != nil {
			continue
		}
		rows[i] = &jwtRow{token: token, secret: secret}
		if token.JTI != "" && token.Type != access && tx.Layout.Outstanding() != nil {
			jtis, recorded = append(jtis, token.JTI), append(recorded, rows[i])
		}
	}
	if jtis != nil {
		stored, err := tx.OutstandingWithJTIs(ctx, jtis, s)
		if err != nil {
			return nil, err
		}
		for i, r := range recorded {
			// The application does not find such a row, and records the token again.
			if stored[i] != nil && !db.Unfindable(stored[i].BadValues) {
				r.stored = stored[i]
			}
		}
	}
	// A token without a row belongs to the user that its user id claim names.
	var ids []string
	for _, r := range rows {
		if r != nil && (r.stored == nil || r.stored.User.ID == "") {
			ids = append(ids, r.token.UserID)
		}
	}
	owners, err := tx.UsersByJWT(ctx, ids, s)
	if err != nil {
		return nil, err
	}
	for i, r := range rows {
		if r == nil {
			continue
		}
		owner := owners[r.token.UserID]
		if r.stored != nil && r.stored.User.ID != "" {
			owner = r.stored.User
		}
		c, err := judgeJWT(env, r, owner, tx.Now)
		if err != nil {
			return nil, err
		}
		found[i] = c
	}
	askDenylist(ctx, env, found, rows)
	return found, nil
}

func judgeJWT(env Env, r *jwtRow, owner db.User, now time.Time) (*Credential, error) {
	s := jwtSettings(env)
	b, err := env.JWT()
	if err != nil {
		return nil, err
	}
	token := r.token
	c := &Credential{Kind: "jwt", ID: jwtID(token.JTI), Type: token.Type, Created: token.IssuedAt, Expires: token.Expires,
		Signature: signatureUnchecked, secret: r.secret, jwt: r}
	c.row.Key = tokenctl.NewSecret(token.JTI)
	if r.stored != nil {
		c.row, c.BadValues = r.stored.Ref(), r.stored.BadValues
	}
	if c.Claims, err = token.Claims.MarshalJSON(); err != nil {
		return nil, err
	}
	if b.Keys().CanVerify() {
		c.Signature, c.Reason = checkSignature(b, r.secret, now)
	}
	recorded := r.stored != nil && r.stored.Text.Equal(r.secret)
	// Without a key, a truncated token is refused: it is not the stored token that has its jti.
	bad := c.Signature == signatureBad || c.Signature == signatureUnchecked && !recorded && jwtDamage(r.secret.Reveal()) != ""
	if bad && !recorded {
		// Without a valid signature anybody can write the claims, so the result has no id and no owner.
		return &Credential{Kind: "jwt", Signature: signatureBad, Reason: signatureBad, Claims: c.Claims, jwt: &jwtRow{token: token, secret: r.secret}}, nil
	}
	c.Owner = owner
	// A live sliding token ends with its refresh period. An expired one ended at exp, although its refresh
	// period may go on.
	late := !token.Expires.After(now.Add(-s.Leeway.Duration))
	if token.Type == sliding && !token.RefreshExpires.IsZero() && !late {
		c.Expires = token.RefreshExpires
	}
	c.Status = jwtStatus(s, c, r.stored != nil && r.stored.Blacklisted, now)
	switch {
	case c.Reason == signatureBad:
		c.Notes = append(c.Notes, "the configured key is not the one that signed it")
	case token.Type != access && token.Type != refresh && token.Type != sliding:
		c.Reason = string(django.JWTWrongType)
	case c.Status != Active, c.Reason == string(Expired):
		// A blacklisted token that has expired is listed as blacklisted, although PyJWT checks exp first.
		if c.Reason == string(Expired) && c.Status != Blacklisted {
			c.Status = Expired
		}
		c.Reason = ""
	}
	c.judgeOwner(env)
	c.Notes = append(c.Notes, jwtNotes(env, c)...)
	return c, nil
}

// keyMissing returns the error for an action that needs a key when no key is configured. what names the action.
func keyMissing(what string) error {
	return &tokenctl.Error{Code: tokenctl.CodeKeyMissing, Message: what + ": no key is configured",
		Hint: "give Django's SECRET_KEY in TOKENCTL_SECRET_KEY or secret_key_file, or simplejwt's SIGNING_KEY in signing_key_file under [simplejwt] of tokenctl.toml"}
}

// CheckVerified returns an error if it is unknown whether the application accepts the credential. The code is
// CodeKeyMissing if no key could check the signature. For another cause, such as a denylist that does not
// answer, it is the code of the cause, or CodeKindUnsupported if the cause has no code.
func (c *Credential) CheckVerified() error {
	if c.undecided != nil && c.Status == Active && c.Reason == "" {
		e := &tokenctl.Error{Code: tokenctl.CodeKindUnsupported, Message: "whether the application accepts " + c.ID + " is not known: " + c.undecided.Error()}
		var why *tokenctl.Error
		if errors.As(c.undecided, &why) {
			e.Code, e.Hint = why.Code, why.Hint
		}
		return e
	}
	if c.Signature != signatureUnchecked {
		return nil
	}
	if c.Kind == "session" {
		return sessionKeyMissing("the session's signature cannot be checked")
	}
	return keyMissing("the token's signature cannot be checked")
}

// judgeOwner sets the reason for which the application refuses a token because
// of its owner, as JWTAuthentication.get_user does.
func (c *Credential) judgeOwner(env Env) {
	r := c.jwt
	s := jwtSettings(env)
	switch {
	case c.Reason != "" || c.Status != Active:
	case engine.Broken(c.Owner.BadValues): // the application does not read the token's own row
		c.Reason = unreadable
	case c.Owner.ID == "":
		c.Reason = "unknown"
		note := "no user has the id that the token names"
		if r.stored != nil && r.stored.Several {
			note = "several users have the id that the token names"
		}
		c.Notes = append(c.Notes, note)
	case s.CheckRevokeToken && r.token != nil && env.Settings.Peers.SimpleJWT.AtLeast("5.3.0"):
		if c.Owner.PasswordHidden() {
			c.Notes = append(c.Notes, "the database role cannot read passwords: with CHECK_REVOKE_TOKEN the application refuses the token if the owner's was changed")
			return
		}
		if held, _ := r.token.Claims.Text(s.RevokeTokenClaim); held == c.Owner.PasswordClaim() {
			return
		}
		c.Notes = append(c.Notes, "the owner's password was changed since: with CHECK_REVOKE_TOKEN the application refuses it as an access token, and what a refresh makes of it")
		// Refreshing does not look at it (simplejwt 5.5.1).
		if c.Type != refresh {
			c.Reason = passwordChanged
		}
	}
}

func jwtNotes(env Env, c *Credential) []string {
	var notes []string
	r := c.jwt
	s := jwtSettings(env)
	if text := assumedExpired(env); text != "" && c.Status == Expired {
		c.Assumed = text
		notes = append(notes, text)
	}
	if c.Status == Disabled {
		note := "the owner is inactive; the token works again when the owner is activated"
		switch {
		case !*s.CheckUserIsActive && env.Settings.Peers.SimpleJWT.AtLeast("5.4.0"):
			note += "; with CHECK_USER_IS_ACTIVE off the application honours it even now"
		case c.Type == refresh && !env.Settings.Peers.SimpleJWT.AtLeast("5.4.0"):
			note += "; this simplejwt still refreshes it"
		case c.Type == refresh && env.Settings.Peers.SimpleJWT == "":
			note += "; simplejwt before 5.4 would still refresh it"
		}
		notes = append(notes, note)
	}
	if r.stored == nil && c.Type != access && c.Reason == "" {
		notes = append(notes, "it is not recorded: tokenctl list does not show it, and blacklist would record it")
	}
	if c.Type == refresh && c.Status == Blacklisted && !s.BlacklistAfterRotation {
		notes = append(notes, "without BLACKLIST_AFTER_ROTATION, which no setting turns on, the application's token/verify/ does not look at the blacklist")
	}
	return notes
}
