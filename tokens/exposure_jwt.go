package tokens

import (
	"context"
	"time"

	"tokenctl/db"
	"tokenctl/django"
)

// jwts adds the JWTs that remain: leaked tokens without a row, the access tokens that refresh tokens made, and
// the refresh tokens that the application did not record.
func (e *exposures) jwts(ctx context.Context, tx *db.Tx) error {
	var refreshing []*Credential // the leaked refresh tokens
	for _, c := range e.leaked() {
		switch {
		case c.Kind != JWT.Name:
		case c.Type == access:
			e.leakedAccess(c)
		case c.Type == sliding:
			e.sliding(c)
		default:
			refreshing = append(refreshing, c)
			e.rowless(c)
		}
	}
	unlisted := e.Whole && e.layout.Outstanding() == nil && e.usesJWT() // the application records no refresh tokens
	if err := e.derivedAccess(ctx, tx, refreshing, unlisted); err != nil {
		return err
	}
	e.unrecorded(refreshing, unlisted)
	return nil
}

// usesJWT reports whether the database or a setting shows that the application uses simplejwt.
func (e *exposures) usesJWT() bool {
	return e.layout.Outstanding() != nil || e.release != "" || e.env.Settings.SimpleJWT.AccessTokenLifetime.Duration != 0
}

// leakedAccess adds an access token that leaked and still works.
func (e *exposures) leakedAccess(c *Credential) {
	if e.Voided || e.Ended[c.ID] || c.Status != Active && c.Status != Disabled || c.Reason != "" && c.Reason != passwordChanged {
		return
	}
	why := "nothing can blacklist it"
	if e.env.Denylist != nil {
		why = "the denylist has no entry for it"
	}
	x := Exposure{What: AccessToken, ID: c.ID, Until: c.Expires.Add(e.jwt.Leeway.Duration), Text: "the access token that leaked: " + why, Lever: e.endsAccess()}
	works, proven := e.works(c)
	if x.Certain = proven; !works {
		x.What, x.Certain, x.Text, x.Lever = StatelessApplication, false, "JWTStatelessUserAuthentication accepts the access token that leaked: it never looks at the user", changeKey()
	}
	e.add(x)
}

// endsAccess returns the way to end access tokens before they expire.
func (e *exposures) endsAccess() Lever {
	if e.env.Denylist != nil && e.Owner.ID != "" {
		return Lever{LeverBlacklist, "tokenctl blacklist --kind jwt " + UserArgument(e.layout.User, &e.Owner, "--user")}
	}
	if command := withoutPassword(e.layout, e.Users, &e.Owner); command != "" && e.jwt.CheckRevokeToken && e.release.AtLeast("5.3.0") {
		return Lever{LeverResetPassword, command}
	}
	if lever := e.deactivation(); lever.Name != "" && e.Owner.Active() && !e.ignoresInactive() {
		return lever
	}
	return changeKey()
}

func changeKey() Lever { return Lever{LeverChangeKey, "tokenctl incident --signing-key"} }

// sliding adds a sliding token that the change has blacklisted, because such a token needs its row.
func (e *exposures) sliding(c *Credential) {
	if e.Ended[c.ID] && c.Expires.After(e.now) {
		e.add(Exposure{What: RefreshUnrecorded, ID: c.ID, Until: c.Expires,
			Text: "flushexpiredtokens of simplejwt may delete its row earlier, and it could be refreshed again", Lever: changeKey()})
	}
}

// rowless adds a refresh token that still works and has no row.
func (e *exposures) rowless(c *Credential) {
	if works, proven := e.works(c); works && !c.Stored() {
		e.add(Exposure{What: RefreshUnrecorded, ID: c.ID, Until: c.Expires.Add(e.jwt.Leeway.Duration), Certain: proven,
			Text: "the refresh token that leaked: the database has no table to blacklist it in", Lever: e.endsRefresh()})
	}
}

// endsRefresh returns the way to end a refresh token without a row.
func (e *exposures) endsRefresh() Lever {
	if stays, _ := e.refreshesInactive(); !stays && e.Owner.Active() {
		if lever := e.deactivation(); lever.Name != "" {
			return lever
		}
	}
	return changeKey()
}

// derivedAccess adds the access tokens that the leaked refresh tokens made while they worked.
func (e *exposures) derivedAccess(ctx context.Context, tx *db.Tx, refreshing []*Credential, unlisted bool) error {
	if err := FindUse(ctx, tx, refreshing); err != nil || e.Voided {
		return err
	}
	var last time.Time // the latest time at which one of the refresh tokens worked
	var from []string
	for _, c := range refreshing {
		end := e.now
		switch {
		case e.Ended[c.ID], c.Status == Active, c.Status == Disabled:
		case c.Status == Blacklisted && !c.blacklistedAt.IsZero():
			end = c.blacklistedAt
		case !c.Expires.IsZero() && c.Expires.Before(end):
			end = c.Expires
		}
		if end.Add(e.jwt.AccessTokenLifetime.Duration + e.jwt.Leeway.Duration).After(e.now) {
			from = append(from, c.ID)
			if end.After(last) {
				last = end
			}
		}
	}
	if unlisted {
		last = e.now
	}
	if last.IsZero() {
		return nil
	}
	lifetime := configured(e.env.Settings.SimpleJWT.AccessTokenLifetime.Duration != 0, "simplejwt", "ACCESS_TOKEN_LIFETIME", django.BriefDuration(e.jwt.AccessTokenLifetime.Duration), "simplejwt")
	x := Exposure{What: AccessToken, Until: last.Add(e.jwt.AccessTokenLifetime.Duration + e.jwt.Leeway.Duration).Truncate(time.Second).Add(time.Second),
		Text: "access tokens that exist already (" + lifetime + ")", Lever: e.endsAccess()}
	if len(from) == 1 && !unlisted {
		x.ID, x.Text = from[0], "access tokens that "+from[0]+" made ("+lifetime+")"
	}
	if !e.authenticates() {
		x.What, x.Lever = StatelessApplication, changeKey()
		x.Text = "JWTStatelessUserAuthentication accepts " + x.Text + ": it never looks at the user"
	}
	e.add(x)
	return nil
}

// unrecorded adds refresh tokens that the application made in exchange for others and did not record: simplejwt
// before 5.5 with ROTATE_REFRESH_TOKENS. unlisted says that the application records no refresh tokens.
func (e *exposures) unrecorded(refreshing []*Credential, unlisted bool) {
	known, rotates := e.release != "", e.env.Settings.SimpleJWT.RotateRefreshTokens
	may := unlisted || len(refreshing) > 0 && (!known || rotates && (!e.release.AtLeast("5.5.0") || e.layout.Outstanding() == nil))
	if stays, _ := e.refreshesInactive(); !may || !e.Owner.Active() && !stays {
		return
	}
	x := Exposure{What: RefreshUnrecorded, Lever: e.endsRefresh()}
	switch {
	case unlisted:
		x.Text = "refresh tokens: the application does not record them"
	case rotates:
		x.Text = "refresh tokens that came of rotation: simplejwt before 5.5 does not record them"
	default:
		x.Text = "refresh tokens that came of rotation: no setting says whether the application rotates them, and which release of simplejwt records them"
	}
	if unlisted && known && !rotates {
		x.Until = e.now.Add(e.jwt.RefreshTokenLifetime.Duration + e.jwt.Leeway.Duration).Truncate(time.Second).Add(time.Second)
	}
	e.add(x)
}
