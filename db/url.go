// Package db is everything in tokenctl that speaks SQL: opening the database,
// finding out its layout, and one file for each Django app. It works on
// PostgreSQL and on SQLite through database/sql.
package db

import (
	"net/url"
	"path/filepath"
	"strings"

	"tokenctl/django"
)

// Engine is a family of databases.
type Engine string

// The engines.
const (
	PostgreSQL Engine = "postgres"
	SQLite     Engine = "sqlite"
)

// Target is a database that a URL names.
type Target struct {
	Engine Engine
	Path   string // SQLite: the file
	url    string // PostgreSQL: what pgx parses; may hold a password
}

const urlHint = "write postgresql://user@host/database, sqlite:///relative.db or sqlite:////absolute.db"

// ParseURL reads a database URL: postgres:// or postgresql:// with whatever
// pgx and libpq understand behind it, sqlite:///relative.db or
// sqlite:////absolute.db (the convention of dj-database-url). A relative path
// counts from dir. Errors never quote the URL, which may hold a password.
func ParseURL(raw, dir string) (Target, error) {
	bad := func(message string) (Target, error) {
		return Target{}, &django.Error{Code: django.CodeUsage, Message: message, Hint: urlHint}
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return bad("the database URL has no scheme")
	}
	switch scheme {
	case "postgres", "postgresql":
		if _, err := postgresConfig(raw); err != nil {
			return bad("the database URL is not one that PostgreSQL's client understands")
		}
		return Target{Engine: PostgreSQL, url: raw}, nil
	case "sqlite", "sqlite3":
		path, ok := strings.CutPrefix(rest, "/")
		if !ok {
			return bad("a SQLite URL has three slashes before a relative path and four before an absolute one")
		}
		if strings.ContainsAny(path, "?#") {
			return bad("a SQLite URL takes no parameters")
		}
		path, err := url.PathUnescape(path)
		if err != nil || strings.ContainsRune(path, 0) {
			return bad("the path in the SQLite URL is not well-formed")
		}
		if path == "" || path == ":memory:" || strings.HasSuffix(path, "/") {
			return bad("the SQLite URL names no file")
		}
		return FileTarget(path, dir), nil
	}
	if strings.ContainsFunc(scheme, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '+' }) {
		return bad("the database URL has no scheme")
	}
	return bad("tokenctl does not know databases of the kind " + scheme + "://")
}

// FileTarget is the SQLite database in the file path, which counts from dir
// when relative.
func FileTarget(path, dir string) Target {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return Target{Engine: SQLite, Path: filepath.Clean(path)}
}

// LibpqTarget is the PostgreSQL database that libpq's environment variables
// (PGHOST, PGSERVICE, PGDATABASE, …) name.
func LibpqTarget() (Target, error) {
	if _, err := postgresConfig(""); err != nil {
		return Target{}, &django.Error{Code: django.CodeUsage,
			Message: "the PG… environment variables do not name a database",
			Hint:    "check PGSERVICE, PGHOST, PGPORT, PGSSLMODE and the service file"}
	}
	return Target{Engine: PostgreSQL}, nil
}

// HasPassword reports whether a database URL carries a password, in the user
// part or as a parameter. It errs on the side of yes.
func HasPassword(raw string) bool {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || strings.Contains(scheme, "password") {
		return strings.Contains(raw, "password")
	}
	if strings.HasPrefix(scheme, "sqlite") {
		return false
	}
	// A password with a slash or a question mark that should have been encoded
	// ends the authority early.
	authority, _, _ := strings.Cut(rest, "/")
	head, query, _ := strings.Cut(rest, "?")
	for _, part := range []string{authority, head} {
		if i := strings.LastIndex(part, "@"); i >= 0 && strings.Contains(part[:i], ":") {
			return true
		}
	}
	query, err := url.QueryUnescape(query)
	return err != nil || strings.Contains(strings.ToLower(query), "password=")
}

// String names the database for people, without any password.
func (t Target) String() string {
	if t.Engine == SQLite {
		return t.Path
	}
	config, err := postgresConfig(t.url)
	if err != nil {
		return string(t.Engine)
	}
	name := config.Database
	if name == "" {
		name = config.User // as libpq has it
	}
	return name + " on " + config.Host
}
