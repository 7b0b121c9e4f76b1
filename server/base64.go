package server

import "encoding/base64"

// lenientBase64 is base64.b64decode of Python 3.11: characters that are none of
// base64 are passed over, and padding that completes a group ends the text
// (Modules/binascii.c). ok is false where it raises binascii.Error.
func lenientBase64(text []byte) (decoded []byte, ok bool) {
	quad := make([]byte, 0, len(text))
	pads := 0
	for _, c := range text {
		if c == '=' {
			// A group of two or three characters is complete with its padding.
			if n := len(quad) % 4; n >= 2 {
				if pads++; n+pads >= 4 {
					return decodeGroups(quad), true
				}
			}
			continue
		}
		if 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/' {
			pads = 0
			quad = append(quad, c)
		}
	}
	return decodeGroups(quad), len(quad)%4 == 0
}

// decodeGroups decodes characters of base64 without their padding; bits that are
// left over are dropped.
func decodeGroups(quad []byte) []byte {
	if len(quad)%4 == 1 {
		return nil
	}
	decoded := make([]byte, base64.RawStdEncoding.DecodedLen(len(quad)))
	n, err := base64.RawStdEncoding.Decode(decoded, quad)
	if err != nil {
		return nil
	}
	return decoded[:n]
}
