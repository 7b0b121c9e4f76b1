package server_test

// sessionSequences are BasicAuthentication, SessionAuthentication with CSRF, and
// the view that takes everything.
func sessionSequences() []sequence {
	var list []sequence
	list = append(list, each("basic", basicRequests("/test_auth/basic/")...)...)
	list = append(list, each("session", sessionRequests("/test_auth/session/")...)...)
	list = append(list, each("csrf", csrfRequests("/test_auth/session/")...)...)
	list = append(list, each("secure", secureRequests()...)...)
	list = append(list, []sequence{
		{"session-killed", []request{
			get("/test_auth/session/", "Cookie: sessionid={{session.wrong_hash}}"), get("/test_auth/session/", "Cookie: sessionid={{session.wrong_hash}}"),
		}},
		{"session-outdated", []request{
			postJSON("/api-token-auth/", `{"username":"old","password":"old password"}`), get("/test_auth/session/", "Cookie: sessionid={{session.alice}}"),
		}},
		{"basic-rehash", []request{get("/test_auth/basic/", basic("old:old password")), get("/test_auth/basic/", basic("old:old password"))}},
	}...)
	return list
}

func basicRequests(path string) []request {
	var list []request
	for _, credentials := range []string{
		"alice:correct horse", "alice:wrong", "alice", "alice:", ":", "", ":correct horse", "nobody:x", "carol:carol's password", "dave:x", "zoë:pässwörd ☃",
		"zo\xeb:x", "spaces:  spaced out  ", "spaces:spaced out", " alice:correct horse", "alice:correct horse ", "Alice:correct horse", "corrupt:x", "unknown:x",
		"empty:", "alice\x00:x", "alice:x\x00", "alice:a:b", "old:old password", "bob:bob's password", "\xff\xfe:\xff", "mail@example.com:mail password", "alice@example.com:correct horse",
		"alice:correct horse\n", "twin1:twin's password",
	} {
		list = append(list, get(path, basic(credentials)))
	}
	good := "YWxpY2U6Y29ycmVjdCBob3JzZQ=="
	for _, header := range []string{
		"Basic", "Basic ", "Basic a b", "basic " + good, "BASIC " + good, "Basic   " + good, "Basic\t" + good, "Basic " + good[:26], "Basic " + good[:27], "Basic " + good + "=",
		"Basic " + good[:5] + "!" + good[5:], "Basic ====", "Basic é", "Basic \xff", "Basic alice:correct horse", "Basic *" + good, "Basic Y", "Basic YW", "Basic YWx", "Basic YWxp", "Basic =" + good,
		"Basic " + good + good, "Basic YWxpY2U6Y29ycmVjdCBob3JzZQ==YWxp", "Basic YWxpY2U6Y29ycmVjdCBob3JzZQ=", "Digest " + good, "Token {{drf.alice}}", "Basic:" + good, "Basic " + good + ",x",
		"Basic YWxpY2U6Y29yc-_=", "Bäsic " + good, "",
	} {
		list = append(list, get(path, "Authorization: "+header))
	}
	return append(list,
		get(path), does("POST", path), does("POST", path, basic("alice:correct horse")), postJSON(path, `{"a":`, basic("alice:correct horse")), does("OPTIONS", path),
		does("OPTIONS", path, basic("alice:correct horse")), does("HEAD", path, basic("alice:correct horse")), does("DELETE", path, basic("bob:bob's password")),
		get(path, "Cookie: sessionid={{session.alice}}"), get(path, basic("alice:correct horse"), "Cookie: sessionid={{session.bob}}"),
	)
}

func sessionRequests(path string) []request {
	var list []request
	for _, name := range []string{"alice", "bob", "carol", "zoe", "dave", "expired", "anonymous", "empty", "wrong_hash", "no_hash", "short_hash", "other_backend", "no_backend",
		"gone", "user_word", "big", "corrupt", "unsigned", "unknown"} {
		list = append(list, get(path, "Cookie: sessionid={{session."+name+"}}"), does("POST", path, "Cookie: sessionid={{session."+name+"}}"))
	}
	for _, cookie := range []string{
		"", "sessionid", "sessionid=", "sessionid=x", "sessionid=;", "sessionid={{session.alice}}; sessionid={{session.bob}}", "a=b; sessionid={{session.alice}}; c=d",
		`sessionid="{{session.alice}}"`, "sessionid = {{session.alice}}", "SESSIONID={{session.alice}}", "sessionid={{session.alice}};", "sessionid={{session.alice}} ; x",
		"sessionid={{session.alice}},x=y", "x;sessionid={{session.alice}}", "=sessionid; sessionid={{session.alice}}", "sessionid=short", "sessionid=../../etc/passwd",
		"sessionid=\xff", "sessionid=é", "sessionid=%00", `sessionid="\141lice"`, "sessionid={{session.alice}}\tx", `x="a;sessionid={{session.bob}}"; sessionid={{session.alice}}`,
		"sessionid=" + "a", "$Version=1; sessionid={{session.alice}}; $Path=/", "sessionid=zzzzzzzz", "sessionid=zzzzzzz",
	} {
		list = append(list, get(path, "Cookie: "+cookie))
	}
	return append(list,
		get(path), does("HEAD", path, "Cookie: sessionid={{session.alice}}"), does("OPTIONS", path, "Cookie: sessionid={{session.alice}}"),
		get(path, "Cookie: sessionid={{session.alice}}", "Cookie: sessionid={{session.bob}}"), get(path, "Cookie: a=b", "Cookie: sessionid={{session.alice}}"),
		get(path, "Cookie: sessionid={{session.alice}}", "Authorization: Token wrong"), does("DELETE", path, "Cookie: sessionid={{session.alice}}"),
		get(path, "Authorization: Token {{drf.alice}}"), get("/test_auth/", "Cookie: sessionid={{session.alice}}"), get("/nothing/", "Cookie: sessionid={{session.wrong_hash}}"),
	)
}

// csrfRequests are unsafe requests of somebody logged in.
func csrfRequests(path string) []request {
	const session = "Cookie: sessionid={{session.alice}}"
	var list []request
	for _, cookie := range []string{"{{csrf.secret}}", "{{csrf.masked}}", "{{csrf.masked_other}}", "short", "", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!!", "{{csrf.secret}}x", "é", `"{{csrf.secret}}"`} {
		for _, header := range []string{"{{csrf.secret}}", "{{csrf.masked}}", "{{csrf.other}}", "{{csrf.masked_other}}", "short", "", "!aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} {
			list = append(list, does("POST", path, session+"; csrftoken="+cookie, "X-CSRFToken: "+header))
		}
	}
	cookie := session + "; csrftoken={{csrf.secret}}"
	for _, body := range []string{
		"csrfmiddlewaretoken={{csrf.secret}}", "csrfmiddlewaretoken={{csrf.masked}}", "csrfmiddlewaretoken={{csrf.other}}", "csrfmiddlewaretoken=short", "csrfmiddlewaretoken=",
		"csrfmiddlewaretoken=%21aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "x=y", "csrfmiddlewaretoken={{csrf.other}}&csrfmiddlewaretoken={{csrf.secret}}", "csrfmiddlewaretoken=+{{csrf.secret}}",
	} {
		list = append(list, postForm(path, body, cookie), postForm(path, body, cookie, "X-CSRFToken: {{csrf.secret}}"))
	}
	list = append(list,
		postJSON(path, `{"csrfmiddlewaretoken":"{{csrf.secret}}"}`, cookie),
		post(path, "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"csrfmiddlewaretoken\"\r\n\r\n{{csrf.secret}}\r\n--x--\r\n", cookie),
		post(path, "multipart/form-data", "--x", cookie), post(path, "text/plain", "csrfmiddlewaretoken={{csrf.secret}}", cookie),
		does("PUT", path, cookie), does("PUT", path, cookie, "X-CSRFToken: {{csrf.secret}}"), does("DELETE", path, cookie), does("TRACE", path, session), does("PATCH", path, cookie, "X-CSRFToken: {{csrf.other}}"),
		get(path, cookie), does("OPTIONS", path, cookie), does("HEAD", path, session), does("POST", path, cookie, "X_CSRFToken: {{csrf.secret}}"),
		postJSON("/api-token-auth/", alicesLogin, cookie), postJSON("/api-token-auth/", alicesLogin, cookie, "X-CSRFToken: {{csrf.secret}}"),
		does("POST", path, "Cookie: csrftoken={{csrf.secret}}"), does("POST", path, "Cookie: sessionid={{session.carol}}; csrftoken={{csrf.secret}}"),
		does("POST", path, session+"; csrftoken={{csrf.secret}}; csrftoken={{csrf.other}}", "X-CSRFToken: {{csrf.secret}}"),
	)
	for _, origin := range []string{
		"http://localhost", "http://localhost:80", "http://evil.example", "null", "", "https://localhost", "http://LOCALHOST", "http://localhost:8001", "http://127.0.0.1:8001", "localhost",
		"http://[::1", "http://localhost/path", "é", "http://user@localhost",
	} {
		list = append(list, does("POST", path, cookie, "X-CSRFToken: {{csrf.secret}}", "Origin: "+origin))
	}
	for _, referer := range []string{"http://localhost/", "http://evil.example/", "junk"} {
		list = append(list, does("POST", path, cookie, "X-CSRFToken: {{csrf.secret}}", "Referer: "+referer))
	}
	return list
}

// secureRequests show one kind of credential after the other, and two at once.
func secureRequests() []request {
	const path = "/api/secure-data/"
	list := []request{
		get(path), does("POST", path), does("OPTIONS", path), does("HEAD", path), does("PUT", path), does("OPTIONS", path, "Authorization: Token {{drf.alice}}"),
		get(path, "Accept: text/html", "Authorization: Token {{drf.alice}}"), does("POST", path, "Authorization: Token {{drf.alice}}"),
	}
	for _, header := range []string{
		"Token {{drf.alice}}", "Token {{drf.carol}}", "Token wrong", "Bearer {{access.alice}}", "Bearer {{access.carol}}", "Bearer {{access.expired}}", "Bearer wrong", "Bearer",
		"bearer {{access.alice}}", "Token {{access.alice}}", "Bearer {{drf.alice}}", "Basic YWxpY2U6Y29ycmVjdCBob3JzZQ==", "Basic wrong", "Basic", "Bearer {{access.user_word}}",
		"Bearer {{refresh.alice}}", "Digest x", "",
	} {
		list = append(list, get(path, "Authorization: "+header))
		list = append(list, get(path, "Authorization: "+header, "Cookie: sessionid={{session.bob}}"))
	}
	return append(list,
		get(path, "Cookie: sessionid={{session.alice}}"), get(path, "Cookie: sessionid={{session.carol}}"), does("POST", path, "Cookie: sessionid={{session.alice}}"),
		does("POST", path, "Cookie: sessionid={{session.alice}}; csrftoken={{csrf.secret}}", "X-CSRFToken: {{csrf.secret}}"), get(path, "X-Custom-Auth: {{drf.alice}}"),
		get(path, basic("carol:carol's password")), get(path, basic("zoë:pässwörd ☃")), does("OPTIONS", path, "Cookie: sessionid={{session.alice}}"),
	)
}
