package commands_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tokenctl/commands"
)

// grantServeSettings have every request write what it can.
const grantServeSettings = `[auth]
pbkdf2_iterations = 260000
[simplejwt]
rotate_refresh_tokens = true
blacklist_after_rotation = true
update_last_login = true
[knox]
auto_refresh = true
min_refresh_interval = 0
[session]
save_every_request = true
`

// client is one user agent of the test server.
type client struct {
	http.Client
	url      string
	token    string // behind Authorization:
	problems []string
}

// call sends a request with a JSON body, and returns the answer's fields. Another status than 2xx is a
// problem, behind which no request is sent.
func (c *client) call(method, path string, fields map[string]string) map[string]any {
	if len(c.problems) > 0 {
		return nil
	}
	body, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	r, err := http.NewRequest(method, c.url+path, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		r.Header.Set("Authorization", c.token)
	}
	answer, err := c.Do(r)
	if err != nil {
		c.problems = append(c.problems, path+": "+err.Error())
		return nil
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		c.problems = append(c.problems, fmt.Sprintf("%s %s: %d %.200s %v", method, path, answer.StatusCode, text, err))
	}
	var values map[string]any
	json.Unmarshal(text, &values) //nolint:errcheck // some answers are empty
	return values
}

// servePassword is the password of grace.
const servePassword = "long enough 7 to change"

// graceLogin is what grace sends to log in; her name's field is that of either layout.
func graceLogin(password string) map[string]string {
	return map[string]string{"username": "grace", "user name": "grace", "password": password}
}

// serveRequests are requests that together have the test server write all that it writes.
var serveRequests = map[string]func(*client){
	"drf": func(c *client) { c.call("POST", "/api-token-auth/", graceLogin(servePassword)) },
	"jwt": func(c *client) {
		pair := c.call("POST", "/api/token/", graceLogin(servePassword))
		next := c.call("POST", "/api/token/refresh/", map[string]string{"refresh": fmt.Sprint(pair["refresh"])})
		c.call("POST", "/api/token/blacklist/", map[string]string{"refresh": fmt.Sprint(next["refresh"])})
	},
	"rest-auth": func(c *client) {
		c.Jar, _ = cookiejar.New(nil)
		key := c.call("POST", "/rest-auth/login/", graceLogin(servePassword))["key"]
		c.call("GET", "/test_auth/session/", nil)
		c.Jar, c.token = nil, fmt.Sprint("Token ", key)
		c.call("PUT", "/rest-auth/user/", map[string]string{"username": "grace", "user name": "grace", "first_name": "Grace", "last_name": "Hopper"})
		const changed = servePassword + "s"
		c.call("POST", "/rest-auth/password/change/", map[string]string{"new_password1": changed, "new_password2": changed})
		c.token = ""
		c.Jar, _ = cookiejar.New(nil)
		key = c.call("POST", "/rest-auth/login/", graceLogin(changed))["key"]
		c.token = fmt.Sprint("Token ", key)
		c.call("POST", "/rest-auth/logout/", nil)
	},
	"knox": func(c *client) {
		for _, path := range []string{"/knox/logout/", "/knox/logoutall/"} {
			c.token = "Basic " + base64.StdEncoding.EncodeToString([]byte("grace:"+servePassword))
			c.token = fmt.Sprint("Token ", c.call("POST", "/knox/login/", nil)["token"])
			c.call("GET", "/test_auth/knox/", nil)
			c.call("POST", path, nil)
		}
	},
}

// serve starts the test server for a client, and returns what failed.
func (w *grantWorld) serve(requests func(*client)) (problems []string) {
	w.t.Helper()
	// A hash of an old project: the first login replaces it.
	sum := md5.Sum([]byte("salt" + servePassword))
	w.sql("update " + w.users + " set password = 'md5$salt$" + hex.EncodeToString(sum[:]) + "', is_active = true where email in ('grace@example.com', 'bob@example.com')")
	config := filepath.Join(w.t.TempDir(), "tokenctl.toml")
	if err := os.WriteFile(config, []byte(grantServeSettings), 0o600); err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(w.t.Context())
	read, write := io.Pipe()
	start := time.Now()
	var errs bytes.Buffer
	app := &commands.App{Stdin: strings.NewReader(""), Stdout: write, Stderr: &errs, Now: func() time.Time { return w.now.Add(time.Since(start)) }, Random: rand.Reader,
		Getenv: func(name string) string {
			if name == "DATABASE_URL" {
				return w.url
			}
			return w.env[name]
		}}
	ended := make(chan int, 1)
	go func() {
		ended <- app.Run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0", "--config", config}, w.more...))
		write.Close()
	}()
	ready, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		stop()
		<-ended
		return []string{errs.String()}
	}
	go io.Copy(io.Discard, read) //nolint:errcheck // nothing more comes
	c := &client{url: strings.TrimSpace(ready)}
	requests(c)
	stop()
	<-ended
	return c.problems
}
