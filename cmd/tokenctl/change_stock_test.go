package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"tokenctl/django"
)

// stocked are the kinds whose credentials these tests change.
var stocked = []string{"drf", "knox", "jwt", "session"}

// stock is a world of users with one credential of each kind. Each test takes some users
// of its own.
type stock struct {
	*world
	taken    int
	sessions map[int]string // the key of a user's session
}

// newStock makes so many users with credentials, whose primary keys count from 1, and as
// many behind them that have none.
func newStock(w *world, n int) *stock {
	w.t.Helper()
	w.env = append(w.env, "TOKENCTL_SECRET_KEY="+serveSecretKey)
	w.people(2 * n)
	names := make([]string, n)
	for i := range names {
		names[i] = userName(i + 1)
	}
	for _, kind := range stocked {
		cmd := w.command("mint", "--kind", kind, "--users-from", "-", "-q")
		cmd.Stdin = strings.NewReader(strings.Join(names, "\n"))
		w.want(w.run(cmd), 0)
	}
	s := &stock{world: w, sessions: map[int]string{}}
	for line := range strings.Lines(w.sql("select session_key, session_data from django_session") + "\n") {
		key, data, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "|")
		login, err := django.ReadSessionLogin(data)
		if err != nil {
			w.t.Fatal(err)
		}
		user, err := strconv.Atoi(login.UserID)
		if err != nil {
			w.t.Fatal(err)
		}
		s.sessions[user] = key
	}
	return s
}

func userName(user int) string { return fmt.Sprintf("u%05d", user) }

// spare is a user without credentials.
func (s *stock) spare(user int) int { return user + len(s.sessions) }

// take returns users whom no other test has.
func (s *stock) take() (a, b int) {
	s.t.Helper()
	if s.taken += 2; s.taken > len(s.sessions) {
		s.t.Fatal("there are no users left")
	}
	return s.taken - 1, s.taken
}

// row names the row of a user's credential: its table, the column of its name there,
// and what selects it.
func (s *stock) row(kind string, user int) (table, name, where string) {
	where = "user_id = " + strconv.Itoa(user)
	switch kind {
	case "drf":
		return "authtoken_token", "key", where
	case "knox":
		return "knox_authtoken", "digest", where
	case "jwt":
		return "token_blacklist_outstandingtoken", "jti", where
	}
	return "django_session", "session_key", "session_key = '" + s.sessions[user] + "'"
}

// name is what names the row of a user's credential.
func (s *stock) name(kind string, user int) string {
	s.t.Helper()
	table, name, where := s.row(kind, user)
	got := s.sql("select " + name + " from " + table + " where " + where)
	if got == "" || strings.Contains(got, "\n") {
		s.t.Fatalf("%s of user %d: %q", kind, user, got)
	}
	return got
}

// id is the id of a user's only credential of a kind.
func (s *stock) id(kind string, user int) string {
	s.t.Helper()
	return strings.TrimSpace(s.ok("list", "--kind", kind, "--user", userName(user), "-o", "id"))
}

// works reports whether the credential is there, and not blacklisted.
func (s *stock) works(kind, name string) bool {
	s.t.Helper()
	table, column, _ := s.row(kind, 0)
	query := "select count(*) from " + table + " t where t." + column + " = '" + name + "'"
	if kind == "jwt" {
		query += " and not exists (select 1 from token_blacklist_blacklistedtoken b where b.token_id = t.id)"
	}
	switch got := s.sql(query); got {
	case "0", "1":
		return got == "1"
	default:
		s.t.Fatal(got)
		return false
	}
}

// do runs statements that return nothing.
func (w *world) do(statements ...string) {
	w.t.Helper()
	for _, statement := range statements {
		if got := w.sql(statement); got != "" {
			w.t.Fatalf("%s: %s", statement, got)
		}
	}
}

// asked runs a command on a terminal, which asks whether it may; meanwhile is called, and
// then the answer is yes.
func (w *world) asked(meanwhile func(), args ...string) (*terminal, int) {
	w.t.Helper()
	// It is so wide that no sentence is wrapped.
	p := w.terminalOf(24, 400, w.command(args...))
	p.shows("[y/N] ")
	meanwhile()
	io.WriteString(p.keys, "y\n")
	return p, p.ends(testLimit).status
}

// said fails where a process that has ended did not say something on its terminal.
func (p *terminal) said(what string, texts ...string) {
	p.w.t.Helper()
	for _, text := range texts {
		if !strings.Contains(p.screen(), text) {
			p.w.t.Errorf("%s: the terminal does not show %q but\n%s", what, text, p.screen())
		}
	}
}

// hasSecret reports whether a text holds something that may be the secret of a kind.
func hasSecret(kind, text string) bool {
	length := map[string]int{"drf": 40, "knox": 64, "session": 32}[kind]
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9') }) {
		if len(word) == length {
			return true
		}
	}
	return kind == "jwt" && strings.Contains(text, "eyJ")
}

// is fails unless a process ended as it should, and said so.
func (w *world) is(what string, r result, status int, said ...string) {
	w.t.Helper()
	if r.status != status {
		w.t.Errorf("%s: status %d, want %d: %s", what, r.status, status, r.stderr)
	}
	for _, part := range said {
		if !strings.Contains(r.stderr, part) {
			w.t.Errorf("%s: stderr lacks %q: %s", what, part, r.stderr)
		}
	}
}

// same fails unless the rows are what they were.
func (w *world) same(what, before string) {
	w.t.Helper()
	if after := w.everyRow(); after != before {
		w.t.Errorf("%s changed rows:\n%s", what, difference(before, after))
	}
}

// difference are the lines that one text has and the other has not.
func difference(before, after string) string {
	var b strings.Builder
	for _, side := range [][3]string{{"- ", before, after}, {"+ ", after, before}} {
		for line := range strings.Lines(side[1]) {
			if !strings.Contains(side[2], line) {
				b.WriteString(side[0] + line)
			}
		}
	}
	return b.String()
}
