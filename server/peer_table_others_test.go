package server_test

// restAuthSequences are dj-rest-auth's views in token mode.
func restAuthSequences() []sequence {
	var list []sequence
	list = append(list, each("rest-login", restLoginRequests()...)...)
	list = append(list, each("rest-logout", restLogoutRequests()...)...)
	list = append(list, each("rest-user", restUserRequests()...)...)
	list = append(list, each("rest-password", restPasswordRequests()...)...)
	const login, logout, user, change = "/rest-auth/login/", "/rest-auth/logout/", "/rest-auth/user/", "/rest-auth/password/change/"
	session := "Cookie: sessionid={{1.cookie.sessionid}}; csrftoken={{1.cookie.csrftoken}}"
	return append(list, []sequence{
		{"rest-life", []request{
			postJSON(login, alicesLogin), get("/test_auth/", "Authorization: Token {{1.key}}"), get(user, "Authorization: Token {{1.key}}"), get("/test_auth/session/", session),
			does("POST", "/test_auth/session/", session), does("POST", "/test_auth/session/", session, "X-CSRFToken: {{1.cookie.csrftoken}}"), does("POST", logout, "Authorization: Token {{1.key}}", session),
			get("/test_auth/", "Authorization: Token {{1.key}}"), get("/test_auth/session/", session), postJSON(login, alicesLogin, session),
		}},
		{"rest-login-with-session", []request{postJSON(login, alicesLogin), postJSON(login, alicesLogin, session), get("/test_auth/session/", session), get("/test_auth/session/", "Cookie: sessionid={{2.cookie.sessionid}}")}},
		{"rest-login-other-user", []request{postJSON(login, alicesLogin), postJSON(login, `{"username":"bob","password":"bob's password"}`, session), get("/test_auth/session/", session)}},
		{"rest-login-anonymous-session", []request{postJSON(login, alicesLogin, "Cookie: sessionid={{session.anonymous}}"), get("/test_auth/session/", "Cookie: sessionid={{session.anonymous}}"), get("/test_auth/session/", "Cookie: sessionid={{1.cookie.sessionid}}")}},
		{"rest-login-alice-session", []request{postJSON(login, alicesLogin, "Cookie: sessionid={{session.alice}}"), get("/test_auth/session/", "Cookie: sessionid={{session.alice}}")}},
		{"rest-login-bob-session", []request{postJSON(login, alicesLogin, "Cookie: sessionid={{session.bob}}"), get("/test_auth/session/", "Cookie: sessionid={{session.bob}}")}},
		{"rest-change", []request{
			postJSON(login, alicesLogin), postJSON(change, `{"new_password1":"Entirely new 1","new_password2":"Entirely new 1"}`, "Authorization: Token {{1.key}}", session),
			get("/test_auth/session/", session), get("/test_auth/", "Authorization: Token {{1.key}}"), postJSON(login, alicesLogin), postJSON(login, `{"username":"alice","password":"Entirely new 1"}`),
		}},
		{"rest-change-no-session", []request{
			postJSON(change, `{"new_password1":"Entirely new 1","new_password2":"Entirely new 1"}`, "Authorization: Token {{drf.alice}}"),
			get("/test_auth/session/", "Cookie: sessionid={{session.alice}}"), postJSON("/api-token-auth/", `{"username":"alice","password":"Entirely new 1"}`),
		}},
		{"rest-change-other-session", []request{
			postJSON(change, `{"new_password1":"Entirely new 1","new_password2":"Entirely new 1"}`, "Authorization: Token {{drf.alice}}", "Cookie: sessionid={{session.bob}}"),
			get("/test_auth/session/", "Cookie: sessionid={{session.bob}}"),
		}},
		{"rest-user-change", []request{
			{method: "PATCH", target: user, headers: []string{"Authorization: Token {{drf.alice}}", "Content-Type: application/json"}, body: `{"first_name":"Zoë ☃"}`},
			get(user, "Authorization: Token {{drf.alice}}"),
			{method: "PUT", target: user, headers: []string{"Authorization: Token {{drf.alice}}", "Content-Type: application/json"}, body: `{"username":"renamed"}`},
			get(user, "Authorization: Token {{drf.alice}}"), get("/test_auth/", "Authorization: Token {{drf.alice}}"),
		}},
	}...)
}

func restLoginRequests() []request {
	const path = "/rest-auth/login/"
	var list []request
	for _, body := range []string{
		`{"username":"alice","password":"correct horse"}`, `{"username":"alice","password":" correct horse "}`, `{"email":"alice@example.com","password":"correct horse"}`,
		`{"email":"ALICE@EXAMPLE.COM","password":"correct horse"}`, `{"username":"bob","email":"alice@example.com","password":"correct horse"}`,
		`{"username":"alice","email":"bob@example.com","password":"correct horse"}`, `{"username":"alice","email":"nobody@example.com","password":"correct horse"}`,
		`{"username":"alice","email":"","password":"correct horse"}`, `{"username":"","email":"alice@example.com","password":"correct horse"}`, `{"username":"","password":"correct horse"}`,
		`{"password":"correct horse"}`, `{"username":"alice"}`, `{}`, `{"username":"alice","password":""}`, `{"username":"alice","password":" "}`, `{"username":"alice","password":null}`, `{"username":null,"password":"x"}`,
		`{"email":null,"password":"x"}`, `{"email":"twin@example.com","password":"twin's password"}`, `{"email":"junk","password":"x"}`, `{"email":"a@b","password":"x"}`, `{"email":"a@localhost","password":"x"}`,
		`{"email":" alice@example.com ","password":"correct horse"}`, `{"email":"é@example.com","password":"x"}`, `{"email":"a@é.example","password":"x"}`, `{"email":"\"a b\"@example.com","password":"x"}`, `{"email":"a@[127.0.0.1]","password":"x"}`,
		`{"email":1,"password":2}`, `{"email":true,"username":[],"password":{}}`, `{"username":"carol","password":"carol's password"}`, `{"email":"carol@example.com","password":"carol's password"}`, `{"username":"dave","password":"x"}`,
		`{"username":"zoë","password":"pässwörd ☃"}`, `{"username":"spaces","password":"  spaced out  "}`, `{"username":"old","password":"old password"}`, `{"username":"empty","password":""}`, `{"username":"nobody","password":"x"}`,
		`{"username":"alice","password":"wrong"}`, `{"username":"mail@example.com","password":"mail password"}`, `{"email":"mail@example.com","password":"mail password"}`, `{"email":"other@example.com","password":"mail password"}`,
		`{"username":"a\u0000","password":"x"}`, `{"email":"a\u0000@example.com","password":"x"}`, `{"username":"\ud800","password":"x"}`, `{"email":"\ud800@example.com","password":"x"}`, `[]`, `{`, ``, `null`, `"x"`, `{"email":"%","password":"x"}`, `{"email":"a_ice@example.com","password":"correct horse"}`,
		`{"email":"al%@example.com","password":"correct horse"}`, `{"username":"alice","password":"correct horse","extra":1}`,
	} {
		list = append(list, postJSON(path, body))
	}
	return append(list,
		postForm(path, "username=alice&password=correct+horse"), postForm(path, "email=alice%40example.com&password=correct+horse"), postForm(path, ""), postForm(path, "username=&email=&password="), post(path, "text/plain", "x"), post(path, "", ""),
		post(path, "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nalice\r\n--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\ncorrect horse\r\n--x--\r\n"),
		get(path), does("HEAD", path), does("OPTIONS", path), does("PUT", path), does("DELETE", path), postJSON("/rest-auth/login", alicesLogin), get("/rest-auth/login"), postJSON(path, alicesLogin, "Accept: text/html"), postJSON(path, alicesLogin, "Accept: application/xml"),
		postJSON(path, alicesLogin, "Authorization: Token wrong"), postJSON(path, alicesLogin, "Authorization: Token {{drf.bob}}"), postJSON(path, alicesLogin, "Cookie: csrftoken={{csrf.secret}}"), postJSON(path, alicesLogin, "Cookie: csrftoken={{csrf.masked}}"),
		postJSON(path, alicesLogin, "Cookie: csrftoken=short"), postJSON(path, alicesLogin, "Cookie: sessionid={{session.unknown}}"), postJSON(path, alicesLogin, "Cookie: sessionid={{session.expired}}"), postJSON(path, alicesLogin, "Cookie: sessionid={{session.corrupt}}"),
		postJSON(path, alicesLogin, "Cookie: sessionid={{session.wrong_hash}}"), postJSON(path, `{"username":"alice","password":"wrong"}`, "Cookie: sessionid={{session.alice}}"), postJSON(path, alicesLogin, "Origin: http://localhost:8001"), postJSON(path, `{}`, "Cookie: sessionid={{session.wrong_hash}}"),
		get("/rest-auth/xlogin/"), get("/rest-auth/login/x"), get("/rest-auth/"), get("/rest-auth"),
	)
}

func restLogoutRequests() []request {
	const path = "/rest-auth/logout/"
	return []request{
		does("POST", path), does("POST", path, "Authorization: Token {{drf.alice}}"), does("POST", path, "Authorization: Token wrong"), does("POST", path, "Authorization: Token {{drf.carol}}"), does("POST", path, "Cookie: sessionid={{session.alice}}"),
		does("POST", path, "Cookie: sessionid={{session.anonymous}}"), does("POST", path, "Cookie: sessionid={{session.expired}}"), does("POST", path, "Cookie: sessionid={{session.unknown}}"), does("POST", path, "Cookie: sessionid={{session.wrong_hash}}"),
		does("POST", path, "Authorization: Token {{drf.alice}}", "Cookie: sessionid={{session.bob}}"), does("POST", path, "Authorization: Token {{drf.bob}}", "Cookie: sessionid={{session.bob}}; csrftoken={{csrf.secret}}"), postJSON(path, `{"a":`, "Authorization: Token {{drf.alice}}"),
		does("POST", "/rest-auth/logout", "Authorization: Token {{drf.alice}}"), get(path), get(path, "Authorization: Token {{drf.alice}}"), does("HEAD", path), does("OPTIONS", path), does("PUT", path), does("DELETE", path, "Authorization: Token {{drf.alice}}"), does("POST", path, "Accept: text/html"),
		does("POST", path, "Accept: application/xml"), post(path, "text/plain", "x"), postForm(path, "a=b", "Authorization: Token {{drf.zoe}}"), does("POST", path, "Authorization: Bearer {{access.alice}}"), does("OPTIONS", path, "Authorization: Token {{drf.alice}}"), get(path, "Accept: text/html"),
	}
}

func restUserRequests() []request {
	const path = "/rest-auth/user/"
	const alice = "Authorization: Token {{drf.alice}}"
	list := []request{
		get(path), get(path, alice), get(path, "Authorization: Token {{drf.zoe}}"), get(path, "Authorization: Token {{drf.bob}}"), get(path, "Authorization: Token wrong"), get(path, "Authorization: Token {{drf.carol}}"), get("/rest-auth/user", alice), does("HEAD", path, alice),
		does("OPTIONS", path), does("OPTIONS", path, alice), does("POST", path, alice), does("DELETE", path, alice), does("POST", path), get(path, "Cookie: sessionid={{session.alice}}"), get(path, alice, "Accept: application/json; indent=4"), get(path, alice, "Accept: text/html"),
		get(path+"?format=json", alice), does("PUT", path), does("PATCH", path), get(path, "Authorization: Token {{drf.unicode}}"),
	}
	for _, method := range []string{"PUT", "PATCH"} {
		for _, body := range []string{
			`{}`, `{"username":"alice"}`, `{"username":"alice2"}`, `{"username":"bob"}`, `{"username":"BOB"}`, `{"username":""}`, `{"username":" "}`, `{"username":null}`, `{"username":"a b"}`, `{"username":"zoë2"}`, `{"username":"a\u0301"}`, `{"username":1}`, `{"username":true}`, `{"username":[]}`,
			`{"username":"` + repeat("a", 150) + `"}`, `{"username":"` + repeat("a", 151) + `"}`, `{"username":" alice3 "}`, `{"username":"ﬁx"}`, `{"username":"a\u0000"}`, `{"username":"\ud800"}`, `{"username":"a\n"}`, `{"username":"bob "}`,
			`{"username":"alice","first_name":"A","last_name":"B","email":"new@example.com","pk":7}`, `{"username":"alice","first_name":"` + repeat("é", 150) + `"}`, `{"username":"alice","first_name":"` + repeat("é", 151) + `","last_name":"` + repeat("b", 151) + `"}`,
			`{"username":"alice","first_name":"","last_name":""}`, `{"username":"alice","first_name":null}`, `{"username":"alice","first_name":" x ","last_name":1.5}`, `{"first_name":"only"}`, `{"email":"x"}`, `[]`, `{`, ``, `null`, `{"username":"alice","is_staff":true,"password":"x"}`,
		} {
			list = append(list, request{method: method, target: path, headers: []string{alice, "Content-Type: application/json"}, body: body})
		}
		for _, body := range []string{"username=alice&first_name=F", "first_name=F", "", "username=", "username=alice&first_name=&last_name=", "username=alice&email=x"} {
			list = append(list, request{method: method, target: path, headers: []string{alice, "Content-Type: application/x-www-form-urlencoded"}, body: body})
		}
		list = append(list, request{method: method, target: path, headers: []string{alice, "Content-Type: text/plain"}, body: "x"},
			request{method: method, target: path, headers: []string{alice, "Content-Type: multipart/form-data; boundary=x"}, body: "--x\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nalice4\r\n--x--\r\n"},
			request{method: method, target: path, headers: []string{"Authorization: Token wrong", "Content-Type: application/json"}, body: "{}"})
	}
	return list
}

func restPasswordRequests() []request {
	const path = "/rest-auth/password/change/"
	const alice = "Authorization: Token {{drf.alice}}"
	list := []request{
		get(path, alice), get(path), does("OPTIONS", path), does("OPTIONS", path, alice), does("HEAD", path, alice), does("PUT", path, alice), does("POST", path), postJSON(path, `{}`), postJSON("/rest-auth/password/change", `{}`, alice), does("POST", path, "Cookie: sessionid={{session.alice}}"),
		postForm(path, "new_password1=Entirely+new+1&new_password2=Entirely+new+1", alice), postForm(path, "new_password1=&new_password2=", alice), postForm(path, "", alice), post(path, "text/plain", "x", alice), postJSON(path, `{}`, "Authorization: Token wrong"),
	}
	for _, body := range []string{
		`{}`, `[]`, `{`, `null`, `{"new_password1":"Entirely new 1"}`, `{"new_password2":"Entirely new 1"}`, `{"new_password1":"Entirely new 1","new_password2":"Entirely new 1"}`, `{"new_password1":"Entirely new 1","new_password2":"Entirely new 2"}`,
		`{"new_password1":"Entirely new 1","new_password2":" Entirely new 1 "}`, `{"new_password1":"short","new_password2":"short"}`, `{"new_password1":"password","new_password2":"password"}`, `{"new_password1":"12345678","new_password2":"12345678"}`, `{"new_password1":"1234","new_password2":"1234"}`,
		`{"new_password1":"alice","new_password2":"alice"}`, `{"new_password1":"alice123","new_password2":"alice123"}`, `{"new_password1":"liddell1","new_password2":"liddell1"}`, `{"new_password1":"alice@example.com","new_password2":"alice@example.com"}`, `{"new_password1":"","new_password2":""}`,
		`{"new_password1":null,"new_password2":null}`, `{"new_password1":true,"new_password2":[]}`, `{"new_password1":73920184756,"new_password2":73920184756}`, `{"new_password1":"` + repeat("x", 128) + `","new_password2":"` + repeat("x", 128) + `"}`,
		`{"new_password1":"` + repeat("x", 129) + `","new_password2":"` + repeat("x", 129) + `"}`, `{"new_password1":"pässwörd ☃ neu","new_password2":"pässwörd ☃ neu"}`, `{"old_password":"wrong","new_password1":"Entirely new 1","new_password2":"Entirely new 1"}`, `{"new_password1":"a\u0000bcdefghijk","new_password2":"a\u0000bcdefghijk"}`,
		`{"new_password1":"correct horse","new_password2":"correct horse"}`, `{"new_password1":"short","new_password2":"other"}`, `{"new_password1":" ","new_password2":" "}`, `{"new_password1":"Qwerty123","new_password2":"Qwerty123"}`,
	} {
		list = append(list, postJSON(path, body, alice))
	}
	return list
}

// knoxSequences are knox's views and authentication.
func knoxSequences() []sequence {
	var list []sequence
	list = append(list, each("knox", knoxRequests()...)...)
	const login, logout, all, path = "/knox/login/", "/knox/logout/", "/knox/logoutall/", "/test_auth/knox/"
	token := func(name string) string { return "Authorization: Token {{" + name + "}}" }
	return append(list, []sequence{
		{"knox-life", []request{
			does("POST", login, basic("alice:correct horse")), get(path, token("1.token")), does("POST", path, token("1.token")), does("POST", login, basic("alice:correct horse")), does("POST", logout, token("1.token")), get(path, token("1.token")), get(path, token("4.token")),
			does("POST", all, token("4.token")), get(path, token("4.token")), get(path, token("knox.alice")), does("POST", login, basic("old:old password")), get(path, token("11.token")),
		}},
		{"knox-expired", []request{get(path, token("knox.expired")), get(path, token("knox.expired")), get(path, token("knox.dave"))}},
		{"knox-others-expired", []request{get(path, token("knox.dave")), get(path, token("knox.expired_too"))}},
		{"knox-unrelated", []request{get(path, token("knox.bob")), does("POST", all, token("knox.alice")), get(path, token("knox.never")), get(path, token("knox.bob"))}},
	}...)
}

func knoxRequests() []request {
	const login, logout, all, path = "/knox/login/", "/knox/logout/", "/knox/logoutall/", "/test_auth/knox/"
	var list []request
	for _, header := range []string{
		"Token {{knox.alice}}", "Token {{knox.never}}", "Token {{knox.bob}}", "Token {{knox.carol}}", "Token {{knox.zoe}}", "Token {{knox.dave}}", "Token {{knox.expired}}", "Token {{knox.wrong_digest}}", "Token {{knox.upper_digest}}", "token {{knox.alice}}", "TOKEN {{knox.alice}}",
		"Token", "Token a b", "Token x", "Token {{drf.alice}}", "Token {{knox.alice}}x", "Token \xff", "Token é", "Bearer {{knox.alice}}", "", "Token  {{knox.alice}}", "Token {{access.alice}}", "Token " + repeat("a", 64), "Token " + repeat("a", 7), "Token " + repeat("f", 5000),
	} {
		list = append(list, get(path, "Authorization: "+header), does("POST", logout, "Authorization: "+header), does("POST", all, "Authorization: "+header))
	}
	for _, credentials := range []string{"alice:correct horse", "alice:wrong", "carol:carol's password", "dave:x", "zoë:pässwörd ☃", "old:old password", "nobody:x", "alice", ":", "empty:"} {
		list = append(list, does("POST", login, basic(credentials)))
	}
	return append(list,
		does("POST", login), get(login), get(login, basic("alice:correct horse")), does("OPTIONS", login), does("OPTIONS", login, basic("alice:correct horse")), does("HEAD", login, basic("alice:correct horse")), postJSON(login, alicesLogin), postJSON(login, `{`, basic("alice:correct horse")),
		post(login, "text/plain", "x", basic("alice:correct horse")), does("POST", login, "Authorization: Token {{knox.alice}}"), does("POST", login, "Authorization: Token {{drf.alice}}"), does("POST", login, basic("alice:correct horse"), "Accept: application/json; indent=4"),
		does("POST", login, basic("alice:correct horse"), "Accept: text/html"), does("POST", "/knox/login", basic("alice:correct horse")), does("PUT", login, basic("alice:correct horse")), does("POST", login, "Cookie: sessionid={{session.alice}}"),
		does("POST", login, basic("alice:correct horse"), "Cookie: sessionid={{session.alice}}"),
		get(logout), get(logout, "Authorization: Token {{knox.alice}}"), does("OPTIONS", logout), does("OPTIONS", logout, "Authorization: Token {{knox.alice}}"), does("POST", logout), does("DELETE", logout, "Authorization: Token {{knox.alice}}"), does("POST", logout, "Authorization: Token {{knox.alice}}", "Accept: text/html"),
		does("POST", logout, "Authorization: Token {{knox.alice}}", "Accept: application/xml"), postJSON(logout, `{`, "Authorization: Token {{knox.alice}}"), get(all), does("OPTIONS", all), does("OPTIONS", all, "Authorization: Token {{knox.alice}}"), does("POST", all), does("PATCH", all, "Authorization: Token {{knox.bob}}"),
		get(path), does("OPTIONS", path), does("OPTIONS", path, "Authorization: Token {{knox.alice}}"), does("POST", path, "Authorization: Token {{knox.alice}}"), does("DELETE", path, "Authorization: Token {{knox.alice}}"), does("HEAD", path, "Authorization: Token {{knox.alice}}"), does("POST", logout, "Cookie: sessionid={{session.alice}}"),
		does("POST", logout, "Authorization: Token {{knox.alice}}", "Origin: http://localhost:8001"), does("POST", logout, "Authorization: Token {{knox.alice}}", "Cookie: sessionid={{session.alice}}"),
	)
}
