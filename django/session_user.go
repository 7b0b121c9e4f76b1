package django

import "strings"

// SessionUserID reads only the _auth_user_id of a session_data, "" when nobody is logged in, and stops
// where it found it: a list of a million rows needs no more. Its errors are those of [DecodeSession],
// but what stands behind the user's key is not looked at.
func SessionUserID(data string) (string, error) {
	value, _, ok := splitSigned(data)
	if !ok {
		_, payload, err := splitLegacy(data)
		if err != nil {
			return "", err
		}
		return userIDIn(payload)
	}
	u := unpackers.Get().(*unpacker)
	defer u.release()
	var id string
	var bad error
	err := u.unpack(value, func(payload []byte, complete bool) bool {
		id, bad = userIDIn(payload)
		return complete || id != "" || bad == ErrSessionPickled
	})
	if err := sessionError(err, bad); err != nil {
		return "", err
	}
	return id, nil
}

// userIDIn looks into a payload, or into the start of one, which is then ErrSessionCorrupt unless the
// user's key is in it.
func userIDIn(payload []byte) (id string, err error) {
	if isPickle(payload) {
		return "", ErrSessionPickled
	}
	scan := jsonScanner{data: payload}
	found := false
	ok := scan.object(func(name, value []byte) bool {
		if string(name) == sessionUserID {
			id, found = scannedText(value), true
		}
		return found
	})
	if !ok {
		return "", ErrSessionCorrupt
	}
	if !found {
		if scan.space(); scan.pos < len(payload) {
			return "", ErrSessionCorrupt
		}
	}
	return id, nil
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
