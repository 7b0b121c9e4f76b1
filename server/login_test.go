package server_test

import (
	"crypto/rand"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// TestConcurrentLogins asks for the token of a user who has none many times at
// once: everybody gets the same, and one row is left.
func TestConcurrentLogins(t *testing.T) {
	t.Parallel()
	p := djangotest.Peers(t)[0]
	dbtest.EachEngine(t, func(t *testing.T, engine string) {
		_, url, _ := someone(t, p, engine)
		dbtest.Query(url, "delete from authtoken_token")
		c := newServer(t, url, tokenctl.Peers{}, djangotest.SecretKey)
		const clients = 12
		answers := make([]string, clients)
		var group sync.WaitGroup
		for i := range clients {
			path := []string{"/api-token-auth/", "/rest-auth/login/"}[i%2]
			group.Go(func() {
				w := ask(t, c, "POST", path, `{"username":"alice","password":"correct horse"}`)
				if w.StatusCode != http.StatusOK {
					t.Errorf("%s: %d", path, w.StatusCode)
				}
				answers[i] = text(t, w)
			})
		}
		group.Wait()
		key := strings.TrimSpace(dbtest.Query(url, "select key from authtoken_token"))
		if len(key) != 40 {
			t.Fatalf("the rows are %q", key)
		}
		for _, answer := range answers {
			if !strings.Contains(answer, key) {
				t.Errorf("%s, but the token is another", answer)
			}
		}
	})
}

// TestUnknownUserCostsAHash makes sure that the time of a refusal does not tell
// whether there is such a user: a salt is drawn for nobody, too.
func TestUnknownUserCostsAHash(t *testing.T) {
	t.Parallel()
	p := djangotest.Peers(t)[0]
	pr, url, _ := someone(t, p, "sqlite")
	pr.Eval(`User.objects.create_user("nopassword")`, nil)
	c := newServer(t, url, tokenctl.Peers{}, djangotest.SecretKey)
	drawn := 0
	c.Env.Random = readerFunc(func(b []byte) (int, error) {
		drawn += len(b)
		return rand.Read(b)
	})
	for _, name := range []string{"nobody", "nopassword"} {
		drawn = 0
		w := ask(t, c, "POST", "/api-token-auth/", `{"username":"`+name+`","password":"x"}`)
		if w.StatusCode != http.StatusBadRequest || drawn == 0 {
			t.Errorf("%s: %d, and %d random bytes for a salt", name, w.StatusCode, drawn)
		}
	}
}
