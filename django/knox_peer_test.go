package django_test

import (
	"crypto/rand"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/django"
	"tokenctl/django/djangotest"
)

// Needs TOKENCTL_TEST_KNOX, a checkout of knox 4.2 or 5; TestFixtureSessionsAndKnox
// stands in for it, with tokens that knox 5.0 made.
func TestKnoxPeer(t *testing.T) {
	t.Parallel()
	if !djangotest.HasKnox() {
		return
	}
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		pr, _ := dbtest.Migrated(t, p, "sqlite", djangotest.Options{Settings: `
import datetime
REST_KNOX = {"AUTO_REFRESH": True, "TOKEN_LIMIT_PER_USER": 2, "TOKEN_PREFIX": "acme_", "AUTO_REFRESH_MAX_TTL": datetime.timedelta(hours=12)}
`})
		var peer struct {
			Width      int
			Token, Key string
			Digest     string
			HasMax     bool
		}
		pr.Eval(`
from knox.models import AuthToken
from knox.settings import knox_settings
user = User.objects.create_user("ann", password="correct horse")
row, token = AuthToken.objects.create(user)
result = {"Width": AuthToken._meta.get_field("token_key").max_length, "Token": token, "Key": row.token_key, "Digest": row.digest,
    "HasMax": "AUTO_REFRESH_MAX_TTL" in knox_settings.defaults}`, &peer)
		scheme := django.KnoxSchemeOf(false, peer.Width)
		k := tokenctl.KnoxSettings{AutoRefresh: true}
		if scheme == django.KnoxText {
			k.TokenPrefix = "acme_"
		}
		if peer.HasMax {
			k.AutoRefreshMaxTTL = tokenctl.Duration{Duration: 12 * time.Hour}
		}
		row, err := scheme.Row(k, tokenctl.NewSecret(peer.Token), "")
		if err != nil || row != (django.KnoxRow{Digest: peer.Digest, TokenKey: peer.Key}) {
			t.Errorf("knox's token: %+v, %v, want %s %s", row, err, peer.Digest, peer.Key)
		}
		// Each token is created so long ago, and expires so long from now; 0 is never.
		for _, test := range []struct{ age, left time.Duration }{
			{0, 0},
			{time.Hour, 5 * time.Hour},
			{0, 10*time.Hour - 30*time.Second},
			{11 * time.Hour, time.Minute * 30},
			{time.Hour, 500 * time.Hour},
			{time.Hour, -time.Second},
		} {
			token, err := scheme.NewToken(k, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if test.age == 0 && test.left == 0 {
				token = tokenctl.NewSecret("a35407cd24f9fad31648b0362f72bab9bed41726") // a DRF key
			}
			if row, err = scheme.Row(k, token, ""); err != nil {
				t.Fatal(err)
			}
			now := time.Now().Truncate(time.Microsecond)
			created := now.Add(-test.age)
			var expiry *time.Time
			if test.left != 0 {
				at := now.Add(test.left)
				expiry = &at
			}
			pr.Eval(`
from django.utils.dateparse import parse_datetime
from knox.models import AuthToken
from django.db import models
row = AuthToken(digest=digest, token_key=key, user=User.objects.get(), expiry=expiry and parse_datetime(expiry))
models.Model.save(row, force_insert=True)
AuthToken.objects.filter(pk=digest).update(created=parse_datetime(created))`, nil,
				djangotest.Vars{"digest": row.Digest, "key": row.TokenKey, "expiry": expiry, "created": created})
			r := pr.Request("GET", "/test_knox/", map[string]string{"Authorization": "Token " + token.Reveal()}, "")
			expired := django.KnoxExpired(expiry, now)
			if (r.Status == 200) == expired {
				t.Errorf("%+v: %d %s", test, r.Status, r.Body)
			}
			var after []*time.Time
			pr.Eval(`
from knox.models import AuthToken
result = list(AuthToken.objects.filter(pk=digest).values_list("expiry", flat=True))`, &after, djangotest.Vars{"digest": row.Digest})
			if expired {
				if len(after) != 0 {
					t.Errorf("%+v: the row is still there", test)
				}
				continue
			}
			want, write := django.KnoxRefreshed(k, created, expiry, now)
			switch got := after[0]; {
			case (want == nil) != (got == nil):
				t.Errorf("%+v: %v, want %v", test, got, want)
			case want != nil && (!write && !got.Equal(*want) || got.Sub(*want).Abs() > 5*time.Second):
				t.Errorf("%+v: %v, want %v", test, got, want)
			}
		}
	})
}
