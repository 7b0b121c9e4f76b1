package engine_test

import (
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tokenctl"
	"tokenctl/db/dbtest"
	"tokenctl/db/engine"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		url, dir string
		engine   engine.Dialect
		text     string // what the target prints as
	}{
		{"postgres://ann@db.example/app", "", engine.PostgreSQL, "app on db.example"},
		{"postgresql://ann:hunter2@db.example:6432/app?sslmode=require", "", engine.PostgreSQL, "app on db.example"},
		{"postgres://ann:h%3Aunter2@a.example,b.example/app?target_session_attrs=read-write", "", engine.PostgreSQL, "app on a.example"},
		{"postgres://ann@db.example", "", engine.PostgreSQL, "ann on db.example"},
		{"postgres://ann@/app?host=/run/postgresql", "", engine.PostgreSQL, "app on /run/postgresql"},
		{"postgres://ann@[::1]:5432/app?password=hunter2", "", engine.PostgreSQL, "app on ::1"},
		{"postgres://h/app?options=-csearch_path%3Dtenant", "", engine.PostgreSQL, "app on h"},
		{"sqlite:///db.sqlite3", "", engine.SQLite, "db.sqlite3"},
		{"sqlite:///db.sqlite3", "/srv/app", engine.SQLite, "/srv/app/db.sqlite3"},
		{"sqlite:///../db.sqlite3", "/srv/app", engine.SQLite, "/srv/db.sqlite3"},
		{"sqlite:////srv/db.sqlite3", "/elsewhere", engine.SQLite, "/srv/db.sqlite3"},
		{"sqlite3:////srv/db.sqlite3", "", engine.SQLite, "/srv/db.sqlite3"},
		{"spatialite:////srv/db.sqlite3?CONN_MAX_AGE=60&atomic_requests=True", "", engine.SQLite, "/srv/db.sqlite3"},
		{"Postgres://h/app", "", engine.PostgreSQL, "app on h"},
		{" postgres://h/app\n", "", engine.PostgreSQL, "app on h"},
		{"psql://h/app", "", engine.PostgreSQL, "app on h"},
		{"pgsql://h/app", "", engine.PostgreSQL, "app on h"},
		{"postgis://h/app?Conn_Max_Age=&AutoCommit=on&conn_health_checks=1&DISABLE_SERVER_SIDE_CURSORS=true", "", engine.PostgreSQL, "app on h"},
		{"postgres://%2Frun%2Fpostgresql/app", "", engine.PostgreSQL, "app on /run/postgresql"},
		{"postgres:////run/postgresql/app", "", engine.PostgreSQL, "app on /run/postgresql"},
		{"sqlite:////srv/a%3Fb%23c%20d%25.db", "", engine.SQLite, "/srv/a?b#c d%.db"},
		{"sqlite:////srv/a b:c@d.db", "", engine.SQLite, "/srv/a b:c@d.db"},
	} {
		got, err := engine.ParseURL(test.url, test.dir)
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
	t.Parallel()
	for _, raw := range []string{
		"", "db.sqlite3", "/srv/db.sqlite3", "host=db user=ann password=hunter2", "://", "postgres:/h/app",
		"postgres://u:hunter2@h:notaport/app", "postgres://h/app?sslmode=hunter2", "postgres://h/app?options=-x",
		"postgres://h/app?options=-c", "postgres://h/app?options=-cfoo", "postgres://u:hunter2@h/%zz",
		"postgres://h/app?service=hunter2-is-no-service", "postgres://h/app?sslrootcert=/nowhere/hunter2",
		"sqlite://", "sqlite:///", "sqlite://db.sqlite3", "sqlite:///:memory:", "sqlite:///dir/", "sqlite:///a?mode=ro",
		"sqlite:///a#b", "sqlite:///a%00b", "sqlite:///a%zz",
		"mysql://u:hunter2@h/app", "file:///srv/db.sqlite3", "hunter 2://x", "postgres:/h/app",
		"postgres://h/app?sslmode=", "postgres://h/app?sslmode=require&sslmode=disable", "postgres://h/app?host=x", "postgres://h/app?ssl_require=hunter2",
		"postgres://h/app?currentSchema=a&search_path=b", "postgres://h/app?currentSchema=a&options=-csearch_path%3Db", "postgres://h/app?hunter2@x",
		"postgres://h/app#hunter2", "postgres://h/app?sslmode=require#hunter2", "sqlite://:memory:", "sqlite:///a?conn_max_age=0#hunter2",
		"\ufeffpostgres://h/app", "postgres://h/app\u200b", "postgres://h/a\u00a0pp", "postgres://h%00/app", "postgres://h/ap%C2%A0p", "postgres://h/app?sslrootcert=/dev/null",
	} {
		target, err := engine.ParseURL(raw, "")
		if tokenctl.CodeOf(err) != tokenctl.CodeUsage {
			t.Errorf("%q: %v, %v, want a usage error", raw, target, err)
		} else if strings.Contains(err.Error(), "hunter") {
			t.Errorf("%q: the error quotes the URL: %v", raw, err)
		}
	}
}

// What django-environ and dj-database-url make of a URL.
func TestURLAsDjango(t *testing.T) {
	for raw, want := range map[string]string{
		"postgres://ann:p@ss@h/app":                         `dbname='app' host='h' password='p@ss' user='ann'`,
		"postgres://ann:a:b@h/app":                          `dbname='app' host='h' password='a:b' user='ann'`,
		"postgres://ann:p#ss[%@h:6432/app":                  `dbname='app' host='h' password='p#ss[%' port='6432' user='ann'`,
		"postgres://ann:100%25%zz%e2%82%ac@h/app":           `dbname='app' host='h' password='100%%zz€' user='ann'`,
		"postgres://ann:it's\\@h/app":                       `dbname='app' host='h' password='it\'s\\' user='ann'`,
		"postgres://a%40b:p@h,[::1]:5433/app":               `dbname='app' host='h,::1' password='p' port=',5433' user='a@b'`,
		"postgres://h/app?ssl_require=true":                 `dbname='app' host='h' sslmode='require'`,
		"postgres://h/app?SSL_REQUIRE=True&sslmode=disable": `dbname='app' host='h' sslmode='require'`,
		"postgres://h/app?ssl_require=1&sslmode=verify-ca":  `dbname='app' host='h' sslmode='verify-ca'`,
		"postgres://h/app?ssl_require=false":                `dbname='app' host='h'`,
		"postgres://h/app?ssl=true":                         `dbname='app' host='h' sslmode='require'`,
		"postgres://h/app?currentSchema=tenant,public":      `dbname='app' host='h' search_path='tenant,public'`,
	} {
		target, err := engine.ParseURL(raw, "")
		if err != nil || target.Keywords() != want {
			t.Errorf("%s: %s, %v, want %s", raw, target.Keywords(), err, want)
		}
	}
	t.Setenv("PGSSLMODE", "verify-full")
	if target, err := engine.ParseURL("postgres://h/app?ssl_require=true", ""); err != nil || strings.Contains(target.Keywords(), "sslmode") {
		t.Errorf("PGSSLMODE=verify-full and ssl_require: %s, %v", target.Keywords(), err)
	}
	t.Setenv("PGSSLMODE", "hunter2")
	if _, err := engine.ParseURL("postgres://h/app", ""); err == nil || !strings.Contains(err.Error(), "PGSSLMODE") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("PGSSLMODE=hunter2: %v", err)
	}
}

// An unknown parameter is named; what may be a part of a password is not.
func TestURLParameterNames(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"postgres://h/app?sslmod=hunter2":             "sslmod",
		"postgres://ann:x@h/app?no_such.setting=1":    "no_such.setting",
		"sqlite:///a.db?mode=hunter2":                 "mode",
		"postgres://h/app?SSLMODE=require":            "SSLMODE",
		"postgres://h/app?sslmode=hunter2":            "sslmode",
		"postgres://h/app?target_session_attrs=hunt1": "target_session_attrs",
		"postgres://h/app?connect_timeout=":           "connect_timeout",
		"postgres://ann:1?hunter2=3@h/app":            "escaped",
		"postgres://ann:hunter2/x@h/app":              "escaped",
		"postgres://ann:1/hunter2@h/app":              "escaped",
		"postgres://ann:hunter2?x@h/app":              "port",
		"postgres://ann:p@hunter2/x@h/app":            "escaped",
		"postgres://ann:p@ss#hunter2/x@h/app":         "escaped",
		"postgres://ann:hunter2":                      "port",
	} {
		_, err := engine.ParseURL(raw, "")
		dbtest.WantCode(t, err, tokenctl.CodeUsage)
		if e, ok := err.(*tokenctl.Error); !ok || !strings.Contains(e.Message, want) || strings.Contains(e.Message+e.Hint, "hunt") {
			t.Errorf("%s: %v, want %s", raw, err, want)
		}
	}
}

func TestURLWithoutPassword(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"postgres://ann:hunter2@h:5432/app?sslmode=require":     "postgres://ann@h:5432/app?sslmode=require",
		"postgres://ann:p@ss:#w@h/app":                          "postgres://ann@h/app",
		"postgres://ann@h/app?password=x&sslmode=require":       "postgres://ann@h/app?sslmode=require",
		"postgres://h/app?p%61ssword=x&sslpassword=y":           "postgres://h/app",
		"sqlite:///a.db?conn_max_age=1":                         "sqlite:///a.db",
		"postgresql://app:hu@sh@db1:1,db2:2/shop":               "postgresql://app@db1:1,db2:2/shop",
		"postgresql:///shop?user=app&password=hush&host=%2Ftmp": "postgresql:///shop?user=app&host=%2Ftmp",
	} {
		target, err := engine.ParseURL(raw, "")
		if err != nil || target.URL() != want {
			t.Errorf("%s: %s, %v, want %s", raw, target.URL(), err, want)
		}
	}
}

func TestHasPassword(t *testing.T) {
	t.Parallel()
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
		"postgres://ann:hunter2":                           true,
		"postgres://ann:1/2?3@h/app":                       true,
		"POSTGRES://ann:hunter2@h/app":                     true,
		"postgres://ann@h/app?PGPASSWORD=x":                true,
		"postgres://ann@h/app?passwd=x":                    true,
		"postgres://ann@h/app?user=x&pwd=x":                true,
		"postgres://ann@h/app#password=x":                  true,
		"host=h PASSWORD = hunter2":                        true,
		"host=h user=ann dbname=app":                       false,
		"/srv/100%/db.sqlite3":                             false,
		"sqlite:///a.db?password=x":                        true,
		"sqlite3://ann:hunter2@/a.db":                      true,
		"sqlite:///a.db?SSLPassword=x":                     true,
		"spatialite:////srv/a:b@c.db":                      false,
	} {
		if got := engine.HasPassword(raw); got != want {
			t.Errorf("%s: %v, want %v", raw, got, want)
		}
	}
}

func TestFileTarget(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ path, dir, want string }{
		{"db.sqlite3", "", "db.sqlite3"},
		{"db.sqlite3", "/srv", "/srv/db.sqlite3"},
		{"./x/../db.sqlite3", "/srv", "/srv/db.sqlite3"},
		{"/a//b", "/srv", "/a/b"},
	} {
		if got := engine.FileTarget(test.path, test.dir); got != (engine.Target{Engine: engine.SQLite, Path: filepath.FromSlash(test.want)}) {
			t.Errorf("%q in %q: %+v, want %s", test.path, test.dir, got, test.want)
		}
	}
}

func TestLibpqTarget(t *testing.T) {
	t.Setenv("PGHOST", "db.example")
	t.Setenv("PGDATABASE", "app")
	t.Setenv("PGPASSWORD", "hunter2")
	target, err := engine.LibpqTarget()
	if err != nil || target.Engine != engine.PostgreSQL || target.String() != "app on db.example" {
		t.Errorf("%v, %v", target, err)
	}
	t.Setenv("PGSERVICE", "hunter2")
	t.Setenv("PGSERVICEFILE", "/nowhere")
	_, err = engine.LibpqTarget()
	dbtest.WantCode(t, err, tokenctl.CodeUsage)
	if strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

func TestParseOptions(t *testing.T) {
	t.Parallel()
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
		got, err := engine.ParseOptions(test.options)
		if (err != nil) != (test.want == nil) || !maps.Equal(got, test.want) {
			t.Errorf("%q: %v, %v, want %v", test.options, got, err, test.want)
		}
	}
}

// Whatever the URL, nothing panics and no error quotes it, but for the name of an unknown
// parameter.
func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{"postgres://ann:%s@h/app", "postgres://ann:1/%s@h/app", "postgres://h/app?password=%s",
		"postgres://h/app?options=-cx=%s", "postgres://h:%s/x", "sqlite:///%s.db", "sqlite://%s", "postgres://[%s]/x", "host=h password=%s", "postgres://?%s"} {
		f.Add(seed)
	}
	name := regexp.MustCompile(`[?&][^&]*hunter2[^&]*=`)
	f.Fuzz(func(t *testing.T, shape string) {
		const secret = "hunter2"
		raw := strings.ReplaceAll(shape, "%s", secret)
		engine.HasPassword(raw)
		target, err := engine.ParseURL(raw, "/srv")
		if err == nil {
			_ = target.String()
		} else if scheme, _, _ := strings.Cut(raw, "://"); strings.Contains(err.Error(), secret) && !strings.Contains(scheme, secret) && !name.MatchString(raw) {
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
			if !engine.HasPassword(raw) {
				t.Errorf("%q: no password seen", raw)
			}
			if target, err := engine.ParseURL(raw, ""); err == nil && strings.Contains(target.String(), secret) {
				t.Errorf("%q prints as %q", raw, target)
			}
		}
	})
}
