package django

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"tokenctl"
)

// JWTUser has the fields of a user that a token needs.
type JWTUser struct {
	ID       string // USER_ID_FIELD as Python's str() writes it: a UUID has dashes
	Integer  bool   // the field holds integers
	Password string // the encoded password, for CHECK_REVOKE_TOKEN
}

// NewJTI makes a token's id, like Token.set_jti: uuid4().hex.
func NewJTI(random io.Reader) (string, error) {
	var id [16]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return "", err
	}
	id[6] = id[6]&0x0F | 0x40
	id[8] = id[8]&0x3F | 0x80
	return hex.EncodeToString(id[:]), nil
}

// PasswordClaim returns the value of the claim hash_password, like get_md5_hash_password in
// rest_framework_simplejwt/utils.py (5.3.0).
func PasswordClaim(encoded string) string {
	return strings.ToUpper(md5Hex(encoded))
}

// NewRefresh makes the claims of RefreshToken.for_user, followed by the custom ones. A project that
// adds claims in its serializer's get_token stores the token without them: for_user writes the row
// before get_token adds them.
func (b *JWTBackend) NewRefresh(user JWTUser, now time.Time, jti string, custom []JWTClaim) (JWTClaims, error) {
	c := b.newToken("refresh", now, b.settings.RefreshTokenLifetime, jti)
	return b.forUser(c, user, custom)
}

// NewSliding makes the claims of SlidingToken.for_user.
func (b *JWTBackend) NewSliding(user JWTUser, now time.Time, jti string, custom []JWTClaim) (JWTClaims, error) {
	c := b.newToken("sliding", now, b.settings.SlidingTokenLifetime, jti)
	c = c.with(b.settings.SlidingTokenRefreshExpClaim, claimEpoch(now, b.settings.SlidingTokenRefreshLifetime))
	return b.forUser(c, user, custom)
}

// newToken is Token.__init__ without a token: type, exp, iat (since 5.0.0), jti.
func (b *JWTBackend) newToken(typ string, now time.Time, lifetime tokenctl.Duration, jti string) JWTClaims {
	c := JWTClaims{}.with(b.settings.TokenTypeClaim, pyString(typ))
	c = c.with("exp", claimEpoch(now, lifetime))
	if b.simplejwt.AtLeast("5.0.0") {
		c = c.with("iat", claimEpoch(now, tokenctl.Duration{}))
	}
	return c.with(b.settings.JTIClaim, pyString(jti))
}

// claimEpoch is datetime_to_epoch: whole seconds, downwards.
func claimEpoch(now time.Time, lifetime tokenctl.Duration) []byte {
	return strconv.AppendInt(nil, now.Add(lifetime.Duration).Unix(), 10)
}

// forUser is Token.for_user. The user's id is a string since 5.5.1. Before 5.5.1 an integer stayed an
// integer.
func (b *JWTBackend) forUser(c JWTClaims, user JWTUser, custom []JWTClaim) (JWTClaims, error) {
	id := pyString(user.ID)
	if user.Integer && !b.simplejwt.AtLeast("5.5.1") {
		n, err := strconv.ParseInt(user.ID, 10, 64)
		if err != nil {
			return nil, &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: "the user's id is not an integer", Err: err}
		}
		id = strconv.AppendInt(nil, n, 10)
	}
	c = c.with(b.settings.UserIDClaim, id)
	if b.settings.CheckRevokeToken && b.simplejwt.AtLeast("5.3.0") {
		c = c.with(b.settings.RevokeTokenClaim, pyString(PasswordClaim(user.Password)))
	}
	for _, claim := range custom {
		if c.Get(claim.Name) != nil || slices.Contains([]string{"exp", "iat", "nbf", "aud", "iss"}, claim.Name) {
			return nil, &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: fmt.Sprintf("the claim %s is simplejwt's own", claim.Name),
				Hint: "lifetimes, issuer and audience are settings"}
		}
		c = c.with(claim.Name, claim.Value)
	}
	return c, nil
}

// AccessFromRefresh is RefreshToken.access_token: a new token with the claims of the refresh token,
// except type, exp and jti. Since 5.5.1 iat is new as well; older releases copy the refresh token's.
// now is the time at which the refresh token was made or read; exp counts from it.
func (b *JWTBackend) AccessFromRefresh(refresh JWTClaims, now time.Time, jti string) JWTClaims {
	access := b.newToken("access", now, b.settings.AccessTokenLifetime, jti)
	own := access
	for _, c := range refresh {
		switch i := own.index(c.Name); {
		case c.Name == b.settings.TokenTypeClaim, c.Name == "exp", c.Name == b.settings.JTIClaim, c.Name == "jti":
		case c.Name == "iat" && b.simplejwt.AtLeast("5.5.1"):
		case i >= 0:
			access[i].Value = c.Value
		default:
			access = append(access, c)
		}
	}
	return access
}

// RotateRefresh gives a refresh token a new jti, exp and iat in their places, like
// TokenRefreshSerializer with ROTATE_REFRESH_TOKENS (rest_framework_simplejwt/serializers.py, 5.5.1).
// The access token in the same answer comes from the old refresh token.
func (b *JWTBackend) RotateRefresh(refresh JWTClaims, now time.Time, jti string) JWTClaims {
	c := refresh.with(b.settings.JTIClaim, pyString(jti))
	return b.renew(c, now, b.settings.RefreshTokenLifetime)
}

// RefreshSliding gives a sliding token a new exp and iat, and keeps its jti and refresh_exp, like
// TokenRefreshSlidingSerializer (rest_framework_simplejwt/serializers.py, 5.5.1).
func (b *JWTBackend) RefreshSliding(sliding JWTClaims, now time.Time) JWTClaims {
	return b.renew(sliding, now, b.settings.SlidingTokenLifetime)
}

func (b *JWTBackend) renew(c JWTClaims, now time.Time, lifetime tokenctl.Duration) JWTClaims {
	c = c.with("exp", claimEpoch(now, lifetime))
	if b.simplejwt.AtLeast("5.0.0") {
		c = c.with("iat", claimEpoch(now, tokenctl.Duration{}))
	}
	return c
}
