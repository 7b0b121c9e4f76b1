package engine

import (
	"cmp"
	"errors"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"tokenctl"

	"github.com/jackc/pgx/v5"
)

// Target is a database that a URL names.
type Target struct {
	Engine  Dialect
	Path    string // SQLite: the file
	Ignored string // a file that libpq ignores, and why, in libpq's words
	url     string // PostgreSQL: keywords and values for pgx; may contain a password
	shown   string // the URL without its password
}

// schemes are the URL schemes of django-environ and dj-database-url for databases that Django supports
// itself.
var schemes = map[string]Dialect{
	"postgres": PostgreSQL, "postgresql": PostgreSQL, "psql": PostgreSQL, "pgsql": PostgreSQL, "postgis": PostgreSQL,
	"sqlite": SQLite, "sqlite3": SQLite, "spatialite": SQLite,
}

const urlHint = "write postgresql://user@host/database, sqlite:///relative.db or sqlite:////absolute.db"

func badURL(message string) error {
	return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: message, Hint: urlHint}
}

// errUnescaped is the error for a URL whose password cannot be told apart from the rest. It quotes no
// part of the URL.
var errUnescaped = &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "the database URL has a character that must be escaped, for example in the password",
	Hint: "write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25"}

// ParseURL reads a database URL of django-environ, dj-database-url or libpq:
// postgresql://user@host/database, sqlite:///relative.db or sqlite:////absolute.db. A relative path
// counts from dir. Errors never quote a value of the URL, because it may be a part of a password.
func ParseURL(raw, dir string) (Target, error) {
	raw = strings.Trim(raw, " \t\r\n") // as Python's urlsplit does
	if name := tokenctl.Invisible(raw); name != "" {
		return Target{}, &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "the database URL has " + name + " in it", Hint: "remove it, or write it escaped, such as %20"}
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme == "" || strings.ContainsFunc(scheme, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("+-.", r)
	}) {
		return Target{}, badURL("the database URL has no scheme")
	}
	switch schemes[scheme] {
	case PostgreSQL:
		return parsePostgres(scheme, rest)
	case SQLite:
		return parseSQLite(raw, rest, dir)
	}
	if HasPassword(raw) {
		return Target{}, badURL("tokenctl does not know databases of this URL's kind")
	}
	return Target{}, badURL("tokenctl does not know databases of the kind " + scheme + "://")
}

func parseSQLite(raw, rest, dir string) (Target, error) {
	hash := strings.Contains(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	path, ok := strings.CutPrefix(rest, "/")
	switch {
	case rest == "" || rest == ":memory:":
		return Target{}, badURL("the SQLite URL names a database in memory, not a file")
	case !ok:
		return Target{}, badURL("a SQLite URL has three slashes before a relative path and four before an absolute one")
	case hash:
		return Target{}, &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "the SQLite URL has a # in it", Hint: "write it as %23"}
	}
	err := eachParameter(query, func(name, _ string) error { return unknownParameter(name) })
	if err != nil {
		return Target{}, err
	}
	path, err = url.PathUnescape(path)
	if err != nil || strings.ContainsRune(path, 0) {
		return Target{}, badURL("the path in the SQLite URL is not well-formed")
	}
	if path == "" || path == ":memory:" || strings.HasSuffix(path, "/") {
		return Target{}, badURL("the SQLite URL names no file")
	}
	t := FileTarget(path, dir)
	t.shown, _, _ = strings.Cut(raw, "?")
	return t, nil
}

// djangoOnly are parameters for Django, which tokenctl ignores; case does not matter: _DB_BASE_OPTIONS
// of environ/environ.py (0.12), and arguments of dj_database_url.
var djangoOnly = map[string]bool{"conn_max_age": true, "conn_health_checks": true, "atomic_requests": true, "autocommit": true, "disable_server_side_cursors": true}

// eachParameter calls f for every parameter of a URL, except those of djangoOnly.
func eachParameter(query string, f func(name, value string) error) error {
	secret := false // an earlier parameter may be a secret with an & that is not escaped
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, assigned := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		switch {
		case err1 != nil || err2 != nil || !parameterName(name):
			return errUnescaped
		case djangoOnly[strings.ToLower(name)]:
			continue
		case secret && !slices.Contains(libpqParameters, name):
			return errUnescaped
		case !assigned || value == "":
			what := "a parameter" // the name may be a part of a password
			if assigned {
				what = "the parameter " + name
			}
			return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: what + " of the database URL is empty", Hint: "leave it out, or give it a value"}
		}
		if err := f(name, value); err != nil {
			return err
		}
		secret = secret || secretParameter(name)
	}
	return nil
}

// parameterName reports whether a text looks like the name of a parameter, and so not like a part of a
// password.
func parameterName(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' && r != '.'
	})
}

func unknownParameter(name string) error {
	return &tokenctl.Error{Code: tokenctl.CodeUsage, Message: "tokenctl does not know the parameter " + name + " of the database URL",
		Hint: "leave it out; PostgreSQL's own settings can be given as options=-c%20name=value"}
}

// FileTarget returns the SQLite database in a file. A relative path counts from dir.
func FileTarget(path, dir string) Target {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return Target{Engine: SQLite, Path: filepath.Clean(path)}
}

// HasPassword reports whether a database URL, or a list of keywords and values, contains a password in
// any place. In doubt the result is true.
func HasPassword(raw string) bool {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || strings.ContainsAny(scheme, " =") {
		return namesSecret(strings.ReplaceAll(raw, "%", ""))
	}
	authority, behind := cutAuthority(rest)
	_, query, _ := strings.Cut(behind, "?")
	if namesSecret(query) {
		return true
	}
	user, hosts, found := cutLast(authority, "@")
	if found && strings.Contains(user, ":") {
		return true
	}
	if schemes[strings.ToLower(scheme)] == SQLite {
		return strings.Contains(authority, ":") && rest != ":memory:" // the rest is a path
	}
	// If the password has a character that should be escaped, the authority ends too early.
	for host := range strings.SplitSeq(hosts, ",") {
		if _, port := cutPort(host); strings.Trim(port, "0123456789") != "" {
			return true
		}
	}
	if _, err := parameters(rest); errors.Is(err, errUnescaped) {
		return strings.Contains(authority, ":") || found
	}
	return false
}

// namesSecret reports whether a text assigns a value to a name that looks like a secret's.
func namesSecret(text string) bool {
	text, err := url.QueryUnescape(text)
	if err != nil {
		return true
	}
	parts := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune("&;?# \t\r\n", r) })
	for i, part := range parts {
		name, _, assigned := strings.Cut(part, "=")
		if !assigned && (i+1 == len(parts) || !strings.HasPrefix(parts[i+1], "=")) {
			continue
		}
		if secretParameter(name) {
			return true
		}
	}
	return false
}

// secretParameter reports whether a parameter of this name may contain a secret.
func secretParameter(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "pass") && name != "passfile" || strings.Contains(name, "pwd") || strings.Contains(name, "secret")
}

// String names the database for people, without a password.
func (t Target) String() string {
	if t.Engine == SQLite {
		return t.Path
	}
	config, err := postgresConfig(t.url)
	if err != nil {
		return string(t.Engine)
	}
	return databaseName(config) + " on " + config.Host
}

// databaseName returns the name of the database; libpq's default is the user's name.
func databaseName(config *pgx.ConnConfig) string { return cmp.Or(config.Database, config.User) }

// URL returns the URL without its password. For a database that no URL names it returns the same as
// String.
func (t Target) URL() string {
	switch {
	case t.shown != "":
		return t.shown
	case t.Engine == SQLite:
		return "sqlite:///" + t.Path
	}
	return t.String()
}
