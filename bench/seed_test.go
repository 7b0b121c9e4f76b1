package bench

import (
	"bufio"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tokenctl"
	"tokenctl/django"
)

// secretKey is the SECRET_KEY that the seeds are signed with.
const secretKey = "w7Jq2mZx9Rk4Tn8Vb3Lc6Yd1Hf5Gs0PaQeUiXoBzMtNv2K"

// password is every user's: unusable, so that nobody waits for a hash.
const password = "!abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"

// sessions is how many sessions are encoded: of a million only their keys differ
// from one another, as packing each takes longer than all the rest.
const sessions = 5000

// seeds are finished rows as CSV files, a file for each table, which psql and
// sqlite3 load as they are. All of them are live; their tokens are ten days old
// and older, by a spread that is not their order.
type seeds struct {
	dir  string
	rows int
	now  time.Time
}

// columns are those of a seed's file, in the order of the table on SQLite.
var columns = map[string]struct{ table, names string }{
	"users":   {"auth_user", "id,password,last_login,is_superuser,username,last_name,email,is_staff,is_active,date_joined,first_name"},
	"drf":     {"authtoken_token", "key,created,user_id"},
	"knox":    {"knox_authtoken", "digest,created,user_id,expiry,token_key"},
	"jwt":     {"token_blacklist_outstandingtoken", "token,created_at,expires_at,user_id,jti,id"},
	"session": {"django_session", "session_key,session_data,expire_date"},
}

func newSeeds(t testing.TB, rows int) *seeds {
	return &seeds{dir: t.TempDir(), rows: rows, now: time.Now().UTC()}
}

// file returns the path of a seed's file, which it writes when it is not there.
func (s *seeds) file(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(s.dir, name+".csv")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if kind, secrets := strings.CutSuffix(name, "-secrets"); secrets {
		s.write(t, path, "", func(i int) string { return s.secret(kind, i) })
	} else if name == "names" {
		s.write(t, path, "username,email,first_name,last_name", func(i int) string {
			return fmt.Sprintf("user%d,user%[1]d@example.org,First%[1]d,Last%[1]d", i)
		})
	} else {
		s.write(t, path, columns[name].names, s.line(t, name))
	}
	return path
}

// line returns what makes the i-th row of a table, counted from 1.
func (s *seeds) line(t testing.TB, name string) func(i int) string {
	t.Helper()
	later := s.text(s.now.AddDate(10, 0, 0))
	switch name {
	case "users":
		return func(i int) string {
			return fmt.Sprintf("%d,%s,%s,0,user%[1]d,Last%[1]d,user%[1]d@example.org,0,1,%[3]s,First%[1]d", i, password, s.text(s.created(i)))
		}
	case "drf":
		return func(i int) string {
			return fmt.Sprintf("%s,%s,%d", s.secret(name, i), s.text(s.created(i)), i)
		}
	case "knox":
		return func(i int) string {
			token := s.secret(name, i)
			return fmt.Sprintf("%x,%s,%d,%s,%s", sha512.Sum512([]byte(token)), s.text(s.created(i)), i, later, token[:15])
		}
	case "jwt":
		backend := newBackend(t)
		return func(i int) string {
			jti := random(name, i)[:32]
			claims, err := backend.NewRefresh(django.JWTUser{ID: strconv.Itoa(i), Integer: true}, s.created(i), jti, nil)
			if err != nil {
				t.Fatal(err)
			}
			secret, err := backend.Encode(claims)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("%s,%s,%s,%d,%s,%[4]d", secret.Reveal(), s.text(s.created(i)), later, i, jti)
		}
	}
	data := s.sessions(t)
	return func(i int) string { return s.secret(name, i) + "," + data[i%len(data)] + "," + later }
}

// secret is the i-th secret of a kind.
func (s *seeds) secret(kind string, i int) string {
	return random(kind, i)[:map[string]int{"drf": 40, "knox": 64, "session": 32}[kind]]
}

func (s *seeds) write(t testing.TB, path, header string, line func(i int) string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	if header != "" {
		fmt.Fprintln(w, header)
	}
	for i := 1; i <= s.rows; i++ {
		fmt.Fprintln(w, line(i))
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// fill puts paths and times into a script or an argument: {drf} is a file of
// finished rows, {day} a day ago, {half year} 180 days, {year} 365 days, {now} the present, {first session} a key.
func (s *seeds) fill(t testing.TB, text, out string) string {
	t.Helper()
	pairs := []string{"{out}", out, "{now}", s.text(s.now), "{day}", s.text(s.now.AddDate(0, 0, -1)), "{half year}", s.text(s.now.AddDate(0, 0, -180)), "{year}", s.text(s.now.AddDate(0, 0, -365)), "{first session}", s.secret("session", 1)}
	for _, name := range []string{"users", "drf", "knox", "jwt", "session", "names", "drf-secrets", "knox-secrets", "session-secrets"} {
		if strings.Contains(text, "{"+name+"}") {
			pairs = append(pairs, "{"+name+"}", s.file(t, name))
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// text is a time as both databases read it.
func (s *seeds) text(t time.Time) string { return t.Format("2006-01-02 15:04:05.000000") }

// created is when the i-th row was made: within the week before ten days ago.
func (s *seeds) created(i int) time.Time {
	const week = 7 * 24 * time.Hour
	return s.now.AddDate(0, 0, -10).Add(-time.Duration(i) * 2654435761 * time.Microsecond % week)
}

// random is as good as random, and the same in every run.
func random(kind string, i int) string {
	sum := sha256.Sum256(strconv.AppendInt([]byte(kind), int64(i), 10))
	return hex.EncodeToString(sum[:])
}

func newBackend(t testing.TB) *django.JWTBackend {
	t.Helper()
	settings := tokenctl.JWTSettings{RefreshTokenLifetime: tokenctl.Duration{Duration: 10 * 365 * 24 * time.Hour}}
	keys, err := django.NewJWTKeys(settings, nil, nil, tokenctl.NewSecret(secretKey))
	if err != nil {
		t.Fatal(err)
	}
	backend, err := django.NewJWTBackend(settings, keys, "", "")
	if err != nil {
		t.Fatal(err)
	}
	return backend
}

// sessions are those of the first users, as Django encodes them.
func (s *seeds) sessions(t testing.TB) []string {
	t.Helper()
	key := tokenctl.NewSecret(secretKey)
	hash := django.SessionAuthHash(key, password)
	data := make([]string, min(s.rows, sessions))
	for i := range data {
		text, err := django.EncodeSession(django.LoginSession(strconv.Itoa(i+1), "", hash), key, s.now)
		if err != nil {
			t.Fatal(err)
		}
		data[i] = text
	}
	return data
}
