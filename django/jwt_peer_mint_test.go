package django_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/django"
	"tokenctl/django/djangotest"
)

// pairPEM makes a key pair for an algorithm: PKCS#8 and PKIX.
func pairPEM(t testing.TB, algorithm string) (private, public []byte) {
	t.Helper()
	var key crypto.Signer
	var err error
	switch algorithm {
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	private = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if der, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		t.Fatal(err)
	}
	return private, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

const jwtMinter = `
import datetime, warnings
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.settings import api_settings
warnings.simplefilter("ignore")
def use(algorithm, signing, verifying, audience=None, issuer=None):
    tokens.Token._token_backend = TokenBackend(algorithm, signing or settings.SECRET_KEY, verifying, audience, issuer)
`

var jwtAlgorithms = []string{"HS256", "HS384", "HS512", "RS256", "RS512", "PS256", "PS384", "ES256", "ES384", "ES512", "EdDSA"}

// What tokenctl mints, simplejwt verifies, and the reverse, in every algorithm.
func TestJWTAlgorithms(t *testing.T) {
	t.Parallel()
	type pair struct{ private, public string }
	pairs := map[string]pair{}
	for _, algorithm := range jwtAlgorithms {
		switch {
		case algorithm[0] == 'H':
		case algorithm[1] == 'S' && algorithm[0] != 'E' && pairs["RS256"] != pair{}:
			pairs[algorithm] = pairs["RS256"] // one RSA key does for all
		default:
			private, public := pairPEM(t, algorithm)
			pairs[algorithm] = pair{string(private), string(public)}
		}
	}
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		pr, _ := dbtest.Migrated(t, p, "sqlite", djangotest.Options{})
		var crypto bool
		pr.Eval("from jwt.algorithms import has_crypto as result", &crypto)
		for _, algorithm := range jwtAlgorithms {
			t.Run(algorithm, func(t *testing.T) {
				old := !tokenctl.Version(p.SimpleJWT).AtLeast("5.4") && (algorithm[0] == 'P' || algorithm == "EdDSA")
				if old {
					return // ALLOWED_ALGORITHMS has it since 5.4.0
				}
				if !crypto && algorithm[0] != 'H' {
					djangotest.Missing(t, "Python's cryptography")
				}
				keys := pairs[algorithm]
				var signing []byte
				if keys.private != "" {
					signing = []byte(keys.private)
				}
				b := newBackend(t, tokenctl.JWTSettings{Algorithm: algorithm}, signing, p)
				now := time.Now()
				refresh, err := b.NewRefresh(django.JWTUser{ID: "7", Integer: true}, now, "0123456789abcdef0123456789abcdef", nil)
				if err != nil {
					t.Fatal(err)
				}
				ours, err := b.Encode(refresh)
				if err != nil {
					t.Fatal(err)
				}
				jwks, err := b.Keys().JWKS()
				if err != nil {
					t.Fatal(err)
				}
				var answer struct{ Ours, Theirs, Published string }
				pr.Eval(jwtMinter+`
import jwt
use(algorithm, private, public)
result = {"ours": str(tokens.RefreshToken(ours)["user_id"]), "theirs": str(tokens.RefreshToken()), "published": "7"}
if private:
    key = jwt.PyJWKSet.from_json(jwks).keys[0].key
    result["published"] = str(jwt.decode(ours, key, algorithms=[algorithm])["user_id"])`, &answer,
					djangotest.Vars{"algorithm": algorithm, "private": keys.private, "public": keys.public, "ours": ours.Reveal(), "jwks": string(jwks)})
				if answer.Ours != "7" || answer.Published != "7" {
					t.Errorf("simplejwt reads user %q, with the published key %q", answer.Ours, answer.Published)
				}
				theirs, err := b.Verify(tokenctl.NewSecret(answer.Theirs), django.JWTCheck{Now: time.Now(), Type: "refresh"})
				if err != nil {
					t.Fatalf("%v: %s", err, answer.Theirs)
				}
				again, err := b.Encode(theirs.Claims)
				if err != nil {
					t.Fatal(err)
				}
				sameToken(t, algorithm, again.Reveal(), answer.Theirs)
			})
		}
	})
}

// sameToken compares all of a token, or all but a signature that has randomness
// in it.
func sameToken(t *testing.T, algorithm, got, want string) {
	t.Helper()
	if algorithm[0] == 'P' || strings.HasPrefix(algorithm, "ES") {
		got, want = got[:strings.LastIndexByte(got, '.')], want[:strings.LastIndexByte(want, '.')]
	}
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// Every way to make a token, byte for byte, with simplejwt's own times and ids.
func TestJWTMint(t *testing.T) {
	t.Parallel()
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		for _, model := range []string{"", "uuid"} {
			t.Run("user model "+model, func(t *testing.T) {
				t.Parallel()
				pr, _ := dbtest.Migrated(t, p, "sqlite", djangotest.Options{UserModel: model, Settings: `
SIMPLE_JWT = {"CHECK_REVOKE_TOKEN": True}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]`})
				var their struct {
					ID, Password string
					Now          float64
					JTIs         []string
					Tokens       map[string]string
				}
				pr.Eval(jwtMinter+`
from uuid import uuid4
use("HS256", "", "", ["app", "ünï"], "me/you")
user = User.objects.create_user(**{User.USERNAME_FIELD: "ann@example.com", "password": "correct horse battery"})
now = datetime.datetime.now(tz=datetime.timezone.utc)
tokens.aware_utcnow = lambda: now
ids = iter([uuid4() for _ in range(9)])
jtis = []
def next_id():
    jtis.append(next(ids))
    return jtis[-1]
tokens.uuid4 = next_id
made = {}
refresh = tokens.RefreshToken.for_user(user)
made["plain"] = str(refresh)
refresh["roles"] = ["admin", "zoë"]
refresh["<nested>"] = {"a": 1.50, "b": None, "c": {"d": "\x7f/"}}
made["refresh"] = str(refresh)
made["access"] = str(refresh.access_token)
made["sliding"] = str(tokens.SlidingToken.for_user(user))
now += datetime.timedelta(seconds=100)
import time
again = tokens.RefreshToken(made["refresh"], verify=False)
made["access later"] = str(again.access_token)
again.set_jti()
again.set_exp()
again.set_iat()
made["rotated"] = str(again)
sliding = tokens.SlidingToken(made["sliding"], verify=False)
sliding.set_exp()
sliding.set_iat()
made["slid"] = str(sliding)
result = {"id": str(user.pk), "password": user.password, "now": now.timestamp() - 100, "jtis": [j.hex for j in jtis], "tokens": made}`, &their)
				s := tokenctl.JWTSettings{Audience: []any{"app", "ünï"}, Issuer: "me/you", CheckRevokeToken: true}
				b := newBackend(t, s, nil, p)
				now := time.UnixMicro(int64(their.Now * 1e6))
				later := now.Add(100 * time.Second)
				user := django.JWTUser{ID: their.ID, Integer: model == "", Password: their.Password}
				custom := []django.JWTClaim{jwtClaim(t, "roles", `["admin","zoë"]`), jwtClaim(t, "<nested>", `{"a": 1.50, "b": null, "c": {"d": "\u007f\/"}}`)}
				plain, err := b.NewRefresh(user, now, their.JTIs[0], nil)
				if err != nil {
					t.Fatal(err)
				}
				refresh, err := b.NewRefresh(user, now, their.JTIs[0], custom)
				if err != nil {
					t.Fatal(err)
				}
				sliding, err := b.NewSliding(user, now, their.JTIs[2], nil)
				if err != nil {
					t.Fatal(err)
				}
				read := func(name string) django.JWTClaims {
					token, err := b.Verify(tokenctl.NewSecret(their.Tokens[name]), django.JWTCheck{Now: later})
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					return token.Claims
				}
				for name, claims := range map[string]django.JWTClaims{
					"plain":        plain,
					"refresh":      refresh,
					"access":       b.AccessFromRefresh(refresh, now, their.JTIs[1]),
					"sliding":      sliding,
					"access later": b.AccessFromRefresh(read("refresh"), later, their.JTIs[3]),
					"rotated":      b.RotateRefresh(read("refresh"), later, their.JTIs[4]),
					"slid":         b.RefreshSliding(read("sliding"), later),
				} {
					secret, err := b.Encode(claims)
					if err != nil {
						t.Fatal(err)
					}
					if got, want := secret.Reveal(), their.Tokens[name]; got != want {
						t.Errorf("%s: %s\nwant %s", name, shownClaims(t, got), shownClaims(t, want))
					}
				}
			})
		}
	})
}

func jwtClaim(t testing.TB, name, value string) django.JWTClaim {
	t.Helper()
	c, err := django.NewJWTClaim(name, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// shownClaims shows a token's claims in a failure.
func shownClaims(t testing.TB, token string) string {
	t.Helper()
	decoded, err := django.DecodeUnverified(tokenctl.JWTSettings{}, token)
	if err != nil {
		return fmt.Sprintf("%q", token)
	}
	text, err := json.Marshal(decoded.Claims)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
