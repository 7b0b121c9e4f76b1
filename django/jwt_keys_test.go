package django

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"tokenctl"
)

func pemOf(kind string, der []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func pkcs8(key any) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pemOf("PRIVATE KEY", der, err)
}

func pkix(key crypto.Signer) []byte {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	return pemOf("PUBLIC KEY", der, err)
}

func certificate(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return pemOf("CERTIFICATE", der, err)
}

func TestNewJWTKeys(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	sec1, err := x509.MarshalECPrivateKey(p256)
	ecFile := append([]byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"), pemOf("EC PRIVATE KEY", sec1, err)...)
	pkcs1 := pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil)
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: []byte("x")})

	for _, test := range []struct {
		name, algorithm    string
		signing, verifying []byte
		want               string // part of the error
	}{
		{"PKCS#8", "RS256", pkcs8(rsaKey), nil, ""},
		{"PKCS#1", "PS512", pkcs1, nil, ""},
		{"SEC 1 with parameters", "ES256", ecFile, nil, ""},
		{"Ed25519", "EdDSA", pkcs8(edKey), pkix(edKey), ""},
		{"certificate", "RS256", pkcs8(rsaKey), certificate(t, rsaKey), ""},
		{"public only", "ES384", nil, pkix(p384), ""},
		{"PKCS#1 public", "RS256", nil, pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey), nil), ""},
		{"none", "RS256", nil, nil, ""},
		{"public to sign", "RS256", pkix(rsaKey), nil, "signing needs the private key"},
		{"EC for RSA", "RS256", pkcs8(p256), nil, "has an EC key, but RS256 needs an RSA key"},
		{"RSA for EC", "ES256", pkcs8(rsaKey), nil, "has an RSA key, but ES256 needs an EC key"},
		{"EC for EdDSA", "EdDSA", pkcs8(p256), nil, "has an EC key, but EdDSA needs an Ed25519 key"},
		{"other curve", "ES256", pkcs8(p384), nil, "the key's curve is P-384, but ES256 needs P-256"},
		{"other public key", "ES256", pkcs8(p256), pkix(p384), "curve is P-384"},
		{"another's public key", "ES256", pkcs8(p256), func() []byte { k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); return pkix(k) }(), "is not the public key of"},
		{"encrypted", "RS256", encrypted, nil, "is encrypted"},
		{"encrypted PKCS#8", "RS256", pemOf("ENCRYPTED PRIVATE KEY", []byte("x"), nil), nil, "is encrypted"},
		{"OpenSSH", "RS256", pemOf("OPENSSH PRIVATE KEY", []byte("x"), nil), nil, "OpenSSH's own form"},
		{"OpenSSH public", "RS256", nil, []byte("ssh-rsa AAAA x@y"), "OpenSSH's own form"},
		{"damaged", "RS256", pemOf("PRIVATE KEY", []byte("x"), nil), nil, "cannot be read"},
		{"text", "RS256", []byte("hush"), nil, "no key in PEM form"},
		{"PEM as a secret", "HS256", pkix(rsaKey), nil, "PyJWT refuses"},
		{"certificate as a secret", "HS256", certificate(t, rsaKey), nil, "PyJWT refuses"},
		{"binary secret", "HS256", []byte{0xFF, 1}, nil, "not UTF-8"},
		{"empty secret", "HS256", []byte("\n"), nil, "is empty"},
		{"unknown algorithm", "ES256K", pkcs8(p256), nil, "none of that name"},
		{"no algorithm", "none", nil, nil, "none of that name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := tokenctl.JWTSettings{Algorithm: test.algorithm}
			keys, err := NewJWTKeys(s, test.signing, test.verifying, tokenctl.Secret{})
			if test.want != "" {
				if tokenctl.CodeOf(err) != tokenctl.CodeConfigInvalid || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("%v, want %q", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if keys.CanSign() != (test.signing != nil) || keys.CanVerify() != (test.signing != nil || test.verifying != nil) {
				t.Errorf("signs %v, verifies %v", keys.CanSign(), keys.CanVerify())
			}
			b, err := NewJWTBackend(s, keys, "", "")
			if err != nil {
				t.Fatal(err)
			}
			claims, err := b.NewRefresh(JWTUser{ID: "1"}, time.Now(), "x", nil)
			if err != nil {
				t.Fatal(err)
			}
			secret, err := b.Encode(claims)
			if !keys.CanSign() {
				if !errors.Is(err, ErrJWTKeyMissing) {
					t.Error(err)
				}
				if _, err := b.Decode(tokenctl.NewSecret("a.b.c"), time.Now()); !keys.CanVerify() && !errors.Is(err, ErrJWTKeyMissing) {
					t.Error(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.Verify(secret, JWTCheck{Now: time.Now(), Type: "refresh"}); err != nil {
				t.Error(err)
			}
		})
	}
}

// An application that verifies HS256 with a public key's text is the classic
// confusion; here the header decides nothing.
func TestJWTAlgorithmConfusion(t *testing.T) {
	t.Parallel()
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	s := tokenctl.JWTSettings{Algorithm: "EdDSA"}
	keys, err := NewJWTKeys(s, nil, pkix(edKey), tokenctl.NewSecret(jwtSecretKey))
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewJWTBackend(s, keys, "", "")
	if err != nil {
		t.Fatal(err)
	}
	forged := encodeJWT(t, testBackend(t, tokenctl.JWTSettings{}, ""), JWTClaims{}.with("exp", json.RawMessage("9999999999")))
	if _, err := b.Decode(forged, time.Now()); !errors.Is(err, &JWTError{Reason: JWTWrongAlgorithm}) {
		t.Error(err)
	}
}

func TestJWTKeysDoNotPrint(t *testing.T) {
	t.Parallel()
	b := testBackend(t, tokenctl.JWTSettings{}, "")
	keys := b.Keys()
	type holder struct {
		Keys    JWTKeys
		Backend *JWTBackend
		keys    JWTKeys
	}
	for _, v := range []any{keys, &keys, b, holder{keys, b, keys}, []any{keys, b}} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		shown := fmt.Sprintf("%v %+v %#v %s %q %x", v, v, v, v, v, v) + string(text) + slog.AnyValue(v).Resolve().String()
		for _, form := range []string{jwtSecretKey, fmt.Sprintf("%x", jwtSecretKey), strings.Trim(fmt.Sprint([]byte(jwtSecretKey)), "[]"), base64.StdEncoding.EncodeToString([]byte(jwtSecretKey))[:40]} {
			if strings.Contains(shown, form) {
				t.Errorf("%T prints its key: %s", v, shown)
			}
		}
	}
}

// RFC 7638, section 3.1, and RFC 8037, appendix A.3.
func TestJWKS(t *testing.T) {
	t.Parallel()
	n, err := base64.RawURLEncoding.DecodeString("0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw")
	if err != nil {
		t.Fatal(err)
	}
	x, err := base64.RawURLEncoding.DecodeString("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		algorithm string
		key       any
		want      string
	}{
		{"RS256", &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537},
			`{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs","n":"` + base64.RawURLEncoding.EncodeToString(n) + `","e":"AQAB"}]}`},
		{"EdDSA", ed25519.PublicKey(x),
			`{"keys":[{"kty":"OKP","use":"sig","alg":"EdDSA","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`},
	} {
		der, err := x509.MarshalPKIXPublicKey(test.key)
		keys, err := NewJWTKeys(tokenctl.JWTSettings{Algorithm: test.algorithm}, nil, pemOf("PUBLIC KEY", der, err), tokenctl.Secret{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := keys.JWKS(); err != nil || string(got) != test.want {
			t.Errorf("%s, %v\nwant %s", got, err, test.want)
		}
	}
	if got, err := testBackend(t, tokenctl.JWTSettings{}, "").Keys().JWKS(); err != nil || string(got) != `{"keys":[]}` {
		t.Errorf("HS256: %s, %v", got, err)
	}
}
