package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clipperhouse/displaywidth"

	"tokenctl/db/dbtest"
)

// TestScreens shows what a person sees at a terminal of three widths, the same on both engines. The database is one of
// django.contrib.auth with names, and one of a user model with UUID keys and e-mail addresses. Golden files are in
// testdata/screen; TOKENCTL_UPDATE_SCRIPTS writes them.
func TestScreens(t *testing.T) {
	dbtest.Slow(t)
	t.Parallel()
	models := map[string]struct {
		make     func(testing.TB, string) string
		fill     func(*world)
		commands []string
	}{
		"names": {initialised, (*world).fillNames, []string{"list", "list --status disabled,dead", "list --columns +email,kind,last_login --kind drf", "user list", "user show carol", "show drf:3",
			"show jwt:0123456789abcdef0123456789abcdef", "verify jwt:0123456789abcdef0123456789abcdef", "blacklist --user alice", "user delete bob", "show drf:99", "list --expired"}},
		"uuid": {dbtest.Fresh, (*world).fillUUIDs, []string{"list", "list --kind drf", "user list", "blacklist --inactive", "show drf:5c1b2c3d-0000-4000-8000-000000000001"}},
	}
	dbtest.EachEngine(t, func(t *testing.T, engine string) {
		for model, m := range models {
			t.Run(model, func(t *testing.T) {
				w := newWorldOn(t, engine, m.make(t, engine))
				m.fill(w)
				if engine == "sqlite" {
					w.dir = filepath.Dir(w.file())
					w.env = append(w.env, "DATABASE_URL=sqlite:///"+filepath.Base(w.file()))
				}
				for _, width := range []uint16{60, 80, 140} {
					var seen strings.Builder
					for _, command := range m.commands {
						seen.WriteString("$ tokenctl " + command + "\n" + w.session(width, command) + "\n")
					}
					file := filepath.Join("testdata", "screen", fmt.Sprintf("%s-%d.txt", model, width))
					if os.Getenv("TOKENCTL_UPDATE_SCRIPTS") != "" {
						if err := os.WriteFile(file, []byte(seen.String()), 0o644); err != nil {
							t.Fatal(err)
						}
					}
					want, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					if seen.String() != string(want) {
						t.Errorf("%s is not what the terminal shows:\n%s", file, seen.String())
					}
				}
			})
		}
	})
}

// TestScreensOfDoctor shows the findings of doctor at three widths: all words, none of them broken.
func TestScreensOfDoctor(t *testing.T) {
	engines(t, func(w *world) {
		var findings []struct{ Check, Status, Found, Fix string }
		if err := json.Unmarshal([]byte(w.run(w.command("doctor", "-o", "json")).stdout), &findings); err != nil {
			t.Fatal(err)
		}
		for _, width := range []uint16{60, 80, 140} {
			p := w.terminalOf(1000, width, w.command("doctor"))
			p.ends(testLimit)
			screen := plain(p.screen())
			words := strings.Fields(screen)
			for _, f := range findings {
				for _, word := range strings.Fields(f.Check + " " + f.Status + " " + f.Found + " " + f.Fix) {
					i := slices.Index(words, word)
					if i < 0 {
						t.Fatalf("at %d columns the word %q of %s is not there:\n%s", width, word, f.Check, screen)
					}
					words = slices.Delete(words, i, i+1)
				}
			}
			for line := range strings.Lines(screen) {
				if n := displaywidth.String(strings.TrimSuffix(line, "\n")); n > int(width) && len(strings.Fields(line)) > 2 {
					t.Errorf("%d columns at a terminal of %d: %s", n, width, line)
				}
			}
		}
	})
}

// databaseName is how messages name a database of the tests. A long name may be the end of a line.
var databaseName = regexp.MustCompile(`in\s+(\S*db\.sqlite3|\S+\s+on\s+[^\s?,;:]+)`)

// secondsPattern is a time in a JWT.
var secondsPattern = regexp.MustCompile(`\b\d{10}\b`)

// session is what the screen shows of a command. A question is answered with no.
func (w *world) session(width uint16, command string) string {
	w.t.Helper()
	p := w.terminalOf(1000, width, w.command(strings.Fields(command)...))
	if verb, _, _ := strings.Cut(command, " --"); verb == "blacklist" || strings.HasPrefix(verb, "user delete") {
		p.shows("[y/N] ")
		io.WriteString(p.keys, "n\n")
	}
	p.ends(testLimit)
	text := plain(p.screen())
	for line := range strings.Lines(text) {
		if n := displaywidth.String(strings.TrimSuffix(line, "\n")); n > int(width) {
			w.t.Errorf("%s: %d columns at a terminal of %d: %s", command, n, width, line)
		}
	}
	text = strings.ReplaceAll(databaseName.ReplaceAllString(text, "in DATABASE"), "DATABASE?\n  [y/N]", "DATABASE? [y/N]")
	return timePattern.ReplaceAllString(secondsPattern.ReplaceAllString(text, "1234567890"), "TIME")
}

// ago is a moment for SQL, so long ago and a little more.
func (w *world) ago(d time.Duration) string {
	text := time.Now().Add(-d - 10*time.Minute).UTC().Format("2006-01-02 15:04:05.000000")
	if w.engine == "postgres" {
		text += "+00"
	}
	return "'" + text + "'"
}

const day = 24 * time.Hour

// fillNames makes users and credentials of every kind, whose ids and ages are the same in every run.
func (w *world) fillNames() {
	w.t.Helper()
	for i, u := range []struct{ name, rights, login string }{
		{"alice", "true, true, true", w.ago(5 * time.Hour)},
		{"bob", "false, true, true", w.ago(40 * day)},
		{"carol", "false, false, false", "null"},
		{"deploy-bot", "false, false, true", "null"},
		{"zoë", "false, false, true", w.ago(900 * day)},
	} {
		w.do(fmt.Sprintf(`insert into auth_user (id, password, username, first_name, last_name, email, is_superuser, is_staff, is_active, last_login, date_joined)
			values (%d, '!', '%s', '', '', '%s@example.com', %s, %s, %s)`, i+1, u.name, strings.ReplaceAll(u.name, "ë", "e"), u.rights, u.login, w.ago(1000*day)))
		w.do(fmt.Sprintf("insert into authtoken_token (key, created, user_id) values ('%040d', %s, %d)", i, w.ago(time.Duration(i*i*40)*time.Hour), i+1))
	}
	knox := func(digest string, user int, ends string) {
		w.do(fmt.Sprintf("insert into knox_authtoken (digest, token_key, created, expiry, user_id) values ('%s', '%.25s', %s, %s, %d)", strings.Repeat(digest, 16), digest+strings.Repeat("0", 25), w.ago(100*time.Minute), ends, user))
	}
	knox("0a1b2c3d", 1, w.ago(-10*time.Hour))
	knox("1a1b2c3d", 2, w.ago(day))
	knox("2a1b2c3d", 4, "null")
	for i, jti := range []string{"0123456789abcdef0123456789abcdef", "1123456789abcdef0123456789abcdef", "2123456789abcdef0123456789abcdef"} {
		user := []int{1, 3, 4}[i]
		created, ends := time.Now().Add(-3*day-time.Hour), time.Now().Add(12*day)
		w.do(fmt.Sprintf("insert into token_blacklist_outstandingtoken (id, token, jti, created_at, expires_at, user_id) values (%d, '%s', '%s', %s, %s, %d)",
			i+1, signed(jti, user, created, ends), jti, w.ago(3*day), w.ago(-12*day), user))
	}
	w.do("insert into token_blacklist_blacklistedtoken (id, blacklisted_at, token_id) values (1, " + w.ago(day) + ", 3)")
	w.do("insert into django_session (session_key, session_data, expire_date) values ('abcdefghijklmnopqrstuvwxyz012345', 'damaged', " + w.ago(-5*day) + ")")
}

// signed is a refresh token as simplejwt makes it.
func signed(jti string, user int, created, ends time.Time) string {
	claims, err := json.Marshal(map[string]any{"token_type": "refresh", "jti": jti, "user_id": user, "iat": created.Unix(), "exp": ends.Unix()})
	if err != nil {
		panic(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	mac := hmac.New(sha256.New, []byte("a key of the application"))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// fillUUIDs makes a user model of an application's own: UUID keys, and e-mail addresses as names.
func (w *world) fillUUIDs() {
	w.t.Helper()
	key, truth, moment := "uuid", "boolean", "timestamptz"
	if w.engine == "sqlite" {
		key, truth, moment = "char(32)", "bool", "datetime"
		if err := os.WriteFile(w.file(), nil, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	w.do("create table crm_person (id "+key+" not null primary key, password varchar(128) not null, last_login "+moment+" null, email varchar(60) not null unique, is_active "+truth+" not null, is_staff "+truth+" not null)",
		"create table authtoken_token (key varchar(40) not null primary key, created "+moment+" not null, user_id "+key+" not null unique references crm_person (id))",
		"create table knox_authtoken (digest varchar(128) not null primary key, token_key varchar(25) not null, created "+moment+" not null, expiry "+moment+" null, user_id "+key+" not null references crm_person (id))")
	for i, name := range []string{"ann.example@customers.example.org", "bea@example.org", "a.rather.long.name@a.department.example.org"} {
		id := fmt.Sprintf("5c1b2c3d00004000800000000000000%d", i+1)
		active, staff := []string{"true", "true", "false"}[i], []string{"false", "true", "false"}[i]
		w.do(fmt.Sprintf("insert into crm_person values ('%s', '!', null, '%s', %s, %s)", id, name, active, staff),
			fmt.Sprintf("insert into authtoken_token values ('%040d', %s, '%s')", i, w.ago(time.Duration(30*i)*day+day), id),
			fmt.Sprintf("insert into knox_authtoken values ('%s', '%025d', %s, %s, '%s')", strings.Repeat(fmt.Sprint("abcdef", i, "0"), 16), i, w.ago(2*day), w.ago(-time.Duration(i+2)*day), id))
	}
}
