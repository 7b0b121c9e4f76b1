package django

import "encoding/base64"

// DecodeBase64 is base64.b64decode of Python 3.11: characters that are none of
// base64 are passed over, padding that completes a group ends the text, and bits that
// are left over are dropped (Modules/binascii.c). ok is false where it raises
// binascii.Error.
func DecodeBase64(text []byte) (decoded []byte, ok bool) {
	letters := make([]byte, 0, len(text))
	pads := 0
	for _, c := range text {
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '+', c == '/':
			pads = 0
			letters = append(letters, c)
		case c == '=' && len(letters)%4 >= 2:
			pads++
		}
		if ok = pads > 0 && (len(letters)+pads)%4 == 0; ok {
			break
		}
	}
	decoded, err := base64.RawStdEncoding.AppendDecode(nil, letters)
	return decoded, err == nil && (ok || len(letters)%4 == 0)
}
