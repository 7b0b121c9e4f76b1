package server_test

import "strings"

// wireSequences are what is Django's own: paths, hosts, negotiation, CORS, sizes.
func wireSequences() []sequence {
	var list []sequence
	list = append(list, each("path", pathRequests()...)...)
	list = append(list, each("host", hostRequests()...)...)
	list = append(list, each("accept", acceptRequests()...)...)
	list = append(list, each("options", optionsRequests()...)...)
	list = append(list, each("cors", corsRequests()...)...)
	list = append(list, each("size", sizeRequests()...)...)
	return list
}

func pathRequests() []request {
	var list []request
	for _, path := range []string{
		"/nothing/", "/nothing", "/test_auth", "/test_auth?a=b", "/test_auth?a=%20é", "/api-token-auth", "/api/token", "/api/token/refresh", "/api/secure-data",
		"/test_auth/token", "//test_auth/", "//test_auth", "/test_auth//", "/test_auth/./", "/test_auth/../test_auth/", "/%74est_auth/", "/%74est_auth", "/test%5Fauth/", "/test_auth%2F", "/test_auth/%00",
		"/TEST_AUTH/", "/test_auth/x/", "/test_auth/é/", "/test_auth/%ff/", "/%ff", "/api/", "/api", "/knox/", "/rest-auth/", "/admin/", "/static/", "/favicon.ico", "/test_auth/;a", "/test_auth;a/",
		"/test_auth/?", "/test_auth?", "/test_auth/%", "/test_auth/%zz/", "/test_auth/ ", "/test_auth/+", "/test_auth\\", "/api/token/%0a", "/api/token\n/", "/api/token/sliding", "/%2e%2e/",
	} {
		if !strings.ContainsAny(path, " \n") {
			list = append(list, get(path))
		}
	}
	for _, method := range []string{"POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "TRACE", "X"} {
		list = append(list, does(method, "/nothing/"), does(method, "/test_auth"))
	}
	return append(list,
		postJSON("/api-token-auth", alicesLogin), postJSON("/api/token", alicesLogin), postJSON("/nothing/", "{"), postForm("/nothing/", "a=b", "Cookie: csrftoken={{csrf.secret}}"),
		postForm("/nothing/", strings.Repeat("a=1&", 1001), "Cookie: csrftoken={{csrf.masked}}"), postForm("/nothing/", strings.Repeat("a=1&", 1001)), postForm("/test_auth", strings.Repeat("a=1&", 1001), "Cookie: csrftoken={{csrf.masked}}"),
		postForm("/nothing/", strings.Repeat("a=1&", 1001), "Cookie: csrftoken={{csrf.masked}}", "Host: evil.example"), postForm("/nothing/", strings.Repeat("a=1&", 1001), "Cookie: csrftoken=short"),
		post("/nothing/", "multipart/form-data", "x", "Cookie: csrftoken={{csrf.masked}}"), post("/nothing/", "multipart/form-data; boundary=x", "x", "Cookie: csrftoken={{csrf.masked}}", "Origin: http://evil.example"),
		get("/test_auth", "Authorization: Token {{drf.alice}}"), get("/nothing/", "Accept: application/json"), get("/test_auth", "Cookie: sessionid={{session.alice}}"),
		request{raw: "GET /test_auth/ HTTP/1.0\r\nHost: localhost\r\nAuthorization: Token {{drf.alice}}\r\n\r\n"},
	)
}

func hostRequests() []request {
	var list []request
	for _, host := range []string{
		"localhost", "localhost:8000", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8000", "LOCALHOST", "Localhost:80", "localhost.", "localhost:", "evil.example", "localhost.evil.example",
		"localhost:abc", "127.0.0.2", "0.0.0.0", "a.localhost", "localhost@evil.example", "localhost:99999", "localhost:-1", "[::1", "::1", "example.com:80", "local_host", "loc%61lhost", "127.1", "localhost..",
		".localhost", "-", "localhost:80:80",
	} {
		list = append(list, get("/test_auth/", "Host: "+host, "Authorization: Token {{drf.alice}}"))
	}
	return append(list,
		get("/nothing", "Host: evil.example"), get("/test_auth", "Host: localhost:8000"), get("/test_auth", "Host: evil.example"), does("OPTIONS", "/test_auth/", "Host: evil.example", "Access-Control-Request-Method: GET", "Origin: http://localhost:8001"),
		get("/test_auth/", "Host: localhost", "X-Forwarded-Host: evil.example", "Authorization: Token {{drf.alice}}"), get("/test_auth/", "Host: evil.example", "X-Forwarded-Host: localhost"),
		get("/test_auth/", "Host: evil.example", "Cookie: sessionid={{session.wrong_hash}}"), get("/test_auth/", "Host: evil.example", "Origin: http://localhost:8001"),
		get("/test_auth/", "Host: evil.example", "Cookie: csrftoken=short"), get("/test_auth/", "Host: evil.example", "Cookie: csrftoken={{csrf.masked}}"), get("/nothing/", "Cookie: csrftoken=short"),
	)
}

func acceptRequests() []request {
	var list []request
	for _, accept := range []string{
		"", "*/*", "application/json", "application/*", "text/html", "text/*", "text/html, application/json", "application/json, text/html", "text/html;q=0.1, application/json", "application/json;q=0",
		"application/xml", "application/xml, */*", "application/xml, application/json", "application/json; indent=4", "application/json; indent=0", "application/json; indent=8", "application/json; indent=9", "application/json; indent=100",
		"application/json; indent=-1", "application/json; indent=x", "application/json;indent=2", "application/json; INDENT=2", "application/json; indent=2; version=1", "application/json; version=1", "application/json; charset=utf-8",
		"APPLICATION/JSON", "text/html; q=0.9, */*;q=0.8", "*", "*/json", "json", "application", "/", ";", ",", ",,", "application/json,", " application/json ", "application/json;", "a/b;c", "é", "\xff", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
		"*/*; indent=4", "application/*; indent=3", "application/json; indent=4, application/json", "application/json, application/json; indent=4", "text/plain; indent=4, */*", `application/json; indent="4"`, "application/json; indent= 4", "application/json; indent=4é", "application/json; indent=４",
		"text/html; charset=utf-8", "image/png, text/plain", "application/json; q=1.0; indent=1", "application/json/x", "application /json", "*/*;q=0", strings.Repeat("x/y,", 64) + "application/json", strings.Repeat("x", 300) + "/y,*/*",
	} {
		list = append(list, get("/test_auth/", "Authorization: Token {{drf.alice}}", "Accept: "+accept))
		list = append(list, get("/api/secure-data/", "Authorization: Token {{drf.alice}}", "Accept: "+accept))
	}
	for _, query := range []string{"format=json", "format=api", "format=xml", "format=", "format", "format=json&format=xml", "format=xml&format=json", "FORMAT=json", "format=JSON", "format=%6ason", "format=json%00", "format=html", "format=%ff", "format=j%F6", "x=1&format=json", "format=json;x", "format=+json", "format=admin"} {
		list = append(list, get("/test_auth/?"+query, "Authorization: Token {{drf.alice}}"), does("OPTIONS", "/api-token-auth/?"+query))
	}
	return append(list,
		get("/test_auth/?format=json", "Accept: text/html", "Authorization: Token {{drf.alice}}"), get("/test_auth/?format=json", "Accept: application/xml", "Authorization: Token {{drf.alice}}"), get("/test_auth/?format=api", "Accept: application/json"),
		get("/test_auth/?format=xml", "Accept: application/json"), get("/test_auth/", "Accept: application/xml"), get("/test_auth/", "Accept: application/xml", "Authorization: Token wrong"), get("/test_auth/", "Accept: application/xml", "Accept: application/json", "Authorization: Token {{drf.zoe}}"),
		get("/api/secure-data/?format=json", "Accept: application/json; indent=4", "Authorization: Token {{drf.alice}}"), postJSON("/api/token/", `{`, "Accept: application/json; indent=4"), postJSON("/api/token/", `[]`, "Accept: application/json; indent=4"),
		postJSON("/api/token/", `{}`, "Accept: application/json; indent=4"), does("OPTIONS", "/api/token/", "Accept: application/json; indent=4"), get("/test_auth/custom/", "Accept: application/xml"), does("DELETE", "/test_auth/", "Accept: application/xml", "Authorization: Token {{drf.alice}}"),
	)
}

// paths are those that every project has.
var paths = []string{
	"/api-token-auth/", "/api/token/", "/api/token/refresh/", "/api/token/verify/", "/api/token/blacklist/", "/api/token/sliding/", "/api/token/sliding/refresh/",
	"/test_auth/", "/test_auth/token/", "/test_auth/basic/", "/test_auth/session/", "/test_auth/jwt/", "/test_auth/custom/", "/api/secure-data/",
}

func optionsRequests() []request {
	var list []request
	for _, path := range paths {
		list = append(list, does("OPTIONS", path), does("OPTIONS", path, "Authorization: Token {{drf.alice}}"), does("OPTIONS", path, "Authorization: Bearer {{access.bob}}"), does("OPTIONS", path, basic("alice:correct horse")),
			does("OPTIONS", path, "Cookie: sessionid={{session.alice}}"), does("OPTIONS", path, "X-Custom-Auth: {{drf.bob}}"), does("OPTIONS", path, "Origin: http://localhost:8001"), does("OPTIONS", path, "Content-Type: application/json"),
			post(path, "application/json", ""), does("PUT", path, "Authorization: Token {{drf.bob}}"), does("CONNECT", path), does("OPTIONS", path, "X-HTTP-Method-Override: POST"), does("POST", path, "X-HTTP-Method-Override: GET", "Authorization: Token {{drf.alice}}"))
	}
	return list
}

func corsRequests() []request {
	var list []request
	for _, origin := range []string{
		"http://localhost:8001", "http://127.0.0.1:8001", "http://LOCALHOST:8001", "http://localhost:8001/", "https://localhost:8001", "http://localhost", "http://evil.example", "null", "", "localhost:8001", "http://localhost:8001 ", "http://localhost:8001, http://x", "é", "\xff", "http://[::1", "http://localhost:8001?x", "http://user@localhost:8001", "HTTP://localhost:8001", "http://localhost:8001#x", "http://localhost:08001", "http://[", "//localhost:8001",
	} {
		list = append(list,
			get("/test_auth/", "Authorization: Token {{drf.alice}}", "Origin: "+origin), get("/nothing/", "Origin: "+origin),
			does("OPTIONS", "/test_auth/", "Origin: "+origin, "Access-Control-Request-Method: GET"), does("OPTIONS", "/api-token-auth/", "Origin: "+origin),
		)
	}
	const allowed = "Origin: http://localhost:8001"
	return append(list,
		get("/test_auth/", allowed), get("/test_auth", allowed), postJSON("/api-token-auth/", alicesLogin, allowed), postJSON("/api-token-auth/", `{`, allowed), postJSON("/api/token/", `{}`, allowed), get("/api/secure-data/", allowed),
		get("/test_auth/jwt/", "Authorization: Bearer {{access.user_word}}", allowed), does("OPTIONS", "/nothing/", allowed, "Access-Control-Request-Method: POST"), does("OPTIONS", "/nothing", allowed, "Access-Control-Request-Method: POST"),
		does("OPTIONS", "/test_auth", "Access-Control-Request-Method: GET"), does("OPTIONS", "/test_auth/", "Access-Control-Request-Method: "), does("OPTIONS", "/test_auth/", "Access-Control-Request-Method: x", "Access-Control-Request-Headers: y, z", allowed),
		does("OPTIONS", "/test_auth/", allowed, "Access-Control-Request-Method: GET", "Access-Control-Request-Private-Network: true"), does("GET", "/test_auth/", allowed, "Access-Control-Request-Method: GET"), does("OPTIONS", "/nothing/"), does("OPTIONS", "/nothing/", allowed),
		does("HEAD", "/test_auth/", allowed, "Authorization: Token {{drf.alice}}"), get("/test_auth/session/", allowed, "Cookie: sessionid={{session.alice}}"), get("/test_auth/session/", allowed, "Cookie: sessionid={{session.wrong_hash}}"), get("/test_auth/", allowed, "Accept: application/xml"),
		does("POST", "/test_auth/session/", allowed, "Cookie: sessionid={{session.alice}}; csrftoken={{csrf.secret}}", "X-CSRFToken: {{csrf.secret}}"), get("/test_auth/", allowed, "Origin: http://evil.example"), does("OPTIONS", "/test_auth/", "Access-Control-Request-Method: GET", "Cookie: sessionid={{session.wrong_hash}}"),
	)
}

// sizeRequests lie about and below DATA_UPLOAD_MAX_MEMORY_SIZE.
func sizeRequests() []request {
	const path = "/api-token-auth/"
	const limit = 2621440
	pad := func(n int, before, after string) string {
		return before + strings.Repeat("a", n-len(before)-len(after)) + after
	}
	return []request{
		postJSON(path, pad(limit, `{"username":"`, `","password":"x"}`)), postJSON(path, pad(limit+1, `{"username":"`, `","password":"x"}`)),
		postForm(path, pad(limit, "username=", "&password=x")), postForm(path, pad(limit+1, "username=", "&password=x")), postForm(path, pad(limit+100, "username=", "&password=x")),
		post(path, "text/plain", pad(limit+1, "", "")), post("/test_auth/", "text/plain", pad(limit+1, "", ""), "Authorization: Token {{drf.alice}}"),
		post(path, "multipart/form-data; boundary=x", pad(limit+1000, "--x\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\n", "\r\n--x--\r\n")),
		post(path, "multipart/form-data; boundary=x", pad(limit+1000, "--x\r\nContent-Disposition: form-data; name=\"username\"; filename=\"f\"\r\n\r\n", "\r\n--x--\r\n")),
		post("/test_auth/session/", "application/x-www-form-urlencoded", pad(limit+1, "a=", ""), "Cookie: sessionid={{session.alice}}; csrftoken={{csrf.secret}}"),
		post("/test_auth/session/", "application/x-www-form-urlencoded", pad(limit+1, "a=", ""), "Cookie: sessionid={{session.alice}}; csrftoken={{csrf.secret}}", "X-CSRFToken: {{csrf.secret}}"),
		get("/test_auth/?"+strings.Repeat("a", 4000), "Authorization: Token {{drf.alice}}"), get("/test_auth/?"+strings.Repeat("a=1&", 1100), "Authorization: Token {{drf.alice}}"),
		get("/test_auth/", "Authorization: Token {{drf.alice}}", "X-Long: "+strings.Repeat("a", 6000)),
	}
}
