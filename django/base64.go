package django

import "encoding/base64"

// DecodeBase64 decodes like base64.b64decode of Python 3.11 (Modules/binascii.c): it skips
// characters outside the alphabet, stops at padding that completes a group, and drops
// surplus bits. ok is false where Python raises binascii.Error.
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
