package django

import "strings"

// SessionLogin is what a session says of who is logged in with it.
type SessionLogin struct {
	UserID   string // _auth_user_id; "" when nobody is
	Backend  string // _auth_user_backend
	AuthHash string // _auth_user_hash
}

// ReadSessionLogin is [DecodeSession], of which a list of a million rows needs no more, and has its
// errors. A name that stands twice or with escapes, as Django never writes it, may be read otherwise.
func ReadSessionLogin(data string) (SessionLogin, error) {
	value, timestamp, ok := splitSigned(data)
	if !ok {
		_, payload, err := splitLegacy(data)
		if err != nil {
			return SessionLogin{}, err
		}
		return loginIn(payload)
	}
	if _, err := b62Decode(timestamp); err != nil {
		return SessionLogin{}, ErrSessionCorrupt
	}
	u := unpackers.Get().(*unpacker)
	defer u.release()
	var login SessionLogin
	var bad error
	err := u.unpack(value, func(payload []byte, complete bool) bool {
		if complete {
			login, bad = loginIn(payload)
		}
		return false
	})
	if err := sessionError(err, bad); err != nil {
		return SessionLogin{}, err
	}
	return login, nil
}

func loginIn(payload []byte) (login SessionLogin, err error) {
	if isPickle(payload) {
		return login, ErrSessionPickled
	}
	scan := jsonScanner{data: payload}
	ok := scan.object(func(name, value []byte) {
		switch string(name) {
		case sessionUserID:
			login.UserID = scannedText(value)
		case sessionBackend:
			login.Backend = scannedText(value)
		case sessionAuthHash:
			login.AuthHash = scannedText(value)
		}
	})
	if scan.space(); !ok || scan.pos < len(payload) {
		return SessionLogin{}, ErrSessionCorrupt
	}
	return login, nil
}

// scannedText is jsonText of a value as it stands in a payload.
func scannedText(value []byte) string {
	if text := string(value); !strings.ContainsFunc(text, func(r rune) bool { return r == '\\' || r >= 0x7f }) {
		return jsonText(value)
	}
	canonical, err := pyCanonical(latin1ToUTF8(value))
	if err != nil {
		return ""
	}
	return jsonText(canonical)
}
