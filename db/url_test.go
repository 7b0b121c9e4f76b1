package db_test

import (
	"maps"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"tokenctl/db"
	"tokenctl/django"
)

func TestParseURL(t *testing.T) {
	for _, test := range []struct {
		url, dir string
		engine   db.Engine
		text     string // what the target prints as
	}{
		{"postgres://ann@db.example/app", "", db.PostgreSQL, "app on db.example"},
		{"postgresql://ann:hunter2@db.example:6432/app?sslmode=require", "", db.PostgreSQL, "app on db.example"},
		{"postgres://ann:h%3Aunter2@a.example,b.example/app?target_session_attrs=read-write", "", db.PostgreSQL, "app on a.example"},
		{"postgres://ann@db.example", "", db.PostgreSQL, "ann on db.example"},
		{"postgres://ann@/app?host=/run/postgresql", "", db.PostgreSQL, "app on /run/postgresql"},
		{"postgres://ann@[::1]:5432/app?password=hunter2", "", db.PostgreSQL, "app on ::1"},
		{"postgres://h/app?options=-csearch_path%3Dtenant", "", db.PostgreSQL, "app on h"},
		{"sqlite:///db.sqlite3", "", db.SQLite, "db.sqlite3"},
		{"sqlite:///db.sqlite3", "/srv/app", db.SQLite, "/srv/app/db.sqlite3"},
		{"sqlite:///../db.sqlite3", "/srv/app", db.SQLite, "/srv/db.sqlite3"},
		{"sqlite:////srv/db.sqlite3", "/elsewhere", db.SQLite, "/srv/db.sqlite3"},
		{"sqlite3:////srv/db.sqlite3", "", db.SQLite, "/srv/db.sqlite3"},
		{"sqlite:////srv/a%3Fb%23c%20d%25.db", "", db.SQLite, "/srv/a?b#c d%.db"},
		{"sqlite:////srv/a b:c@d.db", "", db.SQLite, "/srv/a b:c@d.db"},
	} {
		got, err := db.ParseURL(test.url, test.dir)
		if err != nil {
			t.Errorf("%s: %v", test.url, err)
			continue
		}
		if got.Engine != test.engine || got.String() != test.text {
			t.Errorf("%s: %s %q, want %s %q", test.url, got.Engine, got, test.engine, test.text)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	for _, raw := range []string{
		"", "db.sqlite3", "/srv/db.sqlite3", "host=db user=ann password=hunter2", "://", "postgres:/h/app",
		"postgres://u:hunter2@h:notaport/app", "postgres://h/app?sslmode=hunter2", "postgres://h/app?options=-x",
		"postgres://h/app?options=-c", "postgres://h/app?options=-cfoo", "postgres://u:hunter2@h/%zz",
		"postgres://h/app?service=hunter2-is-no-service", "postgres://h/app?sslrootcert=/nowhere/hunter2",
		"sqlite://", "sqlite:///", "sqlite://db.sqlite3", "sqlite:///:memory:", "sqlite:///dir/", "sqlite:///a?mode=ro",
		"sqlite:///a#b", "sqlite:///a%00b", "sqlite:///a%zz",
		"mysql://u:hunter2@h/app", "file:///srv/db.sqlite3", "hunter 2://x", "Postgres://h/app",
	} {
		target, err := db.ParseURL(raw, "")
		if django.CodeOf(err) != django.CodeUsage {
			t.Errorf("%q: %v, %v, want a usage error", raw, target, err)
		} else if strings.Contains(err.Error(), "hunter") {
			t.Errorf("%q: the error quotes the URL: %v", raw, err)
		}
	}
}

func TestHasPassword(t *testing.T) {
	for raw, want := range map[string]bool{
		"postgres://ann@h/app":                             false,
		"postgres://h:5432/app":                            false,
		"postgres://[::1]:5432/app":                        false,
		"postgres://ann@[::1]:5432/app":                    false,
		"postgres://h:5432/app?user=ann@realm":             false,
		"postgres://h/app?passfile=/home/ann/.pgpass":      false,
		"postgres://a:1,b:2/app?target_session_attrs=any":  false,
		"sqlite:////srv/a:b@c.db":                          false,
		"sqlite:///password.db":                            false,
		"postgres://ann:hunter2@h/app":                     true,
		"postgres://ann:@h/app":                            true,
		"postgres://:hunter2@h/app":                        true,
		"postgres://ann:hunter%32@h/app":                   true,
		"postgres://ann:p@ss@h/app":                        true,
		"postgres://ann:12/34@h/app":                       true,
		"postgres://ann:12?34@h/app":                       true,
		"postgres://ann:12#34@h/app":                       true,
		"postgres://ann@h/app?password=hunter2":            true,
		"postgres://ann@h/app?sslmode=require&password=x":  true,
		"postgres://ann@h/app?p%61ssword=x":                true,
		"postgres://ann@h/app?PASSWORD=x":                  true,
		"postgres://ann@h/app?sslpassword=x":               true,
		"postgres://ann@h/app?%zz=x":                       true,
		"mysql://ann:hunter2@h/app":                        true,
		"host=h user=ann password=hunter2":                 true,
		"host=h password=a://b":                            true,
		"postgres://ann@h/app?sslmode=require;password=x":  true,
		"postgres://ann@h/app?sslmode=require;sslkey=/k":   false,
		"postgres://ann@h/app?sslmode=disable?password=no": true,
	} {
		if got := db.HasPassword(raw); got != want {
			t.Errorf("%s: %v, want %v", raw, got, want)
		}
	}
}

func TestFileTarget(t *testing.T) {
	for _, test := range []struct{ path, dir, want string }{
		{"db.sqlite3", "", "db.sqlite3"},
		{"db.sqlite3", "/srv", "/srv/db.sqlite3"},
		{"./x/../db.sqlite3", "/srv", "/srv/db.sqlite3"},
		{"/a//b", "/srv", "/a/b"},
	} {
		if got := db.FileTarget(test.path, test.dir); got != (db.Target{Engine: db.SQLite, Path: filepath.FromSlash(test.want)}) {
			t.Errorf("%q in %q: %+v, want %s", test.path, test.dir, got, test.want)
		}
	}
}

func TestLibpqTarget(t *testing.T) {
	t.Setenv("PGHOST", "db.example")
	t.Setenv("PGDATABASE", "app")
	t.Setenv("PGPASSWORD", "hunter2")
	target, err := db.LibpqTarget()
	if err != nil || target.Engine != db.PostgreSQL || target.String() != "app on db.example" {
		t.Errorf("%v, %v", target, err)
	}
	t.Setenv("PGSERVICE", "hunter2")
	t.Setenv("PGSERVICEFILE", "/nowhere")
	_, err = db.LibpqTarget()
	wantCode(t, err, django.CodeUsage)
	if strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

func TestParseOptions(t *testing.T) {
	for _, test := range []struct {
		options string
		want    map[string]string // nil: refused
	}{
		{"", map[string]string{}},
		{" -c search_path=a,b ", map[string]string{"search_path": "a,b"}},
		{"-csearch_path=a -c  work_mem=1MB", map[string]string{"search_path": "a", "work_mem": "1MB"}},
		{"--search-path=a", map[string]string{"search_path": "a"}},
		{`-c search_path=a\ b\\c\,d`, map[string]string{"search_path": `a b\c,d`}},
		{"-c\tx.y=a=b", map[string]string{"x.y": "a=b"}},
		{"-c search_path=", map[string]string{"search_path": ""}},
		{"-c", nil}, {"-c search_path", nil}, {"-c =a", nil}, {"--=a", nil}, {"-d 5", nil}, {"search_path=a", nil},
	} {
		got, err := db.ParseOptions(test.options)
		if (err != nil) != (test.want == nil) || !maps.Equal(got, test.want) {
			t.Errorf("%q: %v, %v, want %v", test.options, got, err, test.want)
		}
	}
}

// Whatever the URL, nothing panics and no error quotes it.
func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{"postgres://ann:%s@h/app", "postgres://ann:1/%s@h/app", "postgres://h/app?password=%s",
		"postgres://h/app?options=-cx=%s", "postgres://h:%s/x", "sqlite:///%s.db", "sqlite://%s", "postgres://[%s]/x", "host=h password=%s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, shape string) {
		const secret = "hunter2"
		raw := strings.ReplaceAll(shape, "%s", secret)
		db.HasPassword(raw)
		target, err := db.ParseURL(raw, "/srv")
		if err == nil {
			_ = target.String()
		} else if scheme, _, _ := strings.Cut(raw, "://"); strings.Contains(err.Error(), secret) && !strings.Contains(scheme, secret) {
			t.Errorf("%q: %v", raw, err)
		}
	})
}

// A password is seen wherever a URL has room for it, and never printed.
func FuzzHasPassword(f *testing.F) {
	f.Add("ann", "db.example", "app", "sslmode=require")
	f.Add("ann@realm", "::1", "a/b?c#d", "options=-cx%3Dy&application_name=a@b")
	f.Fuzz(func(t *testing.T, user, host, database, query string) {
		const secret = "hunter2"
		if strings.Contains(user+host+database+query, secret) {
			return
		}
		base := url.URL{Scheme: "postgres", Host: host, Path: "/" + database, RawQuery: query}
		inUser, inQuery := base, base
		inUser.User = url.UserPassword(user, secret)
		inQuery.User = url.User(user)
		inQuery.RawQuery += "&password=" + secret
		for _, u := range []url.URL{inUser, inQuery} {
			raw := u.String()
			if _, err := url.Parse(raw); err != nil {
				continue // not even a URL
			}
			if !db.HasPassword(raw) {
				t.Errorf("%q: no password seen", raw)
			}
			if target, err := db.ParseURL(raw, ""); err == nil && strings.Contains(target.String(), secret) {
				t.Errorf("%q prints as %q", raw, target)
			}
		}
	})
}
