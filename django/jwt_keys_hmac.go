package django

import (
	"github.com/golang-jwt/jwt/v5"

	"tokenctl"
)

// HMAC returns the key of an HMAC algorithm, and the length of the algorithm's hash in bytes. A key
// shorter than the hash is too weak (RFC 7518, section 3.2). ok is false for other algorithms and
// without a key.
func (k JWTKeys) HMAC() (key tokenctl.Secret, size int, ok bool) {
	pair := k.get()
	method, isHMAC := pair.method.(*jwt.SigningMethodHMAC)
	text, isText := pair.signing.([]byte)
	if !isHMAC || !isText {
		return tokenctl.Secret{}, 0, false
	}
	return tokenctl.NewSecret(string(text)), method.Hash.Size(), true
}
