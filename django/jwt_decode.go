package django

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"tokenctl"
)

// maxJWT bounds a token's text, in bytes. Django has no bound of its own; web servers accept headers
// of at most 8 or 16 KiB.
const maxJWT = 64 << 10

// JWT is a token that was read. Its claims are to be trusted if it comes from [JWTBackend.Decode], and
// not if it comes from [DecodeUnverified].
type JWT struct {
	Header JWTClaims
	Claims JWTClaims

	Type   string // token_type; empty where it is missing or no string
	JTI    string
	UserID string // a number as its digits; empty where it is missing, null or a structure

	// The zero time means that the claim is missing or not a time.
	Expires, IssuedAt, RefreshExpires time.Time
}

// DecodeUnverified reads a token without checking its signature. The text must have exactly three
// parts in base64url, padded or not; PyJWT 2.15.1 is as strict. The error is a [*JWTError] with the
// reason [JWTMalformed].
func DecodeUnverified(s tokenctl.JWTSettings, text string) (*JWT, error) {
	if len(text) > maxJWT || bytes.Count([]byte(text), []byte(".")) != 2 {
		return nil, &JWTError{Reason: JWTMalformed}
	}
	t, err := loadJWT([]byte(text), "")
	if err == nil {
		err = readPayload(s, t)
	}
	if err != nil {
		return nil, &JWTError{Reason: JWTMalformed}
	}
	return &t.JWT, nil
}

// loadedJWT is a token whose parts are decoded and whose claims are not parsed yet.
type loadedJWT struct {
	JWT
	signed, payload, signature []byte
}

// loadJWT is PyJWS._load: jwt/api_jws.py (2.15.1). The header ends at the first point, and the
// signature begins after the last one.
func loadJWT(text []byte, pyjwt tokenctl.Version) (*loadedJWT, error) {
	last := bytes.LastIndexByte(text, '.')
	first := bytes.IndexByte(text, '.')
	if last < 0 || first == last {
		return nil, errPySyntax
	}
	t := &loadedJWT{signed: text[:last]}
	header, err := appendSegment(nil, text[:first], pyjwt)
	if err != nil {
		return nil, err
	}
	if t.Header, err = pyObject(header); err != nil {
		return nil, err
	}
	if t.payload, err = appendSegment(nil, text[first+1:last], pyjwt); err != nil {
		return nil, err
	}
	if t.signature, err = appendSegment(nil, text[last+1:], pyjwt); err != nil {
		return nil, err
	}
	return t, nil
}

// readPayload fills in the claims.
func readPayload(s tokenctl.JWTSettings, t *loadedJWT) error {
	claims, err := pyObject(t.payload)
	if err != nil {
		return err
	}
	header := t.Header
	t.JWT = DescribeJWT(s, claims)
	t.Header = header
	return nil
}

// DescribeJWT returns the token that has these claims, without a header.
func DescribeJWT(s tokenctl.JWTSettings, claims JWTClaims) JWT {
	t, names := JWT{Claims: claims}, s.ClaimNames()
	t.Type, _ = claims.Text(names.Type)
	if jti := claims.Get(names.JTI); jti != nil && string(jti) != "null" {
		t.JTI = ClaimText(jti) // as CharField.get_prep_value does
	}
	t.UserID = scalarText(claims.Get(names.User))
	t.Expires = claimTime(claims.Get("exp"))
	t.IssuedAt = claimTime(claims.Get("iat"))
	t.RefreshExpires = claimTime(claims.Get(names.Refresh))
	return t
}

// scalarText returns the text of a value that the ORM compares with a key. A number loses its fraction,
// as in IntegerField.get_prep_value.
func scalarText(value json.RawMessage) string {
	if len(value) == 0 {
		return ""
	}
	switch value[0] {
	case '"':
		return pyUnquote(string(value))
	case 'n', '[', '{':
		return ""
	case 't':
		return "1"
	case 'f':
		return "0"
	}
	if pyIsInt(value) {
		return string(value)
	}
	if f := pyFloat(value); math.Abs(f) < float64(pyIntLimit) {
		return strconv.FormatInt(int64(f), 10)
	}
	return string(value)
}

// The times that Python's datetime can hold.
var (
	minPyTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	maxPyTime = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

var errNoTime = errors.New("not a time")

// claimTime reads a number of seconds. The result is the zero time if the value is no number.
func claimTime(value json.RawMessage) time.Time {
	t, err := fromTimestamp(value)
	if err != nil {
		return time.Time{}
	}
	return t
}

// fromTimestamp is datetime.fromtimestamp, which rounds to microseconds.
func fromTimestamp(value json.RawMessage) (time.Time, error) {
	if len(value) == 0 || bytes.IndexByte([]byte(`n"[{`), value[0]) >= 0 {
		return time.Time{}, errNoTime
	}
	whole, err := pyInt(value)
	if err != nil || whole < minPyTime.Unix() || whole > maxPyTime.Unix() {
		return time.Time{}, errNoTime
	}
	t := time.Unix(whole, 0).UTC()
	if c := value[0]; c != 't' && c != 'f' && !pyIsInt(value) {
		_, fraction := math.Modf(pyFloat(value))
		t = t.Add(time.Duration(math.RoundToEven(fraction*1e6)) * time.Microsecond)
	}
	if t.Before(minPyTime) || t.After(maxPyTime) {
		return time.Time{}, errNoTime
	}
	return t, nil
}

// strictSegments is the release of PyJWT that refuses characters which Python's base64 skips
// (_decode_base64url_segment): 2.12.1 does not, 2.15.1 does.
const strictSegments = tokenctl.Version("2.14")

// decodeLenient is base64url_decode of PyJWT's utils.py before it became strict (2.6.0, 2.10.1). It
// calls base64.urlsafe_b64decode, which accepts both alphabets. Without it verify would refuse tokens
// that an older application accepts.
func decodeLenient(segment []byte) ([]byte, error) {
	text := strings.NewReplacer("-", "+", "_", "/").Replace(string(segment))
	if rest := len(text) % 4; rest > 0 {
		text += "==="[:4-rest]
	}
	decoded, ok := DecodeBase64([]byte(text))
	if !ok {
		return nil, errPySyntax
	}
	return decoded, nil
}

// appendSegment decodes a part of a token.
func appendSegment(dst, segment []byte, pyjwt tokenctl.Version) ([]byte, error) {
	if !pyjwt.AtLeast(strictSegments) {
		return decodeLenient(segment)
	}
	stripped := bytes.TrimRight(segment, "=")
	if padding := len(segment) - len(stripped); padding > 2 || padding > 0 && len(segment)%4 != 0 {
		return nil, errPySyntax
	}
	// Go's decoder skips line ends.
	if bytes.IndexByte(stripped, '\r') >= 0 || bytes.IndexByte(stripped, '\n') >= 0 {
		return nil, errPySyntax
	}
	return strictBase64.AppendDecode(dst, stripped)
}

// strictBase64 refuses surplus bits that are not zero.
var strictBase64 = base64.RawURLEncoding.Strict()
