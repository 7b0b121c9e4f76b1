package tokens

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/django"
)

// This file recognises secrets, and what remains of them, by their shape alone.

// Where is the place of a text. It decides which words of the text count as secrets.
type Where int

// The places of texts.
const (
	Anywhere Where = iota // secrets of all kinds count
	InName                // session keys do not count, because many names have their form
	InPath                // nor do keys beside a slash: the name of a folder may be the hash of a commit

	inMessage // words that are nearly a secret count, too
)

// Holds reports whether text contains a whole secret.
func Holds(text string, where Where) bool {
	for range secretSpans(text, where) {
		return true
	}
	return false
}

// LooksLikeSecret reports whether text as a whole has the form of any kind's secret.
func LooksLikeSecret(text string) bool {
	return slices.ContainsFunc(Kinds(), func(k *Kind) bool { return k.LooksLike(text) })
}

// Hidden stands in place of a secret in a message.
const Hidden = "[not repeated]"

// Hide replaces the secrets in text with Hidden. It also replaces words that are nearly a secret: somebody could
// guess the few characters that are wrong.
func Hide(text string) string {
	var b strings.Builder
	end := 0
	for from, to := range secretSpans(text, inMessage) {
		b.WriteString(text[end:from])
		b.WriteString(Hidden)
		end = to
	}
	if end == 0 {
		return text
	}
	b.WriteString(text[end:])
	return b.String()
}

// secretSpans yields the begin and the end of each secret in text.
func secretSpans(text string, where Where) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		for from, to := range runs(text, isTokenByte) {
			at := strings.Index(text[from:to], "eyJ")
			if at >= 0 && (strings.Count(text[from+at:to], ".") >= 2 || where == inMessage && to-from-at >= 16) {
				if !yield(from+at, to) {
					return
				}
				continue
			}
			for i, j := range runs(text[from:to], isAlphanumeric) {
				i, j = from+i, from+j
				if where == Anywhere && Session.LooksLike(text[i:j]) || where == inMessage && nearly(text[i:j]) {
					if !yield(i, j) {
						return
					}
					continue
				}
				for k, l := range runs(text[i:j], isHexByte) {
					k, l = i+k, i+l
					if n := l - k; n != keyLength && (n < knoxSecretLength || n > knoxSecretLength+knoxPrefixLength) {
						continue
					}
					if where == InPath && (k > 0 && text[k-1] == '/' || l < len(text) && text[l] == '/') {
						continue
					}
					if !yield(k, l) {
						return
					}
				}
			}
		}
	}
}

// nearly reports whether a word is nearly a session key, or nearly a key in hexadecimal. 32 hexadecimal digits are
// a jti or a UUID, and do not count.
func nearly(word string) bool {
	n := len(word)
	if isHex(word) {
		return n >= 34 && n <= knoxSecretLength+2*knoxPrefixLength
	}
	return Session.LooksLike(word) || n >= 28 && n <= 40 && isSessionKey(word) && strings.ContainsAny(word, "0123456789")
}

// runs yields the longest parts of text in which is returns true for all bytes.
func runs(text string, is func(byte) bool) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		from := -1
		for i := range len(text) + 1 {
			switch in := i < len(text) && is(text[i]); {
			case in && from < 0:
				from = i
			case !in && from >= 0:
				if !yield(from, i) {
					return
				}
				from = -1
			}
		}
	}
}

func isHexByte(b byte) bool { return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' }

func isAlphanumeric(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// isTokenByte reports whether b can stand in a JWT.
func isTokenByte(b byte) bool { return isAlphanumeric(b) || b == '-' || b == '_' || b == '.' }

// Damage describes a text that looks like a damaged secret, such as "a drf key that lacks a character: it has 39 of
// 40". It returns "" for any other text. It judges the form alone and does not read the database.
func Damage(text string) string {
	n := len(text)
	switch {
	case strings.HasPrefix(text, "eyJ"):
		return jwtDamage(text)
	case n >= 60 && strings.Count(text, ".") == 2 && !strings.ContainsFunc(text, func(r rune) bool { return !isTokenByte(byte(r)) }):
		return "a JWT whose beginning is missing"
	case strings.Trim(text, ".*") == text && isHex(text):
		switch {
		case n >= 20 && n <= 48 && n != 32: // 32 are an MD5 sum, a UUID or a jti
			return miscounted("a drf key", n, keyLength)
		case n > 48 && n <= knoxSecretLength+knoxPrefixLength:
			return miscounted("a knox token", n, knoxSecretLength)
		}
	case n >= 28 && n <= 36 && isSessionKey(text) && strings.ContainsAny(text, "0123456789"):
		return miscounted("a session key", n, 32)
	}
	return ""
}

// miscounted describes a text with a wrong number of characters: n instead of want.
func miscounted(what string, n, want int) string {
	switch d := want - n; {
	case d == 0:
		return ""
	case d == 1:
		return fmt.Sprintf("%s that lacks a character: it has %d of %d", what, n, want)
	case d > 1:
		return fmt.Sprintf("%s that lacks %d characters: it has %d of %d", what, d, n, want)
	case d == -1:
		return fmt.Sprintf("%s with a character too many: it has %d, not %d", what, n, want)
	default:
		return fmt.Sprintf("%s with %d characters too many: it has %d, not %d", what, -d, n, want)
	}
}

// jwtDamage is Damage for a text that begins as a JWT does.
func jwtDamage(text string) string {
	const cut = "a JWT that was cut off"
	switch dots := strings.Count(text, "."); {
	case dots < 2 && (dots == 1 || len(text) >= 16):
		return cut
	case dots > 2:
		return "a JWT with something else behind it, or one that was cut short by points"
	case dots < 2:
		return ""
	}
	last := strings.LastIndexByte(text, '.')
	token, err := django.DecodeUnverified(tokenctl.JWTSettings{}, text[:last+1]+"AAAA")
	if err != nil {
		return "a damaged JWT: it cannot be decoded"
	}
	switch have, want := len(strings.TrimRight(text[last+1:], "=")), signatureLength(token); {
	case want > 0 && have > want:
		return "a JWT whose signature is too long: something else stands behind it"
	case have < want, have == 0, want < 0 && (have < 171 || have*6/8%8 != 0):
		return cut + ": its signature is too short"
	}
	return ""
}

// signatureLength returns the number of characters of a token's signature, by its algorithm. It returns -1 for
// RSA, where the number depends on the key: its length in bytes is a multiple of eight and at least 128. It
// returns 0 for an algorithm that simplejwt does not have.
func signatureLength(token *django.JWT) int {
	alg, _ := token.Header.Text("alg")
	if strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS") {
		return -1
	}
	bytes := map[string]int{"HS256": 32, "HS384": 48, "HS512": 64, "ES256": 64, "ES384": 96, "ES512": 132}[alg]
	return (bytes*8 + 5) / 6
}
