package dbtest

import (
	"crypto/rand"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tokenctl/django/djangotest"
)

// template is a database that tests get copies of.
type template struct {
	once sync.Once
	url  string // PostgreSQL's; empty: the database could not be made
	file []byte // SQLite's
}

// templates are those of this process, by engine and key.
var templates sync.Map

// Template returns the URL of a database of the test's own, as fill makes it. fill runs
// once in a process for each engine and key; everybody gets a copy, which takes some
// milliseconds.
func Template(t testing.TB, engine, key string, fill func(url string)) string {
	t.Helper()
	made, _ := templates.LoadOrStore(engine+" "+key, new(template))
	m := made.(*template)
	m.once.Do(func() { m.make(t, engine, fill) })
	switch {
	case m.file != nil:
		return writeSQLite(t, m.file)
	case m.url != "":
		return Copy(t, m.url)
	}
	t.Fatalf("the database that all tests of %q begin with could not be made", key)
	return ""
}

func (m *template) make(t testing.TB, engine string, fill func(url string)) {
	t.Helper()
	if engine == "sqlite" {
		url := SQLite(t)
		fill(url)
		data, err := os.ReadFile(strings.TrimPrefix(url, "sqlite:///"))
		if err != nil {
			t.Fatal(err)
		}
		m.file = data
		return
	}
	s := PostgresServer(t)
	prefix, err := templatePrefix(s.URL)
	if err != nil {
		t.Fatalf("templates: %v", err)
	}
	name := prefix + strings.ToLower(rand.Text()[:8])
	s.exec(t, "create database "+name+s.copied(t))
	fill(s.Database(name))
	m.url = s.Database(name)
}

//go:embed templates.sh
var templatesScript string

// templateHolder drops this process's templates when the process ends, however it ends.
var templateHolder struct {
	sync.Mutex
	held   *held
	prefix string
}

// templatePrefix begins the names of this process's templates.
func templatePrefix(server string) (string, error) {
	h := &templateHolder
	h.Lock()
	defer h.Unlock()
	if h.held == nil {
		prefix := "tokenctl_template_" + strings.ToLower(rand.Text()) + "_"
		held, err := hold(templatesScript, server, prefix)
		if err != nil {
			return "", err
		}
		h.held, h.prefix = held, prefix
	}
	return h.prefix, nil
}

func writeSQLite(t testing.TB, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "db.sqlite3")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:///" + file
}

// Migrated returns a project of an age of Django, and its database with the tables that its migrations make. The
// URL of PostgreSQL is that of [Reuse], which Django uses too.
func Migrated(t testing.TB, p djangotest.Peer, engine string, o djangotest.Options) (*djangotest.Project, string) {
	t.Helper()
	tables := o.Tables()
	url := Reuse(t, Template(t, engine, fmt.Sprintf("Django %s %+v", p.Django, tables), func(url string) {
		p.Project(t, url, tables).Migrate()
	}))
	return p.Project(t, url, o), url
}
