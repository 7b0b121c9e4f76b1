package commands_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tokenctl/django/djangotest"
)

// shownUse is the last use that show tells; zero times where it tells none.
type shownUse struct {
	From, To time.Time
	Source   string
}

func lastUse(t testing.TB, c cli, secret string) shownUse {
	t.Helper()
	var shown struct {
		LastUsed shownUse `json:"last_used"`
	}
	if err := json.Unmarshal([]byte(c.must(secret, "show", "-", "--columns", "last_used", "-o", "json")), &shown); err != nil {
		t.Fatal(err)
	}
	return shown.LastUsed
}

// usedNow checks that a credential which was made long before is known to have been used now, and not
// before Django used it.
func usedNow(t testing.TB, c cli, secret, source string, use func()) {
	t.Helper()
	if before := lastUse(t, c, secret); before.From.After(time.Now().Add(-time.Hour)) {
		t.Errorf("used before its first use: %+v", before)
	}
	begun := time.Now().Add(-time.Second)
	use()
	got := lastUse(t, c, secret)
	if got.To.Before(begun) || !strings.Contains(got.Source, source) {
		t.Errorf("after a use at %s: %+v", begun, got)
	}
	if source == "blacklisted" && got.To.After(time.Now().Add(time.Second)) || source != "blacklisted" && (got.From.Before(begun) || got.From.After(time.Now())) {
		t.Errorf("after a use at %s: %+v", begun, got)
	}
}

// TestPeerLastUse: what knox, simplejwt and Django write when a credential is used tells when that was.
func TestPeerLastUse(t *testing.T) {
	knoxPeers(t, `REST_KNOX = {"AUTO_REFRESH": True}
SESSION_SAVE_EVERY_REQUEST = True
SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True}
`, "[knox]\nauto_refresh = true\ntoken_ttl = \"10h\"\n[session]\nsave_every_request = true\n[simplejwt]\nrotate_refresh_tokens = true\nblacklist_after_rotation = true\n", func(t *testing.T, pr *djangotest.Project, c cli) {
		c = withKey(c, djangotest.SecretKey)
		past := c
		past.now = time.Now().Add(-5 * time.Hour)
		knox := past.must("", "mint", "--kind", "knox", "alice")
		usedNow(t, c, knox, "AUTO_REFRESH", func() { knoxAccepts(t, pr, knox, 200, `"Hello alice!"`) })
		session := past.must("", "mint", "--kind", "session", "alice")
		usedNow(t, c, session, "saved", func() { loggedIn(t, pr, session) })
		refresh := past.must("", "mint", "--kind", "jwt", "alice", "--ttl", "20d", "--field", "refresh")
		usedNow(t, c, refresh, "blacklisted", func() { refreshes(t, pr, refresh, 200) })
	})
}
