package commands_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"tokenctl/db/dbtest"
)

// TestAuditConnection: no-tls fires on a connection to another address that is not encrypted, or whose
// certificate is not verified, and on no other.
func TestAuditConnection(t *testing.T) {
	t.Parallel()
	w := newAuditWorld(t, "postgres")
	ip, authority := dbtest.OwnAddress(t), dbtest.NewAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{authority.Server(t, ip, time.Now().Add(time.Hour))}}
	plain, encrypted, near := dbtest.Plain(t, ip, w.url), dbtest.TLS(t, ip, w.url, config), dbtest.Plain(t, "127.0.0.1", w.url)
	for _, test := range []struct{ name, url, want string }{
		{"a loopback address", near, ""},
		{"not encrypted", plain, "is not encrypted"},
		{"encrypted", dbtest.With(encrypted, "sslmode", "require"), "is not verified"},
		{"verified authority", dbtest.With(encrypted, "sslmode", "verify-ca", "sslrootcert", authority.File), ""},
		{"verified", dbtest.With(encrypted, "sslmode", "verify-full", "sslrootcert", authority.File), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := *w
			w.t, w.url = t, test.url
			var want []string
			if test.want != "" {
				want = []string{"no-tls high - - - -"}
			}
			for _, f := range w.expect(want) {
				if !strings.Contains(f.Message, test.want) {
					t.Errorf("the finding says %s", f.Message)
				}
			}
		})
	}
}
