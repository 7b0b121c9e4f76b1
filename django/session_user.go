package django

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
	payload, err := u.unpack(value)
	if err != nil {
		return SessionLogin{}, sessionError(err)
	}
	return loginIn(payload)
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
	if !isPlainJSON(value) {
		canonical, err := pyCanonical(latin1ToUTF8(value))
		if err != nil {
			return ""
		}
		return jsonText(canonical)
	}
	if string(value) == `"`+ModelBackend+`"` {
		return ModelBackend // most are, and it takes no memory
	}
	return jsonText(value)
}

// isPlainJSON reports whether the texts in JSON that is well-formed stand for themselves.
func isPlainJSON(text []byte) bool {
	for _, c := range text {
		if c == '\\' || c >= 0x7f {
			return false
		}
	}
	return true
}
