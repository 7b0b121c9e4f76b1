package django

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
)

// jwk is a public key in JSON: RFC 7517, section 4 and RFC 7518, section 6.
type jwk struct {
	Kty string `json:"kty"`
	Use string `json:"use"`
	Alg string `json:"alg"`
	Kid string `json:"kid"`
	Crv string `json:"crv,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
}

// JWKS returns the JWK set of the public key (RFC 7517, section 5). The set is empty without a public
// key: HS* has none. The kid is the key's SHA-256 thumbprint (RFC 7638). simplejwt's tokens name no
// kid, so a reader takes the only key of the set.
func (k JWTKeys) JWKS() ([]byte, error) {
	set := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	if k.CanVerify() {
		key := jwk{Use: "sig", Alg: k.get().method.Alg()}
		// The thumbprint covers the required members in the order of their names (RFC 7638, section 3.2).
		var required string
		encode := base64.RawURLEncoding.EncodeToString
		switch public := k.get().verifying.(type) {
		case *rsa.PublicKey:
			key.Kty, key.N, key.E = "RSA", encode(public.N.Bytes()), encode(big.NewInt(int64(public.E)).Bytes())
			required = `{"e":"` + key.E + `","kty":"RSA","n":"` + key.N + `"}`
		case *ecdsa.PublicKey:
			point, err := public.Bytes() // 4, x, y
			if err != nil {
				return nil, err
			}
			size := (len(point) - 1) / 2
			key.Kty, key.Crv = "EC", public.Curve.Params().Name
			key.X, key.Y = encode(point[1:1+size]), encode(point[1+size:])
			required = `{"crv":"` + key.Crv + `","kty":"EC","x":"` + key.X + `","y":"` + key.Y + `"}`
		case ed25519.PublicKey:
			key.Kty, key.Crv, key.X = "OKP", "Ed25519", encode(public)
			required = `{"crv":"Ed25519","kty":"OKP","x":"` + key.X + `"}`
		}
		if required != "" {
			thumbprint := sha256.Sum256([]byte(required))
			key.Kid = encode(thumbprint[:])
			set.Keys = append(set.Keys, key)
		}
	}
	return json.Marshal(set)
}
