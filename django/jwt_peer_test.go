package django_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/django"
	"tokenctl/django/djangotest"
)

// signHS256 makes a token of any header and payload.
func signHS256(t testing.TB, header, payload string) string {
	t.Helper()
	signed := jwtSegment(header) + "." + jwtSegment(payload)
	return signed + "." + hs256(t, signed)
}

func jwtSegment(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func hs256(t testing.TB, signed string) string {
	t.Helper()
	signature, err := jwt.SigningMethodHS256.Sign(signed, []byte(djangotest.SecretKey))
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(signature)
}

// oddToken is one that simplejwt and tokenctl are both asked about.
type oddToken struct {
	Name     string  `json:"name"`
	Token    string  `json:"token"`
	Type     string  `json:"type"`
	Audience any     `json:"audience"`
	Issuer   *string `json:"issuer"`
	Leeway   int     `json:"leeway"`
}

const hsHeader = `{"alg":"HS256","typ":"JWT"}`

// oddTokens is the table. In payloads, EXP is a time to come and PAST one gone by.
func oddTokens(t testing.TB) []oddToken {
	now := time.Now().Unix()
	fill := strings.NewReplacer("EXP", fmt.Sprint(now+1000), "PAST", fmt.Sprint(now-1000), "SOON", fmt.Sprint(now+100)).Replace
	var cases []oddToken
	add := func(name, token string, more ...func(*oddToken)) {
		c := oddToken{Name: name, Token: token, Type: "access"}
		for _, f := range more {
			f(&c)
		}
		cases = append(cases, c)
	}
	claims := func(name, payload string, more ...func(*oddToken)) {
		add(name, signHS256(t, hsHeader, fill(payload)), more...)
	}
	header := func(name, h string) {
		add("header "+name, signHS256(t, h, fill(`{"token_type":"access","exp":EXP,"jti":"x"}`)))
	}
	as := func(typ string) func(*oddToken) { return func(c *oddToken) { c.Type = typ } }
	leeway := func(c *oddToken) { c.Leeway = 2000 }
	aud := func(a any) func(*oddToken) { return func(c *oddToken) { c.Audience = a } }
	iss := func(i string) func(*oddToken) { return func(c *oddToken) { c.Issuer = &i } }

	// One claim at a time, the others as they should be.
	for _, exp := range []string{"EXP", "PAST", `"EXP"`, `"PAST"`, `" EXP "`, `"1_0"`, `"soon"`, `""`, "EXP.5", "PAST.5", "null", "true",
		"false", "[]", "{}", "[EXP]", `"\u0665\ud835\udfd9"`, `"\u00a09_999_999_999\u2028"`, `"1__0"`, `"_1"`, "NaN", "Infinity", "-Infinity", "1e400", "9999999999", "253402300799", "253402300800", "1e15", "99999999999999999999999999", "-5", "2e9", "-0"} {
		claims("exp "+exp, `{"token_type":"access","exp":`+exp+`,"jti":"x"}`)
	}
	for _, iat := range []string{"SOON", "SOON.5", "PAST", "PAST.5", `"PAST"`, `"SOON"`, `"x"`, "null", "[]", "true", "NaN", "1e400", "-1e400"} {
		claims("iat "+iat, `{"token_type":"access","exp":EXP,"jti":"x","iat":`+iat+`}`)
	}
	for _, nbf := range []string{"SOON", "PAST", `"PAST"`, `"SOON"`, `"x"`, "null", "1e400", "PAST.9"} {
		claims("nbf "+nbf, `{"token_type":"access","exp":EXP,"jti":"x","nbf":`+nbf+`}`)
	}
	for _, sub := range []string{`"1"`, "1", "null"} {
		claims("sub "+sub, `{"token_type":"access","exp":EXP,"jti":"x","sub":`+sub+`}`)
	}
	for _, jti := range []string{"1", "null", `""`, "[]"} {
		claims("jti "+jti, `{"token_type":"access","exp":EXP,"jti":`+jti+`}`)
	}
	for _, typ := range []string{`"refresh"`, "null", "1", `"Access"`, `"acc\u0065ss"`} {
		claims("type "+typ, `{"token_type":`+typ+`,"exp":EXP,"jti":"x"}`)
	}
	for _, a := range []string{`"me"`, `"you"`, `["you","me"]`, `["me",1]`, `[]`, `""`, "null", "1", `{"me":1}`, `[NaN,"me"]`} {
		payload := `{"token_type":"access","exp":EXP,"jti":"x","aud":` + a + `}`
		claims("aud "+a+" without AUDIENCE", payload)
		claims("aud "+a+" for me", payload, aud("me"))
		claims("aud "+a+" for a list", payload, aud([]string{"me", "them"}))
	}
	for _, i := range []string{`"me"`, `"you"`, `["me"]`, "null"} {
		claims("iss "+i, `{"token_type":"access","exp":EXP,"jti":"x","iss":`+i+`}`, iss("me"))
	}
	claims("no iss", `{"token_type":"access","exp":EXP,"jti":"x"}`, iss("me"))
	claims("no aud", `{"token_type":"access","exp":EXP,"jti":"x"}`, aud("me"))

	claims("nothing", `{}`)
	claims("no exp", `{"token_type":"access","jti":"x"}`)
	claims("no jti", `{"token_type":"access","exp":EXP}`)
	claims("no jti, refresh", `{"token_type":"refresh","exp":EXP}`, as("refresh"))
	claims("no jti, no exp, refresh", `{"token_type":"refresh"}`, as("refresh"))
	claims("no type", `{"exp":EXP,"jti":"x"}`)
	claims("no type, untyped", `{"exp":EXP,"jti":"x"}`, as(""))
	claims("any type, untyped", `{"token_type":7,"exp":EXP,"jti":"x"}`, as(""))
	claims("expired and wrong type", `{"token_type":"refresh","exp":PAST}`)
	claims("expired within leeway", `{"token_type":"access","exp":PAST,"jti":"x"}`, leeway)
	claims("issued later within leeway", `{"token_type":"access","exp":EXP,"jti":"x","iat":SOON,"nbf":SOON}`, leeway)
	claims("sliding", `{"token_type":"sliding","exp":EXP,"jti":"x","refresh_exp":EXP}`, as("sliding"))

	claims("duplicates", `{"token_type":"refresh","exp":EXP,"a":1,"jti":"x","token_type":"access","a":2}`)
	claims("values", `{"token_type":"access","exp":EXP,"jti":"x","f":[1e5,1.10,-0,-0.0,1e16,123456789012345680000.0,1e-5,0.0001,1E400,5e-324,12345678901234567890,1.7976931348623157e308,100000000000000.5]}`)
	claims("text", `{"token_type":"access","exp":EXP,"jti":"x","s":"ä\/<>&\u007f😀\ud83d\ude00\ud800\udc00x\ud800 \b\f\n\r\t\"\\\u2028`+"\x7f"+`"}`)
	claims("nested", `{"token_type":"access","exp":EXP,"jti":"x","o":{"b":[{},[],{"z":null,"z":true}],"a":{"":""}} }`+"\r\n\t ")
	claims("surrogate bytes", "{\"token_type\":\"access\",\"exp\":EXP,\"jti\":\"x\",\"s\":\"\xed\xa0\x80\"}")
	claims("byte order mark", "\ufeff{\"token_type\":\"access\",\"exp\":EXP,\"jti\":\"x\"}")
	claims("invalid UTF-8", "{\"token_type\":\"access\",\"exp\":EXP,\"jti\":\"x\",\"s\":\"\xff\"}")
	claims("control character", "{\"token_type\":\"access\",\"exp\":EXP,\"jti\":\"x\",\"s\":\"\x01\"}")
	for name, value := range map[string]string{"leading zero": "01", "no fraction": "1.", "no integer": ".5", "plus": "+1", "minus": "-",
		"hex": "0x1", "word": "nul", "escape": `"\x"`, "short escape": `"\u12"`, "comma": "[1,]", "single quotes": "'a'", "long integer": strings.Repeat("1", 5000),
		"deep": strings.Repeat("[", 500) + strings.Repeat("]", 500), "too deep": strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "comment": "1/**/"} {
		claims("JSON "+name, `{"token_type":"access","exp":EXP,"jti":"x","v":`+value+`}`)
	}
	claims("JSON twice", `{"token_type":"access","exp":EXP,"jti":"x"}{}`)
	claims("JSON list", `[]`)
	claims("JSON text", `"x"`)
	claims("JSON empty", ``)

	header("order", `{"typ":"JWT","alg":"HS256"}`)
	header("more", `{"alg":"HS256","typ":"JWT","x":[1]}`)
	header("no typ", `{"alg":"HS256"}`)
	header("no alg", `{"typ":"JWT"}`)
	header("none", `{"alg":"none","typ":"JWT"}`)
	header("HS512", `{"alg":"HS512","typ":"JWT"}`)
	header("lower case", `{"alg":"hs256","typ":"JWT"}`)
	header("alg list", `{"alg":["HS256"],"typ":"JWT"}`)
	header("alg null", `{"alg":null}`)
	header("alg twice", `{"alg":"none","alg":"HS256"}`)
	header("kid", `{"alg":"HS256","kid":"1"}`)
	header("kid number", `{"alg":"HS256","kid":1}`)
	header("crit", `{"alg":"HS256","crit":["exp"],"exp":1}`)
	header("crit empty", `{"alg":"HS256","crit":[]}`)
	header("crit b64", `{"alg":"HS256","crit":["b64"],"b64":true}`)
	header("crit b64 missing", `{"alg":"HS256","crit":["b64"]}`)
	header("b64 false", `{"alg":"HS256","crit":["b64"],"b64":false}`)
	header("list", `[]`)
	header("empty", ``)

	good := signHS256(t, hsHeader, fill(`{"token_type":"access","exp":EXP,"jti":"x"}`))
	parts := strings.Split(good, ".")
	last := parts[2]
	for name, token := range map[string]string{
		"good": good, "empty": "", "no point": "abc", "points": "..", "two parts": parts[0] + "." + parts[1], "four parts": good + ".x",
		"padding": good + "=", "more padding": good + "==", "too much padding": good + "====", "wrong signature": good[:len(good)-3] + "AAA",
		"last bits": good[:len(good)-1] + string(nextBase64(good[len(good)-1])), "space": good + " ", "line end": good + "\n", "junk in signature": parts[0] + "." + parts[1] + "." + last[:5] + "!" + last[5:],
		"four characters of junk in signature": parts[0] + "." + parts[1] + "." + last[:5] + "!\"§" + last[5:], "standard alphabet": parts[0] + "." + parts[1] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(last),
		"text after padding": good + "=x", "letter more": good + "A", "empty signature": parts[0] + "." + parts[1] + ".", "no header": "." + parts[1] + "." + last, "not ASCII": good + "ä",
	} {
		add("form: "+name, token)
	}
	// Whoever has the key can sign odd spellings too.
	for name, signed := range map[string]string{
		"padded header": parts[0] + "=." + parts[1], "junk in payload": parts[0] + "." + parts[1][:3] + "!" + parts[1][3:], "four points in payload": parts[0] + "." + parts[1][:3] + "...." + parts[1][3:], "point in payload": parts[0] + "." + parts[1][:3] + "." + parts[1][3:],
		"padded payload": parts[0] + "." + parts[1] + strings.Repeat("=", (4-len(parts[1])%4)%4),
	} {
		add("signed form: "+name, signed+"."+hs256(t, signed))
	}
	return cases
}

// nextBase64 returns another last letter of the same decoded bytes.
func nextBase64(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^1]
}

func TestJWTOddTokens(t *testing.T) {
	t.Parallel()
	cases := oddTokens(t)
	djangotest.Each(t, func(t *testing.T, p djangotest.Peer) {
		t.Parallel()
		pr, _ := dbtest.Migrated(t, p, "sqlite", djangotest.Options{})
		var theirs [][2]string
		pr.Eval(`
import warnings
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenError
warnings.simplefilter("ignore")
classes = {"access": tokens.AccessToken, "refresh": tokens.RefreshToken, "sliding": tokens.SlidingToken, "": tokens.UntypedToken}
result = []
for c in cases:
    tokens.Token._token_backend = TokenBackend("HS256", settings.SECRET_KEY, "", c["audience"], c["issuer"], None, c["leeway"])
    try:
        token = classes[c["type"]](c["token"])
    except TokenError as e:
        result.append([str(e), ""])
        continue
    except Exception as e:
        result.append(["500", ""])
        continue
    try:
        result.append(["ok", str(token)])
    except Exception as e:
        result.append(["ok", ""])
`, &theirs, djangotest.Vars{"cases": cases})
		if len(theirs) != len(cases) {
			t.Fatalf("%d answers to %d questions", len(theirs), len(cases))
		}
		for i, c := range cases {
			verdict, again := ourVerdict(t, p, c)
			if verdict != theirs[i][0] {
				t.Errorf("%s: %q, simplejwt %s with PyJWT %s says %q", c.Name, verdict, p.SimpleJWT, p.PyJWT, theirs[i][0])
			}
			if again != theirs[i][1] {
				t.Errorf("%s: encoded again %q, simplejwt %q", c.Name, again, theirs[i][1])
			}
		}
	})
}

// ourVerdict returns what simplejwt would say by our account, and the token as
// encoded again.
func ourVerdict(t *testing.T, p djangotest.Peer, c oddToken) (verdict, again string) {
	t.Helper()
	s := tokenctl.JWTSettings{Audience: c.Audience, Leeway: &tokenctl.Seconds{Duration: time.Duration(c.Leeway) * time.Second}}
	if c.Issuer != nil {
		s.Issuer = *c.Issuer
	}
	b := newBackend(t, s, nil, p)
	token, err := b.Verify(tokenctl.NewSecret(c.Token), django.JWTCheck{Now: time.Now(), Type: c.Type,
		Blacklisted: func(string) (bool, error) { return false, nil }})
	if err != nil {
		message := err.(*django.JWTError).Message(tokenctl.Version(p.SimpleJWT))
		if message == "" {
			message = "500"
		}
		return message, ""
	}
	if secret, err := b.Encode(token.Claims); err == nil {
		again = secret.Reveal()
	}
	return "ok", again
}

func newBackend(t testing.TB, s tokenctl.JWTSettings, signing []byte, p djangotest.Peer) *django.JWTBackend {
	t.Helper()
	keys, err := django.NewJWTKeys(s, signing, nil, tokenctl.NewSecret(djangotest.SecretKey))
	if err != nil {
		t.Fatal(err)
	}
	b, err := django.NewJWTBackend(s, keys, tokenctl.Version(p.SimpleJWT), tokenctl.Version(p.PyJWT))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
