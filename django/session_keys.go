package django

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"
	"sync"
)

// SessionKeys are SecretKeys ready to verify sessions, many and at the same time.
type SessionKeys struct {
	keys SecretKeys
	idle sync.Pool // of *sessionMACs
}

// sessionMACs are what verifying takes.
type sessionMACs struct{ signature, authHash macs }

// NewSessionKeys returns keys that are ready.
func NewSessionKeys(keys SecretKeys) *SessionKeys {
	k := &SessionKeys{keys: keys}
	k.idle.New = func() any {
		return &sessionMACs{signature: sessionSigner.macs(keys), authHash: macs{keys: keys, salt: authHashSalt}}
	}
	return k
}

// Any reports whether there are any keys.
func (k *SessionKeys) Any() bool { return len(k.keys) > 0 }

// Verify finds the key that signed a session_data. It works for data that [DecodeSession] cannot
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

// MatchAuthHash tells with which of the keys a session's _auth_user_hash belongs to a password
// column. SHA1 is the form that Django up to 3.0 wrote (_legacy_get_session_auth_hash in
// django/contrib/auth/base_user.py, 3.2). No match, or none that [KeyMatch.AcceptedBy] the
// application's Django, means that the session is dead: get_user in django/contrib/auth/__init__.py
// (4.2) deletes it when it is next used.
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
