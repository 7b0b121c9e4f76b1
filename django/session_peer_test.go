package django_test

import (
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/django"
	"tokenctl/django/djangotest"
)

// A session as Django sees it.
type peerSession struct {
	Name, Data, Key string
	Items           [][2]string // names and values as json.dumps writes them
	Pickled         bool
}

const makeSessions = `
import datetime, json, warnings
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client, override_settings
warnings.simplefilter("ignore")
result = []

def add(name, items, **options):
    with override_settings(**options):
        store = SessionStore()
        data = store.encode(items)
        result.append({"Name": name, "Data": data, "Pickled": "Pickle" in options.get("SESSION_SERIALIZER", ""),
            "Items": [[k, json.dumps(v, separators=(",", ":"))] for k, v in items.items()]})
        assert store.decode(data) == items

variants = {
    "empty": {},
    "user": {"_auth_user_id": "1", "_auth_user_backend": "b", "_auth_user_hash": "h"},
    "number": {"_auth_user_id": 12345678901234567890},
    "text": {"zoë": "\x00\x1f \"\\/\b\f\n\r\t\x7f<>&\u2028 \U0001f600 \ud800 ÿ", "\"": None},
    "values": {"a": [1, -0.5, 1e300, 1e-7, True, False, None, {}, [], {"b": {"c": [[]]}}], "n": [float("inf"), -float("inf")]},
    "seconds": {"_session_expiry": 300, "_auth_user_id": "7"},
    "closing": {"_session_expiry": 0},
    "date": {"_session_expiry": "2030-01-02T03:04:05.678901+00:00"},
    "long": {"a": "abc" * 100, "_auth_user_id": "8"},
    "big": {"a": {str(i): "ü%d" % i for i in range(20000)}, "_auth_user_id": "9"},
}
for name, items in variants.items():
    add(name, items)
    if django.VERSION < (4,):
        add(name + ", legacy", items, DEFAULT_HASHING_ALGORITHM="sha1")
    if django.VERSION < (5,):
        add(name + ", pickled", items, SESSION_SERIALIZER="django.contrib.sessions.serializers.PickleSerializer")
`

func TestSessionsOfDjango(t *testing.T) {
	t.Parallel()
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		pr := p.Project(t, dbtest.SQLite(t), djangotest.Options{})
		var sessions []peerSession
		start := time.Now().Truncate(time.Second)
		pr.Eval("import django\n"+makeSessions, &sessions)
		keys := django.SecretKeys{tokenctl.NewSecret("another"), tokenctl.NewSecret(djangotest.SecretKey)}
		var again []string
		for _, want := range sessions {
			legacy := strings.Contains(want.Name, "legacy")
			if m := django.VerifySession(want.Data, keys); m != (django.KeyMatch{OK: true, Index: 1, SHA1: legacy}) {
				t.Errorf("%s: the signature is %+v", want.Name, m)
			}
			s, err := django.DecodeSession(want.Data)
			if want.Pickled {
				if err != django.ErrSessionPickled {
					t.Errorf("%s: %v", want.Name, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", want.Name, err)
				continue
			}
			if login, err := django.ReadSessionLogin(want.Data); err != nil || login != (django.SessionLogin{UserID: s.UserID, Backend: s.Backend, AuthHash: s.AuthHash}) {
				t.Errorf("%s: %+v, %v, want %+v", want.Name, login, err, s)
			}
			if s.Legacy != legacy || s.Signed.IsZero() != legacy || !legacy && (s.Signed.Before(start) || s.Signed.After(time.Now())) {
				t.Errorf("%s: legacy %v, signed %v", want.Name, s.Legacy, s.Signed)
			}
			if len(s.Items) != len(want.Items) {
				t.Fatalf("%s: %d items", want.Name, len(s.Items))
			}
			for i, item := range s.Items {
				if name, value := want.Items[i][0], want.Items[i][1]; item.Name != name || string(item.Value) != value {
					t.Errorf("%s: %s=%s, want %s=%s", want.Name, item.Name, item.Value, name, value)
				}
			}
			text, err := django.EncodeSession(s.Items, keys[1], s.Signed)
			if err != nil {
				t.Fatal(err)
			}
			if !legacy && !strings.HasPrefix(want.Data, ".") && text != want.Data {
				t.Errorf("%s: Go writes %s, Django %s", want.Name, text, want.Data)
			}
			again = append(again, want.Data, text)
		}
		if len(again) < 20 {
			t.Fatalf("%d sessions", len(again)/2)
		}
		var differ []string
		pr.Eval(`
from django.contrib.sessions.backends.db import SessionStore
decode = SessionStore().decode
result = [b for a, b in zip(pairs[::2], pairs[1::2]) if decode(a) != decode(b)]`, &differ, djangotest.Vars{"pairs": again})
		if len(differ) > 0 {
			t.Errorf("Django reads these differently: %.1000s", differ)
		}
	})
}

// mintSession puts a session into the project's database and returns the cookie.
func mintSession(t *testing.T, pr *djangotest.Project, items []django.SessionItem, key string) (cookie string) {
	t.Helper()
	text, err := django.EncodeSession(items, tokenctl.NewSecret(key), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	sessionKey, err := django.NewSessionKey(rand.Reader)
	if err != nil || !django.ValidSessionKey(sessionKey.Reveal()) {
		t.Fatalf("session key: %v", err)
	}
	pr.Eval(`
import datetime
from django.contrib.sessions.models import Session
Session.objects.create(session_key=key, session_data=text, expire_date=timezone.now() + datetime.timedelta(hours=1))`,
		nil, djangotest.Vars{"key": sessionKey.Reveal(), "text": text})
	return "sessionid=" + sessionKey.Reveal()
}

func TestSessionsForDjango(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	const current, former = "current-secret-key-äöü", "former-secret-key"
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		for _, model := range []string{"", "uuid"} {
			t.Run("user_"+model, func(t *testing.T) {
				t.Parallel()
				pr, _ := dbtest.Migrated(t, p, "sqlite", djangotest.Options{UserModel: model, SecretKey: current,
					Settings: "SECRET_KEY_FALLBACKS = ['" + former + "']"})
				var user struct{ PK, Password, Hash, Legacy string }
				pr.Eval(`
from django.utils.crypto import salted_hmac
user = User.objects.create_user(**{User.USERNAME_FIELD: "zoë@example.com", "email": "zoë@example.com", "password": "correct horse"})
legacy = salted_hmac("django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash", user.password, algorithm="sha1").hexdigest()
result = {"PK": User._meta.pk.value_to_string(user), "Password": user.password, "Hash": user.get_session_auth_hash(), "Legacy": legacy}`, &user)
				hash := func(key string) string { return django.SessionAuthHash(tokenctl.NewSecret(key), user.Password) }
				if hash(current) != user.Hash {
					t.Errorf("auth hash %s, want %s", hash(current), user.Hash)
				}
				keys := django.SecretKeys{tokenctl.NewSecret(current), tokenctl.NewSecret(former)}
				for _, test := range []struct{ name, signedWith, hash string }{
					{"current", current, hash(current)},
					{"former_hash", current, hash(former)},
					{"former_signature", former, hash(current)},
					{"former_both", former, hash(former)},
					{"sha1_hash", current, user.Legacy},
					{"another_hash", current, hash("another")},
					{"another_signature", "another", hash(current)},
					{"no_hash", current, ""},
				} {
					items := django.LoginSession(user.PK, "", test.hash)
					cookie := mintSession(t, pr, append(items, django.ExpiringIn(time.Hour)), test.signedWith)
					text, err := django.EncodeSession(items, tokenctl.NewSecret(test.signedWith), time.Now())
					if err != nil {
						t.Fatal(err)
					}
					want := django.VerifySession(text, keys).AcceptedBy(p.Django) &&
						django.NewSessionKeys(keys).MatchAuthHash(test.hash, user.Password).AcceptedBy(p.Django)
					r := pr.Request("GET", "/test_session/", map[string]string{"Cookie": cookie}, "")
					if got := r.Status == 200 && r.Body == `"Hello zoë@example.com!"`; got != want || test.name == "current" && !got {
						t.Errorf("%s: %d %s, want accepted: %v", test.name, r.Status, r.Body, want)
					}
				}
			})
		}
	})
}

// What a browser's login leaves behind is what LoginSession and SessionAuthHash make.
func TestSessionOfLogin(t *testing.T) {
	t.Parallel()
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		pr, _ := dbtest.Migrated(t, p, "sqlite", djangotest.Options{})
		var row struct{ PK, Password, Key, Data string }
		pr.Eval(`
from django.contrib.sessions.models import Session
from django.test import Client
user = User.objects.create_user("ann", password="correct horse")
client = Client()
client.force_login(user)
row = Session.objects.get()
result = {"PK": str(user.pk), "Password": user.password, "Key": row.session_key, "Data": row.session_data}`, &row)
		s, err := django.DecodeSession(row.Data)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(django.LoginSession(row.PK, "", django.SessionAuthHash(tokenctl.NewSecret(djangotest.SecretKey), row.Password)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(s.Items); err != nil || string(got) != string(want) || len(row.Key) != 32 || !django.ValidSessionKey(row.Key) {
			t.Errorf("%s (%v) in row %d, want %s", got, err, len(row.Key), want)
		}
	})
}

// Every session and knox token of the fixture databases.
func TestFixtureSessionsAndKnox(t *testing.T) {
	t.Parallel()
	peers := djangotest.Peers(t)
	url, secrets := dbtest.Fixture(t, "sqlite")
	pr := peers[len(peers)-1].Project(t, url, djangotest.Options{SecretKey: secrets.SecretKey})
	var rows struct {
		Sessions, Passwords, IDs map[string]string
		Knox                     map[string][2]string // by token_key
	}
	pr.Eval(`
from django.contrib.sessions.models import Session
with connection.cursor() as c:
    c.execute("select token_key, digest, user_id from knox_authtoken")
    knox = {k: (d, str(u)) for k, d, u in c.fetchall()}
result = {"Sessions": {s.session_key: s.session_data for s in Session.objects.all()}, "Knox": knox,
    "Passwords": {u.username: u.password for u in User.objects.all()}, "IDs": {u.username: str(u.pk) for u in User.objects.all()}}`, &rows)
	keys := django.SecretKeys{tokenctl.NewSecret(secrets.SecretKey)}
	if len(rows.Sessions) != len(secrets.Sessions) || len(rows.Sessions) == 0 {
		t.Errorf("%d sessions, want %d", len(rows.Sessions), len(secrets.Sessions))
	}
	for name, key := range secrets.Sessions {
		s, err := django.DecodeSession(rows.Sessions[key])
		if err != nil || !django.VerifySession(rows.Sessions[key], keys).OK {
			t.Errorf("%s: %v", name, err)
			continue
		}
		user, _, _ := strings.Cut(name, "-")
		if user == "anonymous" {
			if s.UserID != "" {
				t.Errorf("%s: user %s", name, s.UserID)
			}
			continue
		}
		if s.UserID != rows.IDs[user] || !django.NewSessionKeys(keys).MatchAuthHash(s.AuthHash, rows.Passwords[user]).OK {
			t.Errorf("%s: user %q", name, s.UserID)
		}
	}
	if len(rows.Knox) != len(secrets.Knox) || len(rows.Knox) == 0 {
		t.Errorf("%d knox tokens, want %d", len(rows.Knox), len(secrets.Knox))
	}
	for name, token := range secrets.Knox {
		row, err := django.KnoxText.Row(tokenctl.KnoxSettings{}, tokenctl.NewSecret(token), "")
		user, _, _ := strings.Cut(name, "-")
		if got := rows.Knox[row.TokenKey]; err != nil || got[0] != row.Digest || got[1] != rows.IDs[user] {
			t.Errorf("%s: %+v, %v, want %v", name, row, err, got)
		}
	}
}

func TestSessionExpiryOfDjango(t *testing.T) {
	t.Parallel()
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		pr := p.Project(t, dbtest.SQLite(t), djangotest.Options{Settings: "SESSION_COOKIE_AGE = 3600"})
		var rows []struct {
			Data    string
			Expires time.Time
			Closing bool
		}
		pr.Eval(`
import datetime, django
from django.contrib.sessions.backends.db import SessionStore
result = []
modified = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
# 3.2 has no way to keep a date in JSON.
dates = [datetime.datetime(2030, 1, 2, 3, 4, 5, 678901, datetime.timezone(datetime.timedelta(hours=2)))] if django.VERSION >= (4, 1) else []
for value in [None, 0, 300, 0.5, -10] + dates:
    store = SessionStore()
    store._session_cache = {}
    store.set_expiry(value)
    result.append({"Data": store.encode(store._session_cache), "Expires": store.get_expiry_date(modification=modified),
        "Closing": store.get_expire_at_browser_close()})`, &rows)
		for _, row := range rows {
			s, err := django.DecodeSession(row.Data)
			if err != nil {
				t.Fatal(err)
			}
			settings := tokenctl.SessionSettings{CookieAge: tokenctl.Seconds{Duration: time.Hour}}
			got := s.Expiry.ExpireDate(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), settings)
			if !got.Equal(row.Expires) || s.Expiry.AtBrowserClose(settings) != row.Closing {
				t.Errorf("%+v: %v, want %v; at browser close: %v", s.Expiry, got, row.Expires, row.Closing)
			}
		}
	})
}
