package django

import (
	"time"

	"tokenctl"
)

// KnoxExpired reports whether knox deletes a token instead of taking it: strictly after its expiry
// (TokenAuthentication._cleanup_token in knox/auth.py, 5.0.2). A nil expiry is never.
func KnoxExpired(expiry *time.Time, now time.Time) bool { return expiry != nil && expiry.Before(now) }

// KnoxRefreshed returns the expiry that a token has after it was used at now, and whether knox writes it:
// with AUTO_REFRESH it starts anew, up to AUTO_REFRESH_MAX_TTL from its creation, unless that moves it
// by no more than MIN_REFRESH_INTERVAL (TokenAuthentication.renew_token in knox/auth.py, 5.0.2).
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

// KnoxLimitReached reports whether LoginView of knox/views.py (5.0.2) refuses a user with so many tokens
// that [KnoxCountsTowardsLimit] one more.
func KnoxLimitReached(k tokenctl.KnoxSettings, tokens int) bool {
	return k.TokenLimitPerUser != nil && tokens >= *k.TokenLimitPerUser
}

// KnoxCountsTowardsLimit reports whether a token counts towards TOKEN_LIMIT_PER_USER. One that never
// expires does not: LoginView of knox/views.py asks for expiry > now up to 5.0.2, the newest release.
func KnoxCountsTowardsLimit(expiry *time.Time, now time.Time) bool {
	return expiry != nil && expiry.After(now)
}
