package commands_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tokenctl/cache/redistest"
	"tokenctl/commands"
	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// documentedClass is the class of docs/recipes.md for the application.
func documentedClass(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "recipes.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```python\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(m[1], "(JWTAuthentication)") {
			if n := strings.Count(m[1], "\n"); n > 40 {
				t.Errorf("the class takes %d lines", n)
			}
			return m[1]
		}
	}
	t.Fatal("docs/recipes.md has no class")
	return ""
}

// denylistTokens are access tokens that Django makes: two of alice, one of hers without iat, and
// one of bob.
const denylistTokens = `
from rest_framework_simplejwt.tokens import AccessToken
users = [User.objects.create_user(name, password=None, is_staff=name == "bob") for name in ("alice", "bob")]
result = [str(AccessToken.for_user(user)) for user in (users[0], users[0], users[1])]
timeless = AccessToken.for_user(users[0])
timeless.payload.pop("iat", None)
result.append(str(timeless))`

// denylistView asks a view of DRF behind the documented class.
const denylistView = `
import os
os.environ["DENYLIST_URL"] = denylist
os.environ["DENYLIST_PREFIX"] = "shop:"
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView
module = {}
exec(source, module)
class View(APIView):
    authentication_classes = [module["DenylistAuthentication"]]
    permission_classes = [IsAuthenticated]
    def get(self, request):
        return Response("Hello %s!" % request.user.username)
answer = View.as_view()(APIRequestFactory().get("/", HTTP_AUTHORIZATION="Bearer " + token))
answer.render()
result = {"Status": answer.status_code, "Body": answer.content.decode()}`

// serving starts tokenctl serve in this process, and returns its URL.
func serving(t testing.TB, c cli, args ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	read, write := io.Pipe()
	var errs bytes.Buffer
	app := &commands.App{Stdin: strings.NewReader(""), Stdout: write, Stderr: &errs, Now: time.Now, Random: rand.Reader,
		Getenv: func(name string) string {
			if name == "DATABASE_URL" {
				return c.url
			}
			return c.env[name]
		}}
	ended := make(chan int, 1)
	go func() {
		ended <- app.Run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...))
		write.Close()
	}()
	ready, err := bufio.NewReader(read).ReadString('\n')
	t.Cleanup(func() {
		stop()
		<-ended
	})
	if err != nil {
		stop()
		t.Fatal(errs.String())
	}
	go io.Copy(io.Discard, read) //nolint:errcheck // nothing more comes
	return strings.TrimSpace(ready)
}

// TestPeerDenylist: what tokenctl writes is refused by the documented class in real DRF and by
// serve, with the same bytes, and nothing is refused before.
func TestPeerDenylist(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	source := documentedClass(t)
	dbtest.EachPeer(t, func(t *testing.T, p djangotest.Peer, engine string) {
		redis := redistest.Start(t)
		pr, database := dbtest.Migrated(t, p, engine, djangotest.Options{})
		config := privateFile(t, "[denylist]\nurl = \"redis://"+redis.Addr+"/0\"\nprefix = \"shop:\"\n[peers]\nsimplejwt = \""+p.SimpleJWT+"\"\n")
		c := withKey(cli{t: t, url: database, more: []string{"--config", config}}, djangotest.SecretKey)
		address := serving(t, c, "--config", config)
		var tokens []string
		pr.Eval(denylistTokens, &tokens)
		const alice, another, bob, timeless = 0, 1, 2, 3
		expect := func(when string, want map[int]int) {
			t.Helper()
			for i, status := range want {
				var peer struct {
					Status int
					Body   string
				}
				pr.Eval(denylistView, &peer, djangotest.Vars{"source": source, "token": tokens[i], "denylist": redis.URL("")})
				gotStatus, gotBody := get(t, address+"/test_auth/jwt/", tokens[i])
				if peer.Status != status || gotStatus != peer.Status || gotBody != peer.Body {
					t.Errorf("%s: token %d: DRF answers %d %s, serve %d %s, want %d", when, i, peer.Status, peer.Body, gotStatus, gotBody, status)
				}
				if status == http.StatusUnauthorized && !strings.Contains(gotBody, `"message":"Token is blacklisted"`) {
					t.Errorf("%s: %s", when, gotBody)
				}
				if status != http.StatusServiceUnavailable && i != bob {
					if active := introspected(t, address, tokens[bob], tokens[i]); active != (status == http.StatusOK) {
						t.Errorf("%s: token %d: active is %v", when, i, active)
					}
				}
			}
		}
		expect("before", map[int]int{alice: 200, another: 200, bob: 200, timeless: 200})
		c.must(tokens[alice], "blacklist", "-")
		expect("one", map[int]int{alice: 401, another: 200, bob: 200, timeless: 200})
		c.must(tokens[alice], "unblacklist", "-")
		expect("none", map[int]int{alice: 200})
		c.must("", "blacklist", "--user", "alice", "--yes")
		expect("all of alice", map[int]int{alice: 401, another: 401, bob: 200, timeless: 401})
		entry := c.must("", "denylist", "list", "-o", "id")
		void, err := strconv.ParseInt(redis.Do("get", "shop:"+entry), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		redis.Do("set", "shop:"+entry, void-1000)
		expect("what is older", map[int]int{alice: 200, timeless: 401})
		redis.Do("set", "shop:"+entry, "soon")
		expect("a value that is no time", map[int]int{alice: 401})
		c.must("", "denylist", "remove", entry)
		expect("removed", map[int]int{alice: 200, timeless: 200})
		redis.Stop()
		expect("without Redis", map[int]int{alice: 503, bob: 503})
		if status, body := introspect(t, address, tokens[alice], tokens[another]); status != http.StatusServiceUnavailable {
			t.Errorf("without Redis /introspect answers %d %s", status, body)
		}
		if _, errs, status := c.run(tokens[alice], "verify", "-"); status != 7 {
			t.Errorf("verify: status %d: %s", status, errs)
		}
		redis.Restart()
		expect("with Redis again", map[int]int{alice: 200})
	})
}

func sendAs(t testing.TB, r *http.Request, scheme, token string) (status int, body string) {
	t.Helper()
	if token != "" {
		r.Header.Set("Authorization", scheme+" "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func get(t testing.TB, address, token string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return sendAs(t, r, "Bearer", token)
}

// introspect asks about a token as the owner of another one.
func introspect(t testing.TB, address, caller, token string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/introspect", strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return sendAs(t, r, "Bearer", caller)
}

func introspected(t testing.TB, address, caller, token string) bool {
	t.Helper()
	status, body := introspect(t, address, caller, token)
	if status != http.StatusOK {
		t.Errorf("/introspect answers %d %s", status, body)
	}
	return strings.Contains(body, `"active":true`)
}
