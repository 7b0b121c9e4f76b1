package audit

import (
	"fmt"
	"strings"

	"tokenctl"
	"tokenctl/db"
	"tokenctl/tokens"
)

const (
	leastKeyBytes = 32  // of a SECRET_KEY
	leastKeyBits  = 128 // of estimated entropy
)

// keys checks SECRET_KEY, its fallbacks and the key that signs JWTs.
func (r *run) keys(layout *db.Layout) error {
	rule := r.rule("weak-signing-key")
	if rule == nil {
		return nil
	}
	keys, err := r.env.Keys()
	if err := r.unless(err, "", rule.ID); err != nil {
		return err
	}
	backend, failed := r.env.JWT()
	if err := r.unless(failed, "", rule.ID); err != nil {
		return err
	}
	signing, size, hmac := tokenctl.Secret{}, 0, false
	if failed == nil {
		signing, size, hmac = backend.Keys().HMAC()
	}
	if err == nil && failed == nil && len(keys) == 0 && !hmac && !backend.Keys().CanSign() && !backend.Keys().CanVerify() {
		r.skip(rule.ID, "no key is configured")
		return nil
	}
	// The key signs JWTs if the settings name a key file or an algorithm for JWTs, or if the database records
	// JWTs.
	signs := r.env.Settings.SimpleJWT.SigningKeyFile != "" || tokens.JWT.Present(layout) || r.env.Settings.SimpleJWT.Algorithm != ""
	own := hmac && signs
	for i, key := range keys {
		name := "SECRET_KEY"
		if i > 0 {
			name = fmt.Sprintf("SECRET_KEY_FALLBACKS %d", i)
		}
		least := 0
		if own && key.Equal(signing) {
			least, own = size, false
		}
		r.weakSigner(rule, name, key, least)
	}
	if own {
		r.weakSigner(rule, "SIGNING_KEY", signing, size)
	}
	return nil
}

// weakSigner reports the faults of one key. least is the length, in bytes, of the hash that the key is used
// with; 0: the length is not known.
func (r *run) weakSigner(rule *Rule, name string, key tokenctl.Secret, least int) {
	text := key.Reveal()
	var faults []string
	if strings.HasPrefix(text, "django-insecure-") {
		faults = append(faults, "begins with django-insecure-, as startproject writes it for development")
		text = strings.TrimPrefix(text, "django-insecure-")
	}
	if n := len(key.Reveal()); n < leastKeyBytes {
		faults = append(faults, fmt.Sprintf("is short: %d bytes, and %d are the least", n, leastKeyBytes))
	} else if n < least {
		faults = append(faults, fmt.Sprintf("is shorter than the hash that it is used with: %d bytes of %d", n, least))
	}
	if b := bits(text); b < leastKeyBits && len(faults) == 0 {
		faults = append(faults, fmt.Sprintf("is easy to guess: about %.0f bits of entropy, and %d are the least", b, leastKeyBits))
	}
	if faults != nil {
		r.find(Finding{Rule: rule, Subject: name, Message: name + " " + strings.Join(faults, ", and ") + ": whoever finds it makes sessions and JWTs of any user"})
	}
}
