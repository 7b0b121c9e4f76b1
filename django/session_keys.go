package django

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"
	"sync"
)

// SessionKeys verify sessions with the [SecretKeys] of an application. They are safe for concurrent
// use.
type SessionKeys struct {
	keys SecretKeys
	idle sync.Pool // of *sessionMACs
}

// sessionMACs are the HMACs for the two checks of a session.
type sessionMACs struct{ signature, authHash macs }

// NewSessionKeys returns the session keys of keys.
func NewSessionKeys(keys SecretKeys) *SessionKeys {
	k := &SessionKeys{keys: keys}
	k.idle.New = func() any {
		return &sessionMACs{signature: sessionSigner.macs(keys), authHash: macs{keys: keys, salt: authHashSalt}}
	}
	return k
}

// Any reports whether there are any keys.
func (k *SessionKeys) Any() bool { return len(k.keys) > 0 }

// Verify returns the key that signed a session_data. It also verifies data that [DecodeSession] cannot
// read, such as a pickle.
func (k *SessionKeys) Verify(data string) KeyMatch {
	if strings.Contains(data, ":") {
		m := k.idle.Get().(*sessionMACs)
		defer k.idle.Put(m)
		return m.signature.verify(data)
	}
	sum, payload, err := splitLegacy(data)
	if err != nil {
		return KeyMatch{}
	}
	// SessionBase._hash of django/contrib/sessions/backends/base.py (3.2), always SHA-1.
	for i, key := range k.keys {
		if !key.IsZero() && equal(hex.EncodeToString(saltedHMAC(sha1.New, "django.contrib.sessionsSessionStore", key, string(payload))), sum) {
			return KeyMatch{OK: true, Index: i, SHA1: true}
		}
	}
	return KeyMatch{}
}

// MatchAuthHash returns the key with which the _auth_user_hash of a session fits an encoded password.
// SHA1 means the form of Django up to 3.0 (_legacy_get_session_auth_hash in
// django/contrib/auth/base_user.py, 3.2). If no key matches, or the application's Django does not accept
// the match ([KeyMatch.AcceptedBy]), the session is dead: get_user in django/contrib/auth/__init__.py
// (4.2) deletes it at its next use.
func (k *SessionKeys) MatchAuthHash(authHash, encodedPassword string) KeyMatch {
	if authHash == "" {
		return KeyMatch{}
	}
	m := k.idle.Get().(*sessionMACs)
	defer k.idle.Put(m)
	return m.authHash.match(authHash, encodedPassword, hex.AppendEncode)
}

// VerifySession is [SessionKeys.Verify] for a single session.
func VerifySession(data string, keys SecretKeys) KeyMatch { return NewSessionKeys(keys).Verify(data) }
