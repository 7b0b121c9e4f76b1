package tokens

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"tokenctl"
	"tokenctl/db"
)

// The secrets that an operator gives are stored as the peer stores its own. If the peer could never accept a secret,
// the result is an error. If a secret is easy to guess, it is stored, and the operator is told the reason. No message
// here repeats a secret.

// provideDRF checks a secret that will be the key of a drf token. It must fit into the column, and
// TokenAuthentication.authenticate of rest_framework/authentication.py (3.16), which splits the header at blanks,
// must get it as one word.
func provideDRF(_ Env, l *db.Layout, owner string, secret tokenctl.Secret) (weak []string, err error) {
	if err := sendable(secret); err != nil {
		return nil, err
	}
	if c := l.AuthToken().Column("key"); !c.Holds(secret.Reveal()) {
		return nil, badSecret(fmt.Sprintf("is longer than the column %s.key, which holds %d characters", l.AuthToken(), c.Length))
	}
	usual := len(secret.Reveal()) == keyLength && isHex(secret.Reveal())
	return weaknesses(secret, owner, usual, fmt.Sprintf("it is not %d characters in lower-case hexadecimal, as authtoken makes them", keyLength)), nil
}

// provideKnox checks a secret that is to become a knox token: knox finds the row by the first
// characters (knox/auth.py, 5.0.2), whether TOKEN_PREFIX stands there or not.
func provideKnox(env Env, l *db.Layout, owner string, secret tokenctl.Secret) (weak []string, err error) {
	if err := sendable(secret); err != nil {
		return nil, err
	}
	k := env.Settings.Knox
	if _, err := l.KnoxScheme().Row(k, secret, ""); err != nil {
		return nil, badSecret("cannot be a knox token: " + err.Error())
	}
	rest, prefixed := strings.CutPrefix(secret.Reveal(), k.TokenPrefix)
	form := fmt.Sprintf("it is not %d characters in lower-case hexadecimal, as knox makes them", k.TokenLength())
	if k.TokenPrefix != "" {
		form = fmt.Sprintf("it is not TOKEN_PREFIX and %d characters in lower-case hexadecimal, as knox makes them", k.TokenLength())
	}
	return weaknesses(secret, owner, prefixed && len(rest) == k.TokenLength() && isHex(rest), form), nil
}

func badSecret(why string) *tokenctl.Error {
	return &tokenctl.Error{Code: tokenctl.CodeInvalidValue, Message: "the secret " + why, Hint: "nothing was changed; without --secret-stdin and --secrets-from, mint makes a good one"}
}

// sendable returns an error for a secret that no request header can carry as one word.
func sendable(secret tokenctl.Secret) error {
	text := secret.Reveal()
	switch {
	case text == "":
		return badSecret("is empty")
	case strings.ContainsAny(text, " \t\r\n\v\f"):
		return badSecret("has a blank in it: the application takes a header with it for two words")
	case strings.ContainsFunc(text, func(r rune) bool { return r < 0x21 || r > 0x7e }):
		return badSecret("has characters in it that are no visible ASCII: no header carries them")
	}
	return nil
}

// goodBits is the randomness of a good secret, in bits: an attacker needs 2^80 attempts.
const goodBits = 80

// freeBits is the randomness, in bits, from which on the form of a secret does not matter.
const freeBits = 120

// commonWords are words that people use in secrets of their own.
var commonWords = []string{"password", "passwd", "secret", "token", "admin", "test", "changeme", "letmein", "welcome", "qwerty", "asdf", "abcd", "1234", "default", "apikey", "demo", "deploy", "hello"}

// weaknesses returns sentences about what makes a secret easy to guess. usual says that the secret has the peer's
// form, and form is the sentence that it does not.
func weaknesses(secret tokenctl.Secret, owner string, usual bool, form string) (weak []string) {
	text := secret.Reveal()
	lower := strings.ToLower(text)
	bits := guessBits(text)
	if bits < goodBits {
		weak = append(weak, fmt.Sprintf("it has %d characters, and is as easy to guess as %d random bits", len(text), int(bits)))
	}
	if doubled := text + text; strings.Contains(doubled[1:len(doubled)-1], text) {
		weak = append(weak, "it repeats itself")
	}
	if slices.ContainsFunc(commonWords, func(word string) bool { return strings.Contains(lower, word) }) {
		weak = append(weak, "it has a common word in it")
	}
	if len(owner) > 2 && strings.Contains(lower, strings.ToLower(owner)) {
		weak = append(weak, "it has the user's name in it")
	}
	if !usual && (weak != nil || bits < freeBits) {
		weak = append(weak, form)
	}
	return weak
}

// guessBits returns an upper limit for the randomness of a text, in bits. It takes the smaller result of two
// measures: the number of different characters that the text could have, and the frequency of each character in
// it.
func guessBits(text string) float64 {
	counts := map[rune]float64{}
	set := 0.0
	for _, r := range text {
		counts[r]++
	}
	for _, sort := range []struct {
		letters string
		size    float64
	}{{"0123456789", 10}, {"abcdef", 6}, {"ghijklmnopqrstuvwxyz", 20}, {"ABCDEFGHIJKLMNOPQRSTUVWXYZ", 26}} {
		if strings.ContainsAny(text, sort.letters) {
			set += sort.size
		}
	}
	if strings.Trim(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		set += 32
	}
	n, perCharacter := float64(len(text)), 0.0
	for _, count := range counts {
		perCharacter -= count / n * math.Log2(count/n)
	}
	return n * min(math.Log2(set), perCharacter)
}
