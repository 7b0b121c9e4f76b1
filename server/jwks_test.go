package server_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/django"
)

// TestJWKS: the public key, which verifies what was obtained, and none where the key
// is secret.
func TestJWKS(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite", "", nil)
	ask := func(headers ...string) *httptest.ResponseRecorder {
		return b.do(http.MethodGet, "/.well-known/jwks.json", "", "", headers...)
	}
	if w := ask(); said(w) != `200 {"keys":[]}` || w.Header().Get("Content-Type") != "application/jwk-set+json" || w.Header().Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("HS256: %s %v", said(w), w.Header())
	}
	if w := ask("Accept: application/jwk-set+json"); w.Code != http.StatusOK {
		t.Errorf("Accept: %s", said(w))
	}
	if w := b.do(http.MethodPost, "/.well-known/jwks.json", "", ""); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Errorf("POST: %s %v", said(w), w.Header())
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	settings := tokenctl.JWTSettings{Algorithm: "RS256"}
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	der, err = x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := django.NewJWTKeys(settings, private, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), tokenctl.Secret{})
	if err == nil {
		b.backend, err = django.NewJWTBackend(settings, pair, "", "")
	}
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []struct{ Kty, Use, Alg, Kid, N, E string }
	}
	if err := json.Unmarshal(ask().Body.Bytes(), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("RS256: %s, %v", said(ask()), err)
	}
	modulus, err := base64.RawURLEncoding.DecodeString(set.Keys[0].N)
	if k := set.Keys[0]; err != nil || k.Kty != "RSA" || k.Alg != "RS256" || k.Use != "sig" || k.E != "AQAB" || new(big.Int).SetBytes(modulus).Cmp(key.N) != 0 {
		t.Errorf("RS256: %+v, %v", k, err)
	}
	pairBody := b.json("/api/token/", b.login()).Body.String()
	_, access, _ := strings.Cut(pairBody, `"access":"`)
	access = strings.TrimSuffix(access, `"}`)
	signed := access[:strings.LastIndex(access, ".")]
	signature, err := base64.RawURLEncoding.DecodeString(access[len(signed)+1:])
	sum := sha256.Sum256([]byte(signed))
	if err != nil || rsa.VerifyPKCS1v15(&rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}, crypto.SHA256, sum[:], signature) != nil {
		t.Errorf("the published key does not verify what was obtained: %s", pairBody)
	}
}
