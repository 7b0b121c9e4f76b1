package tokens

import (
	"context"
	"time"

	"tokenctl"
	"tokenctl/cache"
	"tokenctl/db"
	"tokenctl/django"
)

// jwtCannot says why verb can do nothing with a JWT. An access token has no row, so blacklist needs a denylist
// for it. An expired token never works again, so unblacklist refuses it.
func jwtCannot(env Env, l *db.Layout, verb string, c *Credential, now time.Time) *tokenctl.Error {
	r := c.jwt
	switch verb {
	case "blacklist":
		switch {
		case c.Type == access && env.Denylist == nil:
			return &tokenctl.Error{Code: tokenctl.CodeKindUnsupported, Message: "access tokens cannot be blacklisted: the application never looks them up; this one lives until " + lastMoment(env, c.Expires),
				Hint: either(lockOut(l, l.JWTUsers(), &c.Owner), "another signing key", "with CHECK_REVOKE_TOKEN a changed password") + " stops it; blacklist its refresh token so that no other follows; a denylist that the application asks ends access tokens, too: url under [denylist] of tokenctl.toml"}
		case c.Type == access && (c.row.Key.IsZero() || c.Expires.IsZero()):
			return &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: "the token has no id or no expiry: simplejwt accepts no such token"}
		case r != nil && c.Signature == signatureUnchecked && !env.Unverified && !r.secret.IsZero() && (r.stored == nil || !r.stored.Text.Equal(r.secret)):
			e := keyMissing("no row holds this very token, and its signature cannot be checked").(*tokenctl.Error)
			e.Hint += "; --unverified blacklists what the token claims to be"
			return e
		case r != nil && r.stored == nil && c.Type != refresh && c.Type != sliding && c.Type != access:
			return &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: "the token is of no type that can be blacklisted"}
		}
	case "rotate":
		const over = ": there is nothing to replace"
		switch {
		case c.Type == access:
			return &tokenctl.Error{Code: tokenctl.CodeKindUnsupported, Message: "access tokens cannot be rotated: a refresh token makes them", Hint: "rotate the refresh token, or mint another pair"}
		case c.Status == Blacklisted:
			return &tokenctl.Error{Code: tokenctl.CodeChanged, Message: c.ID + " is blacklisted" + over, Hint: "make another with tokenctl mint --kind jwt"}
		case c.Status == Expired, !c.Expires.After(now):
			return &tokenctl.Error{Code: tokenctl.CodeChanged, Message: c.ID + " has expired" + over, Hint: "make another with tokenctl mint --kind jwt"}
		case c.Owner.ID == "":
			return &tokenctl.Error{Code: tokenctl.CodeUserNotFound, Message: c.ID + " belongs to no user, so no other token can be made", Hint: "tokenctl blacklist " + c.ID + " ends it"}
		}
	case "unblacklist":
		switch {
		case c.Status != Blacklisted:
			return &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: c.ID + " is not blacklisted"}
		case cache.UserOf(c.deniedBy) != "":
			return &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: c.ID + " is void with all JWTs that its user got before: the denylist says so of the user, not of this token",
				Hint: "tokenctl denylist remove " + c.deniedBy + " lets all of them work again"}
		case !c.Expires.After(now):
			return &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: c.ID + " expired at " + c.Expires.Format(time.RFC3339) + ": it would not work again", Hint: "make another with tokenctl mint --kind jwt"}
		}
	}
	return nil
}

// lastMoment returns the time until which the application accepts a token with this end, as text.
func lastMoment(env Env, end time.Time) string {
	text := end.Add(jwtSettings(env).Leeway.Duration).Format(time.RFC3339)
	if assumed := leeway(env); assumed != "" {
		text += " (" + assumed + ")"
	}
	return text
}

// blacklistJWT does the same as blacklist() of rest_framework_simplejwt/tokens.py (5.5.1): it adds a row for a
// token without one, and the row that blacklists the token.
//
// An access token gets an entry in the denylist.
func blacklistJWT(ctx context.Context, env Env, tx *db.Tx, refs []*Ref) (db.Outcomes, error) {
	return apart(refs, func(rows []*Ref) (db.Outcomes, error) {
		if err := addMissingRows(ctx, tx, rows); err != nil {
			return nil, err
		}
		return tx.BlacklistTokens(ctx, rowsOf(rows))
	}, func(denied []*Ref) (db.Outcomes, error) { return denyTokens(ctx, env, tx, denied), nil })
}

// unblacklistJWT deletes the rows that blacklist tokens, and the entries of access tokens in the denylist.
func unblacklistJWT(ctx context.Context, env Env, tx *db.Tx, refs []*Ref) (db.Outcomes, error) {
	return apart(refs, func(rows []*Ref) (db.Outcomes, error) {
		return tx.UnblacklistTokens(ctx, rowsOf(rows))
	}, func(denied []*Ref) (db.Outcomes, error) {
		env.Denylist.Remove(tx, tokenctl.Mapped(denied, func(r *Ref) string { return cache.TokenID(r.row.Key.Reveal()) }))
		return nil, nil
	})
}

// apart calls recordable for the tokens that simplejwt records in rows and accesses for the access tokens, and returns the outcomes
// of both.
func apart(refs []*Ref, recordable, accesses func([]*Ref) (db.Outcomes, error)) (db.Outcomes, error) {
	all := db.Outcomes{}
	for _, part := range []struct {
		access bool
		change func([]*Ref) (db.Outcomes, error)
	}{{false, recordable}, {true, accesses}} {
		var indexes []int
		for i, r := range refs {
			if (r.form.typ == access) == part.access {
				indexes = append(indexes, i)
			}
		}
		if indexes == nil {
			continue
		}
		outcomes, err := part.change(db.Subset(refs, indexes))
		if err != nil {
			return nil, err
		}
		for j, outcome := range outcomes {
			all[indexes[j]] = outcome
		}
	}
	return all, nil
}

// addMissingRows adds rows for tokens that the application never recorded, as simplejwt 5.5 writes them. It also sets
// the row in their references.
func addMissingRows(ctx context.Context, tx *db.Tx, refs []*Ref) error {
	var withoutRow []*Ref
	var rows []db.OutstandingToken
	for _, r := range refs {
		if r.jwt == nil || r.jwt.stored != nil {
			continue
		}
		token := r.jwt.token
		if token.JTI == "" || token.Expires.IsZero() {
			return &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: "the token has no id or no expiry: simplejwt accepts no such token"}
		}
		withoutRow = append(withoutRow, r)
		rows = append(rows, db.OutstandingToken{JTI: token.JTI, Text: r.jwt.secret, Created: tx.Now, Expires: token.Expires, User: *r.owner})
	}
	if rows == nil {
		return nil
	}
	ids, err := tx.RecordOutstanding(ctx, rows)
	if err != nil {
		return err
	}
	for i, r := range withoutRow {
		r.row = db.Ref{Key: tokenctl.NewSecret(rows[i].JTI), Row: ids[i], Owner: r.owner.ID}
	}
	return nil
}

// accessEnd returns a text about the end of the access tokens that were made before now.
func accessEnd(env Env, now time.Time) string {
	s := jwtSettings(env)
	until := "until " + now.Add(s.AccessTokenLifetime.Duration+s.Leeway.Duration).Truncate(time.Second).Add(time.Second).Format(time.RFC3339)
	lifetime := configured(env.Settings.SimpleJWT.AccessTokenLifetime.Duration != 0, "simplejwt", "ACCESS_TOKEN_LIFETIME", django.BriefDuration(s.AccessTokenLifetime.Duration), "simplejwt")
	switch assumed := leeway(env); {
	case env.Settings.SimpleJWT.AccessTokenLifetime.Duration == 0:
		return "until they expire: " + until + " if that is right: " + lifetime
	case assumed != "":
		return until + " (" + lifetime + "; " + assumed + ")"
	}
	return until + " at the latest (" + lifetime + ")"
}

// OperatorsWord is a note: tokenctl knows only from the settings that the application asks the denylist.
const OperatorsWord = "the configuration is the operator's word that the application checks the denylist; tokenctl incident --probe proves it"

// jwtRemains returns notes about access that remains. An access token works on after the refresh token that
// made it is blacklisted.
func jwtRemains(_ context.Context, env Env, tx *db.Tx, refs []*Ref, voided bool) (notes []string, err error) {
	made, denied, unchecked := []string{}, voided, false
	for _, r := range refs {
		denied = denied || r.form.typ == access
		if r.form.typ != sliding && r.form.typ != access && !voided {
			made = append(made, r.ID())
		}
		unchecked = unchecked || r.jwt != nil && !r.jwt.secret.IsZero() && r.form.signature == signatureUnchecked
	}
	notes = slidingRemains(refs)
	if len(made) > 0 {
		from := made[0]
		if len(made) > 1 {
			from = "these refresh tokens"
		}
		note := "access tokens made from " + from + " live on " + accessEnd(env, tx.Now)
		if tx.Layout.Deactivatable(tx.Layout.JWTUsers()) == nil {
			note += "; tokenctl user deactivate stops them at once"
		}
		if env.Denylist != nil {
			note += "; tokenctl blacklist --user NAME makes them void in the denylist"
		}
		notes = append(notes, note)
	}
	if denied {
		notes = append(notes, OperatorsWord)
	}
	if unchecked {
		notes = append(notes, "no key is configured: the signature was not checked")
	}
	return notes, nil
}

// slidingRemains returns a note for each sliding token: a blacklisted one needs its row until it expires.
func slidingRemains(refs []*Ref) (notes []string) {
	for _, r := range refs {
		if r.form.typ == sliding {
			notes = append(notes, r.ID()+" stays dead while its row is there: tokenctl purge keeps that until "+fromMicros(r.expires).Format(time.RFC3339)+
				", but flushexpiredtokens of simplejwt may delete it earlier, and the token could be refreshed again")
		}
	}
	return notes
}

// jwtRemainsInactive returns notes about access that remains although the owners are inactive. Access tokens
// have no row, and simplejwt may have made refresh tokens that it did not record. These tokens work if the
// application does not check whether the owner is active.
func jwtRemainsInactive(env Env, l *db.Layout, now time.Time, refs []*Ref, voided bool) []string {
	s := &env.Settings.SimpleJWT
	release := env.Settings.Peers.SimpleJWT
	if l.Outstanding() == nil && release == "" && s.AccessTokenLifetime.Duration == 0 {
		return nil
	}
	notes := slidingRemains(refs)
	who := "JWTStatelessUserAuthentication accepts"
	if check := s.CheckUserIsActive; check != nil && !*check {
		who = "JWTAuthentication without CHECK_USER_IS_ACTIVE, and JWTStatelessUserAuthentication, accept"
	}
	if voided {
		notes = append(notes, "access tokens that exist already, if the application does not ask the denylist; "+OperatorsWord)
	} else {
		notes = append(notes, "access tokens that exist already: "+who+" them "+accessEnd(env, now))
	}
	if release == "" || !release.AtLeast("5.4.0") {
		notes = append(notes, "refresh tokens without a row, which nobody can list: simplejwt before 5.4 exchanges them until they expire; another signing key ends all of them")
	}
	return notes
}
