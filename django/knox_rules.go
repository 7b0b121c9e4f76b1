package django

import (
	"time"

	"tokenctl"
)

// KnoxExpired reports whether knox deletes a token instead of accepting it: now is after its expiry, not
// equal to it (TokenAuthentication._cleanup_token in knox/auth.py, 5.0.2). A token with a nil expiry
// never expires.
func KnoxExpired(expiry *time.Time, now time.Time) bool { return expiry != nil && expiry.Before(now) }

// KnoxRefreshed returns the expiry of a token after its use at now, and whether knox writes it. With
// AUTO_REFRESH the lifetime begins again at now, but ends AUTO_REFRESH_MAX_TTL after the creation. knox
// writes no change of MIN_REFRESH_INTERVAL or less (TokenAuthentication.renew_token in knox/auth.py,
// 5.0.2).
func KnoxRefreshed(k tokenctl.KnoxSettings, created time.Time, expiry *time.Time, now time.Time) (renewed *time.Time, write bool) {
	ttl, ok := k.TokenTTL.Duration()
	if !k.AutoRefresh || expiry == nil || !ok {
		return expiry, false
	}
	later := now.Add(ttl)
	if last := created.Add(k.AutoRefreshMaxTTL.Duration); k.AutoRefreshMaxTTL.Duration > 0 && later.After(last) {
		later = last
	}
	interval := tokenctl.DefaultMinRefreshInterval
	if k.MinRefreshInterval != nil {
		interval = k.MinRefreshInterval.Duration
	}
	if later.Sub(*expiry) <= interval {
		return expiry, false
	}
	return &later, true
}

// KnoxLimitReached reports whether LoginView of knox/views.py (5.0.2) refuses another token to a user.
// tokens is the number of the user's tokens that count ([KnoxCountsTowardsLimit]).
func KnoxLimitReached(k tokenctl.KnoxSettings, tokens int) bool {
	return k.TokenLimitPerUser != nil && tokens >= *k.TokenLimitPerUser
}

// KnoxCountsTowardsLimit reports whether a token counts towards TOKEN_LIMIT_PER_USER. A token that never
// expires does not count: LoginView of knox/views.py selects expiry > now, up to 5.0.2, the newest
// release.
func KnoxCountsTowardsLimit(expiry *time.Time, now time.Time) bool {
	return expiry != nil && expiry.After(now)
}
