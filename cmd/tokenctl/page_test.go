package main

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"tokenctl/db/dbtest"
)

// What the page shows, as JavaScript.
const (
	whoShown    = "who.innerText"
	answerShown = "answer.innerText"
	errorShown  = "document.getElementById('error').textContent"
	modalShown  = "dialog.open"
	curlShown   = "document.getElementById('curl').innerText"
	focus       = "document.activeElement.id"
)

const pagePassword = "a Good-password 7"

// login logs in by keyboard alone.
func (b *tab) login(name, password string, remember bool) {
	b.t.Helper()
	b.tabTo("open")
	b.types("\r")
	b.shows(focus, "username")
	b.types(name + "\t" + password)
	if remember {
		b.types("\t ")
	}
	b.types("\r")
}

// TestPage uses the page as people do.
func TestPage(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	chromium := browser(t)
	w := newWorld(t, "sqlite")
	w.user("alice", pagePassword)
	s := w.serve()
	for name, use := range map[string]func(*testing.T, context.Context, *world, *served){
		"by keyboard": pageByKeyboard, "remember me": pageRemembers, "another server": pageElsewhere,
		"policy": pagePolicy, "narrow": pageNarrow, "failures": pageFailures, "pasted": pagePasted,
	} {
		t.Run(name, func(t *testing.T) { use(t, chromium, w, s) })
	}
}

func pageByKeyboard(t *testing.T, chromium context.Context, w *world, s *served) {
	b := person(t, chromium)
	b.open(s.url)
	b.shows(whoShown, "Not logged in")
	b.picture("logged-out")
	b.login("alice", "wrong", false)
	b.shows(errorShown, "Unable to log in with provided credentials.")
	b.picture("wrong-password")
	b.shows(focus, "password")
	b.types(pagePassword + "\r") // the wrong one is selected, so this replaces it
	b.shows(whoShown, "alice")
	b.shows(modalShown, "false")
	b.shows(focus, "whoami")
	b.lacks(pagePassword)
	b.types("\r")
	b.shows(answerShown, `"username": "alice"`)
	b.tabTo("get")
	b.types("\r")
	b.shows(answerShown, "GET /test_auth/\n200 OK")
	b.shows(answerShown, `"Hello alice!"`)
	b.types("\t\r")
	b.shows(answerShown, `"Hello alice! Posted!"`)
	b.picture("answered")
	b.lacks(pagePassword)
	b.types("\x1b")
	b.run(chromedp.Evaluate[chromedp.Void]("document.activeElement.blur()"))
	b.tabTo("logout")
	b.types("\r")
	b.shows(whoShown, "Not logged in")
	b.shows(answerShown, "Successfully logged out.")
	b.shows(focus, "open")
	if got := w.sql("select count(*) from authtoken_token"); got != "0" {
		t.Errorf("%s tokens after logging out", got)
	}
	b.types("\r")
	b.shows(modalShown, "true")
	b.types("\x1b") // Escape
	b.shows(modalShown, "false")
	b.shows(focus, "open")
	b.clean()
}

// A reload keeps who is logged in; another tab and another day only with
// "remember me".
func pageRemembers(t *testing.T, chromium context.Context, _ *world, s *served) {
	for _, remember := range []bool{false, true} {
		b := person(t, chromium)
		b.open(s.url)
		b.login("alice", pagePassword, remember)
		b.shows(whoShown, "alice")
		b.run(chromedp.Reload())
		b.shows(whoShown, "alice")
		c := b.another()
		c.open(s.url)
		if !remember {
			c.shows(whoShown, "Not logged in")
			continue
		}
		c.shows(whoShown, "alice")
		c.click("logout")
		c.shows(whoShown, "Not logged in")
		b.shows(whoShown, "Not logged in") // at once
		c.run(chromedp.Reload())
		c.shows(whoShown, "Not logged in")
		b.clean()
		c.clean()
	}
}

// The page of one server can use another one that allows it.
func pageElsewhere(t *testing.T, chromium context.Context, w *world, s *served) {
	allows, forbids := w.serve("--cors-origin", s.url), w.serve("--cors-origin", "http://localhost:1")
	b := person(t, chromium)
	b.open(s.url)
	b.shows("document.getElementById('origin').textContent", s.url)
	enter := func(id, text string) {
		b.run(chromedp.Focus("#"+id), chromedp.Evaluate[chromedp.Void]("document.activeElement.select()"))
		b.types(text + "\t")
	}
	b.click("elsewhere")
	b.shows("document.querySelector('details').open", "true")
	use := func(url string) { enter("server", url); b.shows("elsewhere.textContent", url) }
	use(forbids.url)
	b.click("get")
	b.shows(answerShown, "does it allow this page's origin?")
	b.click("open")
	b.types("alice\t" + pagePassword + "\r")
	b.shows(errorShown, "does it allow this page's origin?")
	b.click("cancel")
	b.shows(focus, "open")
	if said := b.said(); len(said) != 2 || !strings.Contains(said[0], "blocked by CORS policy") {
		t.Errorf("the console says %q", said)
	}

	use(allows.url)
	b.click("open")
	b.types("alice\t" + pagePassword + "\r")
	b.shows(whoShown, "alice")
	b.click("get")
	b.shows(answerShown, `"Hello alice!"`)
	b.click("post")
	b.shows(answerShown, `"Hello alice! Posted!"`)
	b.run(chromedp.Reload())
	b.shows(whoShown, "alice")
	allows.logged(`"/test_auth/"`, `"POST"`, `"alice"`)

	b.click("elsewhere")
	// A token goes to the server that made it, and to no other.
	use(s.url)
	b.shows(whoShown, "Not logged in")
	b.click("get")
	b.shows(answerShown, "401 Unauthorized")
	enter("path", allows.url+"/test_auth/")
	b.click("get")
	b.shows(answerShown, "The path must begin with /")
	b.clean()
}

// The policy lets nothing run or load that is not the page's own. It is also
// what shows that a violation would be seen in the other tests.
func pagePolicy(t *testing.T, chromium context.Context, _ *world, s *served) {
	for _, try := range []string{
		`document.head.append(Object.assign(document.createElement("style"), {textContent: "body { color: red }"}))`,
		`document.head.append(Object.assign(document.createElement("script"), {textContent: "window.ran = 1"}))`,
		`document.head.append(Object.assign(document.createElement("script"), {src: "/test_auth/"}))`,
		`document.body.append(Object.assign(document.createElement("img"), {src: "/test_auth/"}))`,
		`document.body.append(Object.assign(document.createElement("iframe"), {src: "/healthz"}))`,
		`document.getElementById("who").setAttribute("onclick", "window.ran = 1")`,
	} {
		b := person(t, chromium)
		b.open(s.url)
		b.shows(whoShown, "Not logged in")
		b.clean()
		b.run(chromedp.Evaluate[chromedp.Void]("void " + try))
		if said := strings.Join(b.said(), "\n"); !strings.Contains(said, "Content Security Policy") {
			t.Errorf("%s: the console says %q", try, said)
		}
		if got := b.is("window.ran"); got != "undefined" {
			t.Errorf("%s: it ran", try)
		}
	}
}

// On a telephone nothing needs scrolling sideways, light or dark.
func pageNarrow(t *testing.T, chromium context.Context, _ *world, s *served) {
	for _, width := range []int64{320, 400, 1000} {
		for _, colours := range []string{"light", "dark"} {
			b := person(t, chromium)
			b.run(chromedp.EmulateViewport(width, 700))
			b.prefers("prefers-color-scheme", colours)
			b.open(s.url)
			name := "-" + b.is("innerWidth") + "-" + colours
			fits := func() {
				t.Helper()
				if b.is("document.documentElement.scrollWidth > innerWidth") == "true" {
					t.Errorf("%s: wider than the window", name)
				}
			}
			b.shows(whoShown, "Not logged in")
			fits()
			b.picture("logged-out" + name)
			b.click("open")
			b.shows(modalShown, "true")
			b.types("alice")
			fits()
			b.picture("modal" + name)
			b.types("\t" + pagePassword + "\r")
			b.shows(whoShown, "alice")
			b.click("get")
			b.shows(answerShown, `"Hello alice!"`)
			fits()
			b.picture("answered" + name)
			b.run(chromedp.EmulateViewport(width, 1400))
			b.click("reveal")
			fits()
			b.picture("whole" + name)
			b.run(chromedp.EmulateViewport(width, 700))
			b.click("forget")
			b.click("paste")
			b.shows("pasting.open", "true")
			fits()
			b.picture("pasting" + name)
			b.clean()
		}
	}
}

// What goes wrong is said.
func pageFailures(t *testing.T, chromium context.Context, w *world, s *served) {
	b := person(t, chromium)
	w.sql("delete from authtoken_token") // to log in means to write one
	r := w.serve("--read-only")
	b.open(r.url)
	b.login("alice", pagePassword, false)
	b.shows(errorShown, "This server is read-only.")
	b.clean()

	// A server that has ended, and one that no longer knows the token.
	b = person(t, chromium)
	gone := w.serve()
	b.open(gone.url)
	b.login("alice", pagePassword, false)
	b.shows(whoShown, "alice")
	w.ok("blacklist", "--user", "alice", "--yes", "-q")
	b.click("get")
	b.shows(answerShown, "401 Unauthorized")
	b.shows(answerShown, "Invalid token.")
	b.click("whoami")
	b.shows(whoShown, "Not logged in")
	gone.stops()
	b.click("get")
	b.shows(answerShown, "No answer.")
	b.clean()
}

// A pasted secret is used without a login, in the header that its kind has or that somebody
// chooses. The page never deletes it.
func pagePasted(t *testing.T, chromium context.Context, w *world, s *served) {
	key := strings.TrimSpace(w.ok("mint", "bob", "--create", "-q"))
	b := person(t, chromium)
	b.open(s.url)
	b.tabTo("paste")
	b.types("\r")
	b.shows(focus, "secret")
	b.types("two words\r")
	b.shows("pasteerror.innerText", "characters that no header carries")
	b.run(chromedp.Evaluate[chromedp.Void]("secret.select()"))
	b.types(key + "\r")
	b.shows(whoShown, "Using a pasted secret.")
	b.shows(focus, "get")
	b.shows("kind.value + header.value", "drfAuthorization: Token")
	b.types("\r")
	b.shows(answerShown, `"Hello bob!"`)
	b.shows(curlShown, "curl -H 'Authorization: Token ••••••••' -H 'Accept: application/json' '"+s.url+"/test_auth/'")
	if strings.Contains(b.is("document.body.innerText"), key) {
		t.Error("the page shows the secret")
	}
	b.click("reveal")
	b.shows(curlShown, "Token "+key)
	b.click("reveal")
	b.shows(curlShown, "Token ••••••••")

	// Another header, another path and another body.
	b.run(chromedp.Evaluate[chromedp.Void](`kind.value = "custom"; kind.dispatchEvent(new Event("change"))`))
	b.click("get")
	b.shows(answerShown, `"Hello bob!"`)
	b.run(chromedp.Evaluate[chromedp.Void](`path.value = "/api-token-auth/"; path.dispatchEvent(new Event("input")); body.value = '{"username": "it\'s none"}'`))
	b.click("post")
	b.shows(answerShown, "POST /api-token-auth/\n400 Bad Request")
	b.shows(curlShown, `--data '{"username": "it'\''s none"}'`)
	b.run(chromedp.Reload())
	b.shows(whoShown, "Using a pasted secret.")
	b.shows("kind.value + path.value", "custom/api-token-auth/")
	b.click("whoami")
	b.shows(answerShown, "GET /test_auth/custom/\n200 OK")
	b.run(chromedp.Evaluate[chromedp.Void](`header.value = "no header"; header.dispatchEvent(new Event("input"))`))
	b.click("get")
	b.shows(answerShown, "The header must begin with a name and a colon")

	// What a browser keeps for itself is said, and the command line has it.
	b.run(chromedp.Evaluate[chromedp.Void](`kind.value = "session"; kind.dispatchEvent(new Event("change"))`))
	b.click("get")
	b.shows(answerShown, "A browser lets no page choose the header Cookie.")
	b.shows(curlShown, "-H 'Cookie: sessionid=••••••••'")

	// There is nothing to log out of, and what is forgotten stays in the database.
	b.shows("logout.disabled", "true")
	b.click("forget")
	b.shows(whoShown, "Not logged in")
	b.lacks(key)
	if got := w.sql("select count(*) from authtoken_token where key = '" + key + "'"); got != "1" {
		t.Error("the page deleted the token")
	}

	// The form tells the kind, and so the header and a path.
	b.click("paste")
	b.types(strings.TrimSpace(w.ok("mint", "bob", "--kind", "knox", "-q")) + "\r")
	b.shows("kind.value + header.value + path.value", "knoxAuthorization: Token/test_auth/knox/")
	b.shows(focus, "get")
	b.types("\r")
	b.shows(answerShown, `"Hello bob!"`)
	b.click("paste")
	b.types("a.b.c\r")
	b.shows("kind.value + header.value + path.value", "jwtAuthorization: Bearer/test_auth/jwt/")
	b.shows(focus, "get") // the close event of the dialog moves the focus
	b.click("forget")

	// A login may give a token that others use: the page says what logging out does.
	b.login("alice", pagePassword, false)
	b.shows(whoShown, "Logged in as alice.")
	b.shows("note.innerText", "Log out deletes the token on the server, also for other clients that use it.")
	b.shows("paste.disabled", "true")
	b.click("forget")
	b.shows(answerShown, "Nothing was changed on the server.")
	if got := w.sql("select count(*) from authtoken_token t join auth_user u on u.id = t.user_id where u.username = 'alice'"); got != "1" {
		t.Error("forgetting deleted the token of alice")
	}
	w.ok("blacklist", "--user", "alice", "--user", "bob", "--yes", "-q")
	b.clean()
}
