package commands_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
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

// serve starts the test server and asks it for all that it writes. It returns what failed.
func (w *grantWorld) serve() (problems []string) {
	w.t.Helper()
	const password = "long enough 7 to change"
	sum := md5.Sum([]byte("salt" + password))
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
	login := map[string]string{"username": "grace", "user name": "grace", "password": password}
	c.call("POST", "/api-token-auth/", login)
	pair := c.call("POST", "/api/token/", login)
	next := c.call("POST", "/api/token/refresh/", map[string]string{"refresh": fmt.Sprint(pair["refresh"])})
	c.call("POST", "/api/token/blacklist/", map[string]string{"refresh": fmt.Sprint(next["refresh"])})
	c.Jar, _ = cookiejar.New(nil)
	key := c.call("POST", "/rest-auth/login/", login)["key"]
	c.call("GET", "/test_auth/session/", nil)
	c.Jar, c.token = nil, fmt.Sprint("Token ", key)
	c.call("PUT", "/rest-auth/user/", map[string]string{"username": "grace", "user name": "grace", "first_name": "Grace", "last_name": "Hopper"})
	c.call("POST", "/rest-auth/password/change/", map[string]string{"new_password1": password + "s", "new_password2": password + "s"})
	login["password"] += "s"
	c.token = ""
	c.Jar, _ = cookiejar.New(nil)
	key = c.call("POST", "/rest-auth/login/", login)["key"]
	c.token = fmt.Sprint("Token ", key)
	c.call("POST", "/rest-auth/logout/", nil)
	c.Jar = nil
	for _, path := range []string{"/knox/logout/", "/knox/logoutall/"} {
		r, _ := http.NewRequest("POST", "/", nil)
		r.SetBasicAuth("grace", login["password"])
		c.token = r.Header.Get("Authorization")
		c.token = fmt.Sprint("Token ", c.call("POST", "/knox/login/", nil)["token"])
		c.call("GET", "/test_auth/knox/", nil)
		c.call("POST", path, nil)
	}
	stop()
	<-ended
	return c.problems
}
