package server_test

import (
	"fmt"
	"strings"
)

// tokenSequences are TokenAuthentication, the imitated project's own scheme, and
// obtain_auth_token.
func tokenSequences() []sequence {
	var list []sequence
	list = append(list, each("token", tokenRequests("/test_auth/")...)...)
	list = append(list, each("token-view", tokenRequests("/test_auth/token/")[:12]...)...)
	list = append(list, each("custom", customRequests()...)...)
	list = append(list, each("obtain", obtainRequests()...)...)
	return append(list, []sequence{
		{"obtain-again", []request{
			postForm("/api-token-auth/", "username=old&password=old+password"),
			postForm("/api-token-auth/", "username=old&password=old+password"),
			get("/test_auth/", "Authorization: Token {{1.token}}"),
			does("POST", "/test_auth/", "Authorization: Token {{2.token}}"),
		}},
		{"obtain-new", []request{
			postJSON("/api-token-auth/", `{"username":"mail@example.com","password":"mail password"}`),
			get("/test_auth/", "Authorization: Token {{1.token}}"),
			get("/test_auth/custom/", "X-Custom-Auth: {{1.token}}"),
			get("/api/secure-data/", "Authorization: Token {{1.token}}"),
		}},
	}...)
}

func tokenRequests(path string) []request {
	var list []request
	for _, header := range []string{
		"Token {{drf.alice}}", "Token {{drf.carol}}", "Token {{drf.zoe}}", "token {{drf.alice}}", "TOKEN {{drf.alice}}",
		"Token", "Token ", "Token a b", "Token {{drf.alice}} x", "Token x", "Bearer {{drf.alice}}", "",
		"Token   {{drf.alice}}", "Token\t{{drf.alice}}", "  Token {{drf.alice}}", "Token {{drf.dave}}", "Token {{drf.bob}}",
		"Token {{drf.short}}", "Token {{drf.upper}}", "Token {{drf.unicode}}", "Token \xff\xfe", "Token k\xff", "Token ключ х",
		"Tokén {{drf.alice}}", "Token: {{drf.alice}}", "Token={{drf.alice}}", `Token "{{drf.alice}}"`, "Token {{drf.alice}},",
		"{{drf.alice}}", "Basic {{drf.alice}}", "Token " + strings.Repeat("a", 4000), "Token\u00a0{{drf.alice}}", "Token %20",
		"Token {{access.alice}}", "Token abcdef0123456789abcdef0123456789abcdef01",
	} {
		list = append(list, get(path, "Authorization: "+header))
	}
	return append(list,
		get(path),
		does("POST", path),
		does("POST", path, "Authorization: Token {{drf.alice}}"),
		postJSON(path, `{"a":1}`, "Authorization: Token {{drf.alice}}"),
		postJSON(path, `{"a":`, "Authorization: Token {{drf.alice}}"),
		post(path, "application/xml", `<a/>`, "Authorization: Token {{drf.alice}}"),
		post(path, "", `a`, "Authorization: Token {{drf.alice}}"),
		does("HEAD", path, "Authorization: Token {{drf.alice}}"),
		does("HEAD", path),
		does("OPTIONS", path),
		does("OPTIONS", path, "Authorization: Token {{drf.alice}}"),
		does("OPTIONS", path, "Authorization: Token wrong"),
		does("PUT", path, "Authorization: Token {{drf.alice}}"),
		does("PATCH", path, "Authorization: Token {{drf.zoe}}"),
		does("DELETE", path, "Authorization: Token {{drf.alice}}"),
		does("TRACE", path, "Authorization: Token {{drf.alice}}"),
		does("DELETE", path),
		does("PROPFIND", path, "Authorization: Token {{drf.alice}}"),
		does("get", path, "Authorization: Token {{drf.alice}}"),
		get(path, "Authorization: Token {{drf.alice}}", "Authorization: Token {{drf.bob}}"),
		get(path, "authorization: Token {{drf.alice}}"),
		get(path, "AUTHORIZATION:Token {{drf.alice}}"),
		get(path, "X-Authorization: Token {{drf.alice}}"),
		get(path, "Cookie: sessionid={{session.alice}}"),
		get(path+"?token={{drf.alice}}"),
		get(path+"?a=1&b=%ff", "Authorization: Token {{drf.alice}}"),
	)
}

func customRequests() []request {
	const path = "/test_auth/custom/"
	list := []request{
		get(path), does("POST", path), does("OPTIONS", path), does("OPTIONS", path, "X-Custom-Auth: {{drf.alice}}"),
		does("DELETE", path, "X-Custom-Auth: {{drf.alice}}"), does("HEAD", path, "X-Custom-Auth: {{drf.alice}}"),
		does("POST", path, "X-Custom-Auth: {{drf.alice}}"), get(path, "X_Custom_Auth: {{drf.alice}}"),
		get(path, "X-Custom-Auth: {{drf.alice}}", "X-Custom-Auth: {{drf.bob}}"),
		get(path, "Authorization: Token {{drf.alice}}"),
		get(path, "Authorization: Token wrong", "X-Custom-Auth: {{drf.bob}}"),
	}
	for _, value := range []string{
		"{{drf.alice}}", "{{drf.carol}}", "{{drf.zoe}}", "{{drf.dave}}", "nobody", "", " ", "{{drf.short}}", "{{drf.unicode}}",
		"\xff", "Token {{drf.alice}}", "{{drf.alice}} ", "\t{{drf.alice}}\t", "{{drf.upper}}", "alice",
	} {
		list = append(list, get(path, "X-Custom-Auth: "+value))
	}
	return list
}

func obtainRequests() []request {
	const path = "/api-token-auth/"
	var list []request
	for _, body := range []string{
		`{"username":"alice","password":"correct horse"}`, `{"username":" alice ","password":"correct horse"}`,
		`{"username":"alice","password":" correct horse"}`, `{"username":"alice","password":"wrong"}`,
		`{"username":"Alice","password":"correct horse"}`, `{"username":"nobody","password":"x"}`,
		`{"username":"carol","password":"carol's password"}`, `{"username":"dave","password":"x"}`,
		`{"username":"zoë","password":"pässwörd ☃"}`, `{"username":"zoe\u0308","password":"pässwörd ☃"}`,
		`{"username":"zo\u00eb","password":"p\u00e4ssw\u00f6rd \u2603"}`,
		`{"username":"spaces","password":"  spaced out  "}`, `{"username":"spaces","password":"spaced out"}`,
		`{"username":"corrupt","password":"x"}`, `{"username":"unknown","password":"x"}`, `{"username":"empty","password":""}`,
		`{"username":"alice@example.com","password":"correct horse"}`, `{"username":"bob","password":"bob's password"}`,
		`{"username":"old","password":"old password"}`, `{"username":"old","password":"wrong"}`,
		`{}`, `{"username":"alice"}`, `{"password":"correct horse"}`, `{"username":"","password":""}`,
		`{"username":" ","password":" "}`, `{"username":null,"password":null}`, `{"username":true,"password":false}`,
		`{"username":["alice"],"password":["correct horse"]}`, `{"username":{"a":1},"password":{}}`,
		`{"username":1,"password":2}`, `{"username":1.50,"password":1e400}`, `{"username":-0.0,"password":123456789012345678901234567890}`,
		`{"username":"a\u0000b","password":"x"}`, `{"username":"alice","password":"x\u0000"}`,
		`{"username":"\ud800","password":"x"}`, `{"username":"alice","password":"\udfff"}`, `{"username":"\ud83d\ude00","password":"x"}`,
		`{"username":"alice","username":"bob","password":"bob's password"}`, `{"Username":"alice","password":"correct horse"}`,
		`{"username":"alice","password":"correct horse","token":"x","extra":[1,2,{"a":null}]}`,
		`[]`, `[1]`, `"text"`, `""`, `1`, `1.5`, `0`, `true`, `false`, `null`, ``, ` `, `{`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`,
		`{"a":1,}`, `{,}`, `{a:1}`, `{'a':1}`, `[1,]`, `[1 2]`, `{"a" 1}`, `{"a":1 "b":2}`, `{} {}`, `{}x`, `tru`, `nul`, `NaN`, `Infinity`,
		`-Infinity`, `{"a":NaN}`, `-`, `+1`, `01`, `1.`, `.5`, `1e`, `1e5`, `0x10`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"a\tb\"", "\"a\nb\"", `"\`, `"a`,
		"\xef\xbb\xbf{}", "\xff", "{\"username\":\"\xff\"}", "{\"username\":\"\xc3\"}", "{\"username\":\"\xed\xa0\x80\"}", "\xe2\x82", "\xf0\x9f\x98",
		"\xc0\x80", "\xf5\x80\x80\x80", "\x00", "{}\x00", "\v{}", "\u00a0{}", "\r\n\t {}", "// x\n{}",
		`{"username":"` + strings.Repeat("a", 200) + `","password":"` + strings.Repeat("b", 5000) + `"}`,
		`{"username":"` + strings.Repeat("l", 150) + `","password":"long password"}`,
		strings.Repeat("[", 100) + strings.Repeat("]", 100), strings.Repeat("[", 2000), strings.Repeat(`{"a":`, 3000),
		`{"username":` + strings.Repeat("9", 5000) + `}`, `{"username":` + strings.Repeat("9", 4300) + `}`,
		`{"username":"it's <b>&amp;</b> \u2028","password":"\/\b\f"}`,
	} {
		list = append(list, postJSON(path, body))
	}
	for _, body := range []string{
		"username=alice&password=correct+horse", "username=alice&password=correct%20horse", "username=+alice+&password=+correct+horse",
		"username=zo%C3%AB&password=p%C3%A4ssw%C3%B6rd+%E2%98%83", "username=zo%EB&password=x", "username=alice", "password=x", "", "&&&", "=",
		"username=&password=", "username", "username&password", "username=alice&username=bob&password=bob%27s+password",
		"username=alice;password=correct+horse", "username=%00&password=x", "username=%&password=%zz", "username=a%u00e9&password=x",
		"username=spaces&password=++spaced+out++", "USERNAME=alice&PASSWORD=correct+horse", "username=%FF&password=%FE", "username=\xff&password=\xfe",
		"username=zoë&password=pässwörd+☃", "username=alice&password=correct horse",
		"username=" + strings.Repeat("a", 70000) + "&password=x", strings.Repeat("a=1&", 1500), strings.Repeat("a=1&", 999) + "username=x",
		strings.Repeat("a=1&", 1000) + "username=x", strings.Repeat("a=1&", 1001) + "username=x",
	} {
		list = append(list, postForm(path, body))
	}
	list = append(list, contentTypeRequests(path)...)
	list = append(list, multipartRequests(path)...)
	return append(list,
		get(path), does("HEAD", path), does("PUT", path), does("PATCH", path), does("DELETE", path), does("OPTIONS", path), does("TRACE", path),
		does("OPTIONS", path, "Accept: text/html"), get(path, "Accept: application/xml"),
		postJSON(path, alicesLogin, "Accept: text/html"), postJSON(path, alicesLogin, "Accept: application/xml"),
		postJSON(path, alicesLogin, "Accept: application/json; indent=4"),
		postJSON(path, alicesLogin, "Authorization: Token {{drf.bob}}"),
		postJSON(path, alicesLogin, "Authorization: Token wrong"),
		postJSON(path, alicesLogin, "Authorization: Token {{drf.carol}}"),
		postJSON(path, alicesLogin, basic("alice:wrong")),
		postJSON(path, alicesLogin, "Cookie: sessionid={{session.alice}}"),
		postJSON(path+"?format=json", alicesLogin), postJSON(path+"?format=api", alicesLogin), postJSON(path+"?username=alice", `{}`),
	)
}

const alicesLogin = `{"username":"alice","password":"correct horse"}`

// contentTypeRequests log alice in under one media type after the other.
func contentTypeRequests(path string) []request {
	var list []request
	for _, contentType := range []string{
		"application/json", "application/json; charset=utf-8", "application/json; charset=latin-1", "application/json;charset=utf-16",
		"application/json; charset=nonsense", "APPLICATION/JSON", "Application/Json; Charset=UTF-8", " application/json", "application/json;", "application/json; a",
		"application/json; indent=4", "application/*", "*/*", "*", "application/", "/json", "json", "application/json, text/plain", "application/jsonx",
		"application/vnd.api+json", "text/json", "text/plain", "text/html; charset=utf-8", "application/octet-stream", "application/xml", "multipart/form-data",
		"multipart/mixed; boundary=x", "application/x-www-form-urlencoded; charset=utf-8", "application/json\t; charset=utf-8", "application /json", "a/b/c", ";", "application/json;charset=\"utf-8\"",
		"application/json; é", "\xff", "application/json;;charset=x", "application/json; =", "application/x-www-form-urlencoded;charset=latin-1",
		"application/x-www-form-urlencoded;charset=nonsense", `text/plain; q="a;b"`, "multipart/form-data; charset=latin-1; boundary=x",
	} {
		list = append(list, post(path, contentType, alicesLogin))
	}
	return append(list,
		post(path, "", alicesLogin), post(path, "", ""), post(path, "text/plain", ""), post(path, "application/xml", ""), post(path, "multipart/form-data", ""),
		request{method: "POST", target: path, headers: []string{"Content-Type:"}, body: alicesLogin},
		request{method: "POST", target: path, headers: []string{"Content-Type: application/json", "Content-Type: text/plain"}, body: alicesLogin},
		request{raw: "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"},
		request{raw: "POST " + path + " HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\r\n"},
		request{raw: "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" +
			fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(alicesLogin), alicesLogin)},
	)
}

// multipartRequests log alice in with forms that have parts.
func multipartRequests(path string) []request {
	part := func(disposition, value string) string {
		return "--x\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + value + "\r\n"
	}
	good := part(`name="username"`, "alice") + part(`name="password"`, "correct horse")
	var list []request
	for _, body := range []string{
		good + "--x--\r\n", good + "--x--", good, "", "--x--\r\n", "--x", "junk", "preamble\r\n" + good + "--x--\r\nepilogue",
		strings.ReplaceAll(good, "\r\n", "\n") + "--x--\n",
		part(`name=username`, "alice") + part(`name=password`, "correct horse") + "--x--\r\n",
		part(`name="username"; filename="a.txt"`, "alice") + part(`name="password"`, "correct horse") + "--x--\r\n",
		part(`name="username"; filename=""`, "alice") + part(`name="password"`, "correct horse") + "--x--\r\n",
		part(`name="username"`, "zoë") + part(`name="password"`, "pässwörd ☃") + "--x--\r\n",
		part(`name="username"`, "\xff") + part(`name="password"`, "x") + "--x--\r\n",
		part(`name="username"`, "nobody") + good + "--x--\r\n",
		part(`name="username"`, "") + part(`name="password"`, "") + "--x--\r\n",
		part(`name="username"`, " alice ") + part(`name="password"`, "  correct horse") + "--x--\r\n",
		part(`name="user\"name"`, "alice") + "--x--\r\n",
		part(`name*=utf-8''username`, "alice") + part(`name="password"`, "correct horse") + "--x--\r\n",
		"--x\r\n\r\nalice\r\n--x--\r\n",
		"--x\r\nContent-Disposition: attachment; name=\"username\"\r\n\r\nalice\r\n" + part(`name="password"`, "correct horse") + "--x--\r\n",
		"--x\r\ncontent-disposition: form-data; name=\"username\"\r\nContent-Type: text/plain; charset=latin-1\r\n\r\nzo\xeb\r\n" + part(`name="password"`, "pässwörd ☃") + "--x--\r\n",
		"--x\r\nContent-Disposition: form-data; name=\"username\"\r\nContent-Transfer-Encoding: base64\r\n\r\nYWxpY2U=\r\n" + part(`name="password"`, "correct horse") + "--x--\r\n",
		"--x\r\nContent-Disposition: form-data; name=\"username\"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n" + part(`name="password"`, "correct horse") + "--x--\r\n",
		strings.Repeat(part(`name="a"`, "1"), 1001) + "--x--\r\n", strings.Repeat(part(`name="a"`, "1"), 1000) + "--x--\r\n",
		strings.Repeat(part(`name="a"; filename="f"`, "1"), 101) + "--x--\r\n", strings.Repeat(part(`name="a"; filename="f"`, "1"), 100) + "--x--\r\n",
	} {
		list = append(list, post(path, "multipart/form-data; boundary=x", body))
	}
	for _, contentType := range []string{
		"multipart/form-data; boundary=", `multipart/form-data; boundary="x"`, "multipart/form-data; boundary=y", "multipart/form-data;BOUNDARY=x",
		"Multipart/Form-Data; boundary=x", "multipart/form-data; boundary=x; charset=utf-8", "multipart/form-data; boundary=é", "multipart/form-data; boundary=a b",
		"multipart/form-data; boundary=" + strings.Repeat("x", 201), "multipart/form-data; boundary=x; boundary=y", "multipart/form-data ; boundary = x",
	} {
		list = append(list, post(path, contentType, good+"--x--\r\n"))
	}
	return list
}
