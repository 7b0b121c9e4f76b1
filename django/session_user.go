package django

// SessionLogin has the items of a session that describe the login.
type SessionLogin struct {
	UserID   string // _auth_user_id; "" if nobody is logged in
	Backend  string // _auth_user_backend
	AuthHash string // _auth_user_hash
}

// ReadSessionLogin reads only the login of a session, for lists of a million rows. Its errors are
// those of [DecodeSession].
func ReadSessionLogin(data string) (SessionLogin, error) {
	value, timestamp, ok := splitSigned(data)
	if !ok {
		_, payload, err := splitLegacy(data)
		if err != nil {
			return SessionLogin{}, err
		}
		return LoginInJSON(payload)
	}
	if _, err := b62Decode(timestamp); err != nil {
		return SessionLogin{}, ErrSessionCorrupt
	}
	u := payloadDecoders.Get().(*payloadDecoder)
	defer u.release()
	payload, err := u.decode(value)
	if err != nil {
		return SessionLogin{}, err
	}
	return LoginInJSON(payload)
}

// LoginInJSON reads the login of a session's JSON, as the serializers of Django and of
// django-redis write it. The error is [ErrSessionCorrupt] or [ErrSessionPickled].
func LoginInJSON(payload []byte) (login SessionLogin, err error) {
	if isPickle(payload) {
		return login, ErrSessionPickled
	}
	r := pyReader{in: latin1ToUTF8(payload)}
	err = r.object(func(name []byte) error {
		var field *string
		switch string(name) {
		case sessionUserID:
			field = &login.UserID
		case sessionBackend:
			field = &login.Backend
		case sessionAuthHash:
			field = &login.AuthHash
		default:
			return r.skip()
		}
		if r.peek() == '"' {
			text, err := r.text()
			*field = pyText(string(text))
			return err
		}
		value, err := r.value()
		*field = jsonText(appendPython(nil, value)) // a number
		return err
	})
	if err != nil {
		return SessionLogin{}, ErrSessionCorrupt
	}
	return login, nil
}

// LoginIn reads a session whose values text returns as text, empty where there is none.
func LoginIn(text func(name string) string) SessionLogin {
	return SessionLogin{UserID: text(sessionUserID), Backend: text(sessionBackend), AuthHash: text(sessionAuthHash)}
}
