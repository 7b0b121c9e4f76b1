package server_test

import "fmt"

// jwtVariants are the names under which world.py has minted a token of each type
// for alice: see there.
var jwtVariants = []string{
	"expired", "unrecorded", "no_user", "no_exp", "no_jti", "no_type", "no_iat", "iat_text", "iat_null", "iat_future", "iat_float",
	"nbf_future", "nbf_past", "nbf_text", "exp_float", "exp_text", "exp_word", "exp_null", "exp_list", "exp_true", "exp_huge", "exp_vast", "exp_negative",
	"type_access", "type_other", "type_null", "type_number", "jti_number", "jti_null", "jti_list", "jti_empty", "jti_text",
	"user_missing", "user_missing_text", "user_text", "user_spaces", "user_word", "user_empty", "user_null", "user_float", "user_half",
	"user_decimal", "user_list", "user_dict", "user_true", "user_false", "user_zero", "user_negative", "user_vast", "user_vast_text",
	"user_underscore", "user_arabic", "user_nul", "claims", "aud", "aud_us", "aud_list", "aud_number", "iss", "iss_us", "sub", "sub_number",
}

// jwtUsers are those who have a token of each type.
var jwtUsers = []string{"alice", "bob", "carol", "zoe", "dave", "gone"}

// rawVariants are JWTs that no library would make, as "raw.access.<name>".
var rawVariants = []string{
	"good", "other_key", "hs512", "hs512_in_name", "none", "lower", "no_alg", "alg_number", "alg_null", "alg_list", "no_typ", "typ_other",
	"kid", "kid_number", "kid_null", "crit", "crit_b64", "b64_false", "jwk", "header_list", "header_text", "header_null", "header_junk",
	"header_latin", "header_spaces", "header_twice", "payload_list", "payload_null", "payload_text", "payload_number", "payload_empty",
	"payload_object", "payload_junk", "payload_latin", "payload_bom", "payload_twice", "payload_nan", "payload_spaces",
	"two_parts", "four_parts", "no_signature", "padded", "junk_after", "junk_inside", "loose_bits", "standard_base64", "upper", "dots", "empty_parts",
}

func jwtSequences() []sequence {
	var list []sequence
	list = append(list, each("jwt", jwtRequests("/test_auth/jwt/")...)...)
	list = append(list, jwtAuthentication("/test_auth/jwt/")...)
	list = append(list, each("pair", credentialRequests("/api/token/")...)...)
	list = append(list, each("sliding-obtain", credentialRequests("/api/token/sliding/")[:12]...)...)
	list = append(list, jwtBodies("/api/token/refresh/", "refresh")...)
	list = append(list, jwtBodies("/api/token/blacklist/", "refresh")...)
	list = append(list, jwtBodies("/api/token/verify/", "token")...)
	list = append(list, jwtBodies("/api/token/sliding/refresh/", "token")...)
	return append(list, jwtStories()...)
}

// jwtRequests are headers whose form is wrong.
func jwtRequests(path string) []request {
	var list []request
	for _, header := range []string{
		"Bearer {{access.alice}}", "bearer {{access.alice}}", "BEARER {{access.alice}}", "Bearer", "Bearer ", "Bearer a b", "Bearer  {{access.alice}}",
		"Bearer\t{{access.alice}}", "Token {{access.alice}}", "JWT {{access.alice}}", "", "{{access.alice}}", "Bearer x", "Bearer é", "Bearer \xff",
		"Bearer {{access.alice}} x", "Bearer, {{access.alice}}", `Bearer "{{access.alice}}"`, "Bearér {{access.alice}}", "Bearer {{access.alice}},",
		"Bearer\u00a0{{access.alice}}", "Bearer ...", "Bearer ..", "Bearer a.b.c", "Bearer .{{access.alice}}", "Bearer {{drf.alice}}",
	} {
		list = append(list, get(path, "Authorization: "+header))
	}
	return append(list,
		get(path), does("POST", path), does("POST", path, "Authorization: Bearer {{access.alice}}"),
		does("OPTIONS", path), does("OPTIONS", path, "Authorization: Bearer {{access.alice}}"), does("HEAD", path, "Authorization: Bearer {{access.alice}}"),
		does("DELETE", path, "Authorization: Bearer {{access.alice}}"), get(path, "X-Access-Token: {{access.alice}}"),
		get(path, "Authorization: Bearer {{access.alice}}", "Authorization: Bearer {{access.bob}}"),
		get(path, "Cookie: access={{access.alice}}"),
	)
}

// jwtAuthentication shows every token there is to one path.
func jwtAuthentication(path string) []sequence {
	var list []sequence
	show := func(name string) {
		list = append(list, one("jwt "+path+" "+name, get(path, "Authorization: Bearer {{"+name+"}}")))
	}
	for _, kind := range []string{"access", "refresh", "sliding"} {
		for _, user := range jwtUsers {
			show(kind + "." + user)
		}
	}
	for _, name := range jwtVariants {
		show("access." + name)
	}
	for _, name := range rawVariants {
		show("raw.access." + name)
	}
	return list
}

// jwtBodies sends every token there is to one of simplejwt's views.
func jwtBodies(path, field string) []sequence {
	var list []sequence
	show := func(name string) {
		list = append(list, one(path+" "+name, postJSON(path, fmt.Sprintf(`{"%s":"{{%s}}"}`, field, name))))
	}
	kind := "refresh"
	if field == "token" && path != "/api/token/verify/" {
		kind = "sliding"
	}
	for _, kind := range []string{"access", "refresh", "sliding"} {
		for _, user := range jwtUsers {
			show(kind + "." + user)
		}
	}
	for _, name := range jwtVariants {
		show(kind + "." + name)
	}
	for _, name := range []string{"refresh.blacklisted", "refresh.blacklisted_expired", "sliding.blacklisted", "access.expired", "refresh.expired", "sliding.expired",
		"sliding.window_over", "sliding.window_missing", "sliding.window_text", "sliding.window_null", "sliding.window_float"} {
		show(name)
	}
	for _, name := range rawVariants {
		show("raw.refresh." + name)
	}
	var odd []request
	for _, body := range []string{
		`{}`, `{"%[1]s":""}`, `{"%[1]s":" "}`, `{"%[1]s":null}`, `{"%[1]s":true}`, `{"%[1]s":1}`, `{"%[1]s":1.5}`, `{"%[1]s":[]}`, `{"%[1]s":{}}`, `{"%[1]s":"a"}`,
		`{"%[1]s":"a.b.c"}`, `{"%[1]s":"é"}`, `{"%[1]s":"\u0000"}`, `{"%[1]s":"\ud800"}`, `{"%[1]s":" {{refresh.alice}} "}`, `{"%[1]s":"{{refresh.alice}}","x":1}`,
		`{"%[1]s":"{{refresh.alice}}\n"}`, `{"%[1]s":"{{sliding.alice}}","%[1]s":"x"}`, `[]`, `"x"`, `null`, ``, `{`, `{"x":"{{refresh.alice}}"}`,
	} {
		if body != "" && len(body) > 5 {
			body = fmt.Sprintf(body, field)
		}
		odd = append(odd, postJSON(path, body))
	}
	odd = append(odd,
		postForm(path, field+"={{refresh.bob}}"), postForm(path, field+"=+{{refresh.bob}}+"), postForm(path, field+"="), postForm(path, ""),
		post(path, "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\""+field+"\"\r\n\r\n{{sliding.bob}}\r\n--x--\r\n"),
		post(path, "text/plain", "{{refresh.bob}}"), post(path, "", ""), post(path, "", "x"),
		get(path), does("HEAD", path), does("PUT", path), does("DELETE", path), does("OPTIONS", path), does("TRACE", path), does("OPTIONS", path, "Accept: text/html"),
		postJSON(path, `{"`+field+`":"{{refresh.bob}}"}`, "Authorization: Bearer wrong"), postJSON(path, `{"`+field+`":"{{refresh.bob}}"}`, "Authorization: Token wrong"),
		postJSON(path, `{"`+field+`":"{{refresh.bob}}"}`, "Cookie: sessionid={{session.alice}}"), postJSON(path, `{}`, "Accept: text/html"),
		postJSON(path, `{}`, "Accept: application/xml"), postJSON(path, `{}`, "Accept: application/json; indent=2"), postJSON(path+"?format=json", `{}`), postJSON(path+"?format=xml", `{}`),
	)
	return append(list, each(path, odd...)...)
}

// credentialRequests are user names and passwords, good and bad.
func credentialRequests(path string) []request {
	var list []request
	for _, body := range []string{
		`{"username":"alice","password":"correct horse"}`, `{"username":"alice","password":" correct horse "}`, `{"username":" alice","password":"correct horse"}`,
		`{"username":"spaces","password":"  spaced out  "}`, `{"username":"carol","password":"carol's password"}`, `{"username":"dave","password":"x"}`,
		`{"username":"zoë","password":"pässwörd ☃"}`, `{"username":"old","password":"old password"}`, `{"username":"alice","password":"wrong"}`, `{}`,
		`{"username":"empty","password":""}`, `{"username":null,"password":null}`, `{"username":"nobody","password":"x"}`, `{"username":"corrupt","password":"x"}`,
		`{"username":"alice"}`, `{"password":"x"}`, `{"username":"","password":" "}`, `{"username":1,"password":1}`, `{"username":true,"password":[]}`,
		`{"username":"a\u0000","password":"x"}`, `{"username":"\ud800","password":"\udc00"}`, `[]`, `{`, ``, `null`, `{"email":"alice@example.com","password":"correct horse"}`,
		`{"username":"bob","password":"bob's password","user":"x"}`, `{"username":"unknown","password":"x"}`,
	} {
		list = append(list, postJSON(path, body))
	}
	list = append(list,
		postForm(path, "username=alice&password=correct+horse"), postForm(path, "username=alice&password=++correct+horse"), postForm(path, "username=&password="), postForm(path, ""),
		post(path, "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nalice\r\n--x--\r\n"),
		post(path, "text/plain", "x"), post(path, "", ""),
		get(path), does("HEAD", path), does("OPTIONS", path), does("PATCH", path), postJSON(path, alicesLogin, "Accept: text/html"), postJSON(path, alicesLogin, "Accept: text/csv"),
		postJSON(path, alicesLogin, "Authorization: Bearer {{access.bob}}"), postJSON(path, alicesLogin, basic("alice:wrong")), postJSON(path, alicesLogin, "Cookie: sessionid={{session.bob}}"),
	)
	return list
}

// jwtStories use what was obtained.
func jwtStories() []sequence {
	refresh := func(token string) request { return postJSON("/api/token/refresh/", `{"refresh":"`+token+`"}`) }
	verify := func(token string) request { return postJSON("/api/token/verify/", `{"token":"`+token+`"}`) }
	blacklist := func(token string) request { return postJSON("/api/token/blacklist/", `{"refresh":"`+token+`"}`) }
	slide := func(token string) request { return postJSON("/api/token/sliding/refresh/", `{"token":"`+token+`"}`) }
	bearer := func(token string) request { return get("/test_auth/jwt/", "Authorization: Bearer "+token) }
	return []sequence{
		{"pair-life", []request{
			postJSON("/api/token/", alicesLogin), bearer("{{1.access}}"), bearer("{{1.refresh}}"), refresh("{{1.refresh}}"), bearer("{{4.access}}"),
			refresh("{{1.access}}"), verify("{{1.access}}"), verify("{{1.refresh}}"), verify("{{4.access}}"), blacklist("{{1.access}}"), blacklist("{{1.refresh}}"),
			blacklist("{{1.refresh}}"), refresh("{{1.refresh}}"), verify("{{1.refresh}}"), bearer("{{1.access}}"), bearer("{{4.access}}"),
		}},
		{"sliding-life", []request{
			postJSON("/api/token/sliding/", alicesLogin), bearer("{{1.token}}"), slide("{{1.token}}"), slide("{{3.token}}"), verify("{{1.token}}"), verify("{{4.token}}"),
			refresh("{{1.token}}"), blacklist("{{1.token}}"), slide("{{1.token}}"),
		}},
		{"unrecorded-blacklisted", []request{
			refresh("{{refresh.unrecorded}}"), refresh("{{refresh.unrecorded}}"), blacklist("{{refresh.unrecorded}}"), refresh("{{refresh.unrecorded}}"), verify("{{refresh.unrecorded}}"),
		}},
		{"stored-refresh", []request{refresh("{{refresh.alice}}"), refresh("{{refresh.alice}}"), bearer("{{1.access}}"), blacklist("{{refresh.alice}}"), refresh("{{refresh.alice}}")}},
		{"claims-copied", []request{refresh("{{refresh.claims}}"), bearer("{{1.access}}"), slide("{{sliding.claims}}")}},
		{"user-as-text", []request{refresh("{{refresh.user_text}}"), bearer("{{1.access}}"), blacklist("{{refresh.user_text}}")}},
		{"unicode-user", []request{postJSON("/api/token/", `{"username":"zoë","password":"pässwörd ☃"}`), bearer("{{1.access}}"), get("/api/secure-data/", "Authorization: Bearer {{1.access}}")}},
		{"rehash", []request{postJSON("/api/token/", `{"username":"old","password":"old password"}`), postJSON("/api/token/", `{"username":"old","password":"old password"}`), bearer("{{1.access}}")}},
	}
}
