package django

// decodeLenient is base64url_decode of PyJWT's utils.py before it became strict
// (2.6.0, 2.10.1): base64.urlsafe_b64decode, which is CPython's
// binascii.a2b_base64 (3.11) without its strict mode. That skips what is not of
// the alphabet, where "+" and "/" are, does not mind bits that are left over, and
// stops at a complete padding.
//
// It is here so that verify says of a token what the application would.
func decodeLenient(segment []byte) ([]byte, error) {
	padded := segment
	if rest := len(segment) % 4; rest > 0 {
		padded = append(append([]byte(nil), segment...), "==="[:4-rest]...)
	}
	out := make([]byte, 0, len(segment)*3/4)
	var left byte
	position, pads := 0, 0
	for _, c := range padded {
		if c == '=' {
			if position >= 2 {
				if pads++; position+pads >= 4 {
					return out, nil
				}
			}
			continue
		}
		v, ok := base64Value(c)
		if !ok {
			continue
		}
		pads = 0
		switch position {
		case 1:
			out = append(out, left<<2|v>>4)
		case 2:
			out = append(out, left<<4|v>>2)
		case 3:
			out = append(out, left<<6|v)
		}
		left = v
		position = (position + 1) % 4
	}
	if position != 0 {
		return nil, errPySyntax
	}
	return out, nil
}

func base64Value(c byte) (byte, bool) {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A', true
	case 'a' <= c && c <= 'z':
		return c - 'a' + 26, true
	case '0' <= c && c <= '9':
		return c - '0' + 52, true
	case c == '-' || c == '+':
		return 62, true
	case c == '_' || c == '/':
		return 63, true
	}
	return 0, false
}
