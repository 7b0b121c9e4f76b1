package django

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tokenctl"
)

// Names of items in a session of a logged-in user: SESSION_KEY, BACKEND_SESSION_KEY and
// HASH_SESSION_KEY of django/contrib/auth/__init__.py, and the key of SessionBase.set_expiry in
// django/contrib/sessions/backends/base.py (both 4.2).
const (
	sessionUserID   = "_auth_user_id"
	sessionBackend  = "_auth_user_backend"
	sessionAuthHash = "_auth_user_hash"
	sessionExpiry   = "_session_expiry"
)

// Errors of [DecodeSession]. Django treats corrupt data as an empty session.
var (
	ErrSessionCorrupt  = errors.New("not session data that Django writes")
	ErrSessionPickled  = errors.New("the session is a Python pickle, which only Python can read")
	ErrSessionTooLarge = errors.New("the session is larger than 1 MiB")
)

// Session is the content of a session_data. Reading it takes no key; [VerifySession] checks the
// signature.
type Session struct {
	UserID   string // _auth_user_id: the user's primary key as text, a UUID with dashes; "" if nobody is logged in
	Backend  string // _auth_user_backend
	AuthHash string // _auth_user_hash: see [SessionAuthHash]
	Expiry   SessionExpiry
	Signed   time.Time     // when Django last wrote it; zero in the legacy format, which has no time
	Items    []SessionItem // all items in their order, those above included
	Legacy   bool          // the format of Django up to 3.0, which 3.1 and 3.2 read
}

// SessionItem is an entry of a session: a name and a JSON value.
type SessionItem struct {
	Name  string
	Value json.RawMessage
}

// sessionSigner has the salt of SessionBase.key_salt, which is the same for every engine whose class
// has the name SessionStore (django/contrib/sessions/backends/base.py, 4.2).
var sessionSigner = timestampSigner{salt: "django.contrib.sessions.SessionStore"}

// DecodeSession reads a session_data in the format that Django writes since 3.1, compressed or not,
// or in the legacy one. The error is [ErrSessionCorrupt], [ErrSessionPickled] or [ErrSessionTooLarge].
func DecodeSession(data string) (*Session, error) {
	s := &Session{}
	if err := s.read(data); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Session) read(data string) error {
	value, timestamp, ok := splitSigned(data)
	if !ok {
		s.Legacy = true
		_, payload, err := splitLegacy(data)
		if err != nil {
			return err
		}
		return s.decode(payload)
	}
	seconds, err := b62Decode(timestamp)
	if err != nil {
		return ErrSessionCorrupt
	}
	if 0 <= seconds && seconds < 253402300800 { // the year 10000
		s.Signed = time.Unix(seconds, 0).UTC()
	}
	u := payloadDecoders.Get().(*payloadDecoder)
	defer u.release()
	payload, err := u.decode(value)
	if err != nil {
		return err
	}
	return s.decode(payload)
}

// decode reads the serializer's output.
func (s *Session) decode(payload []byte) error {
	if isPickle(payload) {
		return ErrSessionPickled
	}
	members, err := pyObject(latin1ToUTF8(payload))
	if err != nil {
		return ErrSessionCorrupt
	}
	for _, member := range members {
		s.Set(SessionItem(member))
	}
	return nil
}

// Set sets items of the session as in a dict: a name that is set again keeps its place. The items
// come from [DecodeSession] or from this package's functions for items.
func (s *Session) Set(items ...SessionItem) {
	for _, item := range items {
		if i := slices.IndexFunc(s.Items, func(have SessionItem) bool { return have.Name == item.Name }); i >= 0 {
			s.Items[i] = item
		} else {
			s.Items = append(s.Items, item)
		}
		switch item.Name {
		case sessionUserID:
			s.UserID = jsonText(item.Value)
		case sessionBackend:
			s.Backend = jsonText(item.Value)
		case sessionAuthHash:
			s.AuthHash = jsonText(item.Value)
		case sessionExpiry:
			s.Expiry = readSessionExpiry(item.Value)
		}
	}
}

// latin1ToUTF8 prepares a payload for reading: JSONSerializer.loads of django/core/signing.py (4.2)
// decodes it as Latin-1. JSONSerializer.dumps writes only ASCII.
func latin1ToUTF8(payload []byte) []byte {
	if !slices.ContainsFunc(payload, func(c byte) bool { return c >= utf8.RuneSelf }) {
		return payload
	}
	var out []byte
	for _, c := range payload {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// isPickle recognises pickles of protocol 2 and later by their first byte. PickleSerializer always
// wrote the highest protocol (django/core/serializers/base.py, 4.2), and JSON never begins with it.
func isPickle(payload []byte) bool { return len(payload) > 0 && payload[0] == 0x80 }

// jsonText returns the text of a string or the digits of a number, because a primary key may be either.
// It returns "" for another value, for null and for no value.
func jsonText(canonical []byte) string {
	switch {
	case len(canonical) == 0:
		return ""
	case canonical[0] == '"':
		return pyUnquote(string(canonical))
	case canonical[0] == '-' || '0' <= canonical[0] && canonical[0] <= '9':
		return string(canonical)
	}
	return ""
}

// splitLegacy is SessionBase._legacy_decode of django/contrib/sessions/backends/base.py (3.2), without
// the check of the hash.
func splitLegacy(text string) (sum string, payload []byte, err error) {
	if base64.StdEncoding.DecodedLen(len(text)) > maxSignedPayload {
		return "", nil, ErrSessionTooLarge
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", nil, ErrSessionCorrupt
	}
	sum, rest, ok := strings.Cut(string(data), ":")
	if !ok {
		return "", nil, ErrSessionCorrupt
	}
	return sum, []byte(rest), nil
}

// LoginSession returns the items that django.contrib.auth.login puts into a new session
// (django/contrib/auth/__init__.py, 4.2), in its order. userID is the user's primary key as text, a
// UUID with dashes. An empty backend means [tokenctl.ModelBackend].
func LoginSession(userID, backend, authHash string) []SessionItem {
	return []SessionItem{
		{sessionUserID, pyString(userID)},
		{sessionBackend, pyString(cmp.Or(backend, tokenctl.ModelBackend))},
		AuthHashItem(authHash),
	}
}

// AuthHashItem is the item of an _auth_user_hash.
func AuthHashItem(authHash string) SessionItem {
	return SessionItem{sessionAuthHash, pyString(authHash)}
}

// ExpiringIn returns the item of set_expiry(seconds): the session ends that long after it was last
// written; with 0, when the browser closes.
func ExpiringIn(d time.Duration) SessionItem {
	return SessionItem{sessionExpiry, strconv.AppendInt(nil, int64(d/time.Second), 10)}
}

// EncodeSession returns the session_data of items, in their order, like SessionBase.encode of
// django/contrib/sessions/backends/base.py (4.2): in the format since 3.1. A missing key and a value
// that is not JSON are errors.
func EncodeSession(items []SessionItem, key tokenctl.Secret, now time.Time) (string, error) {
	if key.IsZero() {
		return "", errors.New("encode session: no secret key")
	}
	claims := make(JWTClaims, len(items))
	for i, item := range items {
		value, err := pyCanonical(item.Value)
		if err != nil {
			return "", fmt.Errorf("encode session: item %d: %w", i, err)
		}
		claims[i] = JWTClaim{item.Name, value}
	}
	return sessionSigner.sign(key, encodePayload(claims.appendJSON(nil)), now), nil
}
