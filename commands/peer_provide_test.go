package commands_test

import (
	"testing"

	"tokenctl/django/djangotest"
)

// TestPeerProvidedDRF: Django accepts secrets that the operator brought along, of every form
// that mint takes.
func TestPeerProvidedDRF(t *testing.T) {
	peers(t, djangotest.Options{}, func(t *testing.T, pr *djangotest.Project, c cli) {
		pr.Eval(`User.objects.create_user("alice"); result = None`, nil)
		for _, secret := range []string{"short", "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b", "~!@#$%^&*()_+{}|:<>?`-=[]\\;',./\"aA0"} {
			id := c.must(secret+"\n", "mint", "alice", "--secret-stdin", "--kind", "drf")
			accepts(t, pr, secret, 200, `"Hello alice!"`)
			c.must("", "blacklist", id)
			accepts(t, pr, secret, 401, invalidToken)
		}
	})
}

// TestPeerProvidedKnox: so does real knox, with and without TOKEN_PREFIX, also for drf tokens
// that moved.
func TestPeerProvidedKnox(t *testing.T) {
	knoxPeers(t, `REST_KNOX = {"TOKEN_PREFIX": "acme_"}`, "[knox]\ntoken_prefix = \"acme_\"\n", func(t *testing.T, pr *djangotest.Project, c cli) {
		for _, secret := range []string{"acme_9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b", "without-a-prefix-but-long-enough", "9944b09199c62bcf9418ad846dd0e4bb"} {
			c.must(secret, "mint", "alice", "--secret-stdin", "--kind", "knox")
			knoxAccepts(t, pr, secret, 200, `"Hello alice!"`)
		}
		key := c.must("", "mint", "alice", "--kind", "drf")
		c.must("", "mint", "--import-drf", "--all-users", "--yes")
		knoxAccepts(t, pr, key, 200, `"Hello alice!"`)
	})
}
