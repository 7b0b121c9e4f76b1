package main

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tokenctl/db/dbtest"
)

// raw sends bytes to the server and reads what it answers until it closes the
// connection, which what is sent should ask for.
func (s *served) raw(text string) string {
	s.w.t.Helper()
	at, secure := strings.CutPrefix(s.url, "https://")
	at = strings.TrimPrefix(at, "http://")
	var conn net.Conn
	var err error
	if secure {
		conn, err = tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
	} else {
		conn, err = net.Dial("tcp", at)
	}
	if err != nil {
		s.w.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(testLimit)) //nolint:errcheck // it is open
	io.WriteString(conn, text)                  //nolint:errcheck // a refusal may come first
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "" // the connection was closed, or HEAD
	}
	defer answer.Body.Close()
	return answer.Status
}

// plant are requests with a secret in every place where a client can put one; session
// belongs to alice.
func plant(secret, session string) (requests []string) {
	b64 := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	escaped := url.PathEscape(secret)
	request := func(method, target, host, headers, body string) {
		if host != "" {
			host = "Host: " + host + "\r\n"
		}
		if body != "" {
			headers += fmt.Sprintf("Content-Length: %d\r\n", len(body))
		}
		requests = append(requests, method+" "+target+" HTTP/1.1\r\n"+host+headers+"Connection: close\r\n\r\n"+body)
	}
	paths := []string{"/test_auth/", "/test_auth/knox/", "/test_auth/jwt/", "/test_auth/custom/", "/test_auth/session/", "/revoke", "/", "/nowhere/"}
	posts := []string{"/api/token/verify/", "/api/token/refresh/", "/api/token/sliding/refresh/", "/api/token/blacklist/", "/introspect", "/revoke", "/api/token/", "/rest-auth/login/", "/rest-auth/password/change/"}

	for _, target := range []string{"/" + escaped, "/" + escaped + "/", "/api/" + escaped + "/", "/test_auth/" + escaped, "/rest-auth/login/" + escaped, "/test_auth?" + escaped, "/test_auth/?" + escaped, "/test_auth/?format=" + escaped, "/?token=" + escaped,
		"http://" + escaped + "/", "http://localhost/" + escaped, escaped, "*" + escaped, "/%zz" + escaped, "/test_auth/;" + escaped, "/test_auth/#" + escaped} {
		request("GET", target, "localhost", "", "")
		request("POST", target, "localhost", "Content-Type: application/json\r\n", "{}")
		request("OPTIONS", target, "localhost", "", "")
	}
	for _, method := range []string{secret, strings.ReplaceAll(secret, " ", ""), strings.ToUpper(strings.ReplaceAll(secret, " ", "-"))} {
		for _, path := range []string{"/test_auth/", "/", "/nowhere/", "/api/token/"} {
			request(method, path, "localhost", "", "")
		}
	}
	request("CONNECT", escaped+":443", "localhost", "", "")
	for _, host := range []string{secret, escaped, escaped + ":8000", "localhost:" + secret, strings.ReplaceAll(secret, " ", "") + ".example.org"} {
		for _, path := range []string{"/", "/test_auth/", "/nowhere/"} {
			request("GET", path, host, "", "")
		}
	}
	for _, path := range paths {
		for _, header := range []string{"Authorization: Token " + secret, "Authorization: Token a " + secret, "Authorization: Token \xff" + secret, "Authorization: Bearer " + secret, "Authorization: Bearer a " + secret, "Authorization: JWT " + secret, "Authorization: Knox " + secret,
			"Authorization: Basic " + b64("alice") + " " + secret, "Authorization: Digest username=" + secret, "Authorization: " + secret,
			"Proxy-Authorization: Basic " + b64(secret), "X-Custom-Auth: " + secret, "Cookie: sessionid=" + secret, "Cookie: csrftoken=" + secret, "Cookie: " + secret, "Cookie: a=" + secret + "; sessionid=\"" + secret + "\"", "Origin: http://" + secret, "Referer: http://localhost/" + secret,
			"X-Forwarded-For: " + secret, "X-Real-IP: " + secret, "Forwarded: for=" + secret, "Accept: " + secret, "Accept: application/json; indent=" + secret, "Accept: application/" + secret, "User-Agent: " + secret, "Accept-Language: " + secret, "Via: " + secret, secret + ": x", "X-Forwarded-Host: " + secret,
			"Content-Type: " + secret, "Content-Type: application/x; token=" + secret, "Content-Type: multipart/form-data; boundary=" + secret, "Content-Type: application/json; charset=" + secret, "Content-Length: " + secret, "Transfer-Encoding: " + secret, "Expect: " + secret} {
			for _, method := range []string{"GET", "POST"} {
				request(method, path, "localhost", header+"\r\n", "")
			}
		}
	}
	// Hashing passwords takes time, so these are few.
	for _, basic := range []string{secret, b64(secret), b64("alice:" + secret), b64(secret + ":x")} {
		for _, path := range []string{"/test_auth/basic/", "/introspect"} {
			request("POST", path, "localhost", "Authorization: Basic "+basic+"\r\n", "")
		}
	}
	// What comes behind a session: CSRF's checks repeat Origin and Referer.
	for _, header := range []string{"Origin: https://" + secret, "Origin: " + secret, "Referer: https://" + secret + "/", "Referer: " + secret, "X-Csrftoken: " + secret, "Cookie: csrftoken=" + secret} {
		request("POST", "/test_auth/session/", "localhost", "Cookie: sessionid="+session+"\r\n"+header+"\r\n", "")
	}
	for _, path := range posts {
		for _, body := range []string{`{"token":"` + secret + `","refresh":"` + secret + `","username":"alice","password":"` + secret + `","new_password1":"` + secret + `","` + secret + `":1}`, `{"username":"` + secret + `","password":"x"}`, `{"email":"` + secret + `","password":"x"}`,
			`{"` + secret, `["` + secret + `"]`, secret, `{"token":["` + secret + `"]}`} {
			request("POST", path, "localhost", "Content-Type: application/json\r\n", body)
			request("POST", path, "localhost", "Content-Type: application/"+secret+"\r\n", body)
		}
		request("POST", path, "localhost", "Content-Type: application/x-www-form-urlencoded\r\n", "token="+escaped+"&username="+escaped+"&password="+escaped+"&"+escaped+"=1")
		request("POST", path, "localhost", "Content-Type: multipart/form-data; boundary=x\r\n", "--x\r\nContent-Disposition: form-data; name=\""+secret+"\"; filename=\""+secret+"\"\r\nX: "+secret+"\r\n\r\n"+secret+"\r\n--x--\r\n")
		for _, contentType := range []string{"application/x; token=" + secret, "application/" + secret, secret, "multipart/form-data; boundary=\"" + secret + "\x7f\"", "multipart/" + secret, "multipart/form-data; boundary=\xe9" + secret, "a/b; x*=" + secret + "''%41", "text/plain; " + strings.Repeat("x", 20<<10) + secret} {
			request("POST", path, "localhost", "Content-Type: "+contentType+"\r\n", "a=b")
		}
		requests = append(requests, "POST "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"+secret+"\r\n")
	}
	// A token that nobody signed, or whose claims are no claims.
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"token_type":"refresh","exp":4000000000,"jti":"` + secret + `","user_id":"` + secret + `"}`))
	for _, head := range []string{`{"alg":"HS256","typ":"JWT"}`, `{"alg":"none"}`, `{"alg":"` + secret + `"}`} {
		token := base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + claims + ".AAAA"
		for _, path := range posts[:8] {
			request("POST", path, "localhost", "Content-Type: application/json\r\nAuthorization: Bearer "+token+"\r\n", `{"token":"`+token+`","refresh":"`+token+`"}`)
			request("POST", path, "localhost", "Content-Type: application/x-www-form-urlencoded\r\nAuthorization: Bearer "+token+"\r\n", `token=`+token)
		}
		request("GET", "/test_auth/jwt/", "localhost", "Authorization: Bearer "+token+"\r\n", "")
	}
	for _, line := range []string{"GET / HTTP/" + secret, "GET / " + secret, secret, "GET /", "\x16\x03\x01" + secret} {
		requests = append(requests, line+"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	}
	return requests
}

// The log tells of every request, and no secret: whatever is sent, wherever. Nor do
// the metrics.
func TestServeLog(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		w.env = append(w.env, "TOKENCTL_SECRET_KEY="+serveSecretKey)
		w.user("alice", pagePassword)
		drf, knox, session := w.secretOf("alice"), w.secretOf("alice", "--kind", "knox"), w.secretOf("alice", "--kind", "session")
		pair := strings.Fields(w.ok("mint", "alice", "--kind", "jwt", "-q"))
		secrets := []string{drf, knox, session, pair[1], pair[3], pagePassword, "wrong-password-9Q", serveSecretKey}
		runs := [][]string{{"--log-format", "json"}, {"--log-format", "logfmt", "--tls-self-signed", "-v"}, {"--log-format", "json", "--throttle", "anon=5/s", "--read-only"}, {"--log-format", "short", "--fail-rate", "0.5"}}
		for run, args := range runs {
			if !dbtest.Takes(w.engine, run) {
				continue
			}
			s := w.serve(append(args, "--compat", "django=3.2")...) // whose passwords are hashed sooner
			secure := strings.HasPrefix(s.url, "https:")
			answers := map[string]int{}
			for i, secret := range secrets {
				if i%len(runs) != run {
					continue
				}
				for _, request := range plant(secret, session) {
					answers[s.raw(request)]++
				}
				if secure {
					for _, config := range []*tls.Config{{NextProtos: []string{secret}}, {ServerName: strings.ReplaceAll(secret, " ", "") + ".example.org"}, {ServerName: "x", MaxVersion: tls.VersionTLS11}} {
						config.InsecureSkipVerify = true
						if conn, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), config); err == nil {
							conn.Close()
						}
					}
				}
			}
			metrics := s.wants(200, "tokenctl_http_requests_total", "GET", "/metrics", "")
			s.stops()
			if answers["401 Unauthorized"] == 0 || answers["400 Bad Request"] == 0 || answers["404 Not Found"] == 0 {
				w.t.Errorf("the answers were %v", answers)
			}
			log := s.log.String()
			for _, text := range []string{log, metrics, s.url} {
				for _, secret := range secrets {
					for _, form := range []string{secret, strings.ToUpper(secret), strings.ReplaceAll(secret, " ", ""), url.PathEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))[:12], base64.StdEncoding.EncodeToString([]byte("alice:" + secret))[:16]} {
						if i := strings.Index(text, form); i >= 0 {
							w.t.Errorf("serve %q tells a secret: …%s…", args, text[max(0, i-300):min(len(text), i+100)])
						}
					}
				}
			}
			if strings.Contains(log, "panic") || strings.Contains(log, "goroutine ") {
				w.t.Errorf("panics:\n%s", log)
			}
			if strings.Count(log, "suspicious") == 0 {
				w.t.Error("nothing was suspicious")
			}
			if args[1] == "json" {
				checkLines(w, log)
			}
		}

		s := w.serve("--log-format", "json")
		s.wants(200, "", "GET", "/test_auth/knox/", "", "Authorization: Token "+w.secretOf("alice", "--kind", "knox"))
		var line struct {
			Time                                                              time.Time
			Level, Msg, Method, Path, Remote, Kind, Credential, User, Outcome string
			Status                                                            int
			Duration                                                          *float64 `json:"duration_ms"`
		}
		if err := json.Unmarshal([]byte(s.logged(`"path":"/test_auth/knox/"`)), &line); err != nil {
			w.t.Fatal(err)
		}
		if line.Level != "INFO" || line.Msg != "request" || line.Method != "GET" || line.Remote != "127.0.0.1" || line.Kind != "knox" ||
			!strings.HasPrefix(line.Credential, "knox:") || line.User != "alice" || line.Outcome != "ok" || line.Status != 200 || line.Duration == nil || line.Time.IsZero() {
			w.t.Errorf("%+v", line)
		}
		// The log of the fifth refusal of one address says that it looks suspicious, once.
		for range 12 {
			s.wants(401, "", "GET", "/test_auth/", "", "Authorization: Token nobodys")
		}
		s.wants(200, "tokenctl_suspicious_total 1\n", "GET", "/metrics", "")
		if got := strings.Count(s.log.String(), `"msg":"suspicious"`); got != 1 {
			w.t.Errorf("%d suspicious lines", got)
		}
		s.stops()
	})
}

// checkLines makes sure that the log has nothing but what it may have.
func checkLines(w *world, log string) {
	w.t.Helper()
	methods := []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "other"}
	reasons := map[string]bool{}
	others := map[string]bool{}
	for text := range strings.Lines(log) {
		if !strings.HasPrefix(text, "{") {
			continue // what tokenctl says itself
		}
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			w.t.Fatal(err)
		}
		for name, value := range line {
			switch name {
			case "time", "level", "msg", "status", "duration_ms", "kind", "credential", "outcome", "failures", "window", "type":
			case "remote":
				if value != "127.0.0.1" {
					w.t.Errorf("%s: %v", name, value)
				}
			case "user":
				if value != "alice" {
					w.t.Errorf("%s: %v", name, value)
				}
			case "method":
				if !slices.Contains(methods, value.(string)) {
					w.t.Errorf("%s: %v", name, value)
				}
				others["method"] = others["method"] || value == "other"
			case "path":
				if path := value.(string); path != "other" && !strings.HasPrefix(path, "/") || strings.Contains(path, "nowhere") {
					w.t.Errorf("%s: %v", name, value)
				}
				others["path"] = others["path"] || value == "other"
			case "reason":
				reasons[value.(string)] = true
			default:
				w.t.Errorf("the log has %s", name)
			}
		}
	}
	if len(reasons) < 5 || len(reasons) > 60 || !others["method"] || !others["path"] {
		w.t.Errorf("%v, %v", others, reasons)
	}
}
