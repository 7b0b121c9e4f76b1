package djangotest

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

//go:embed project
var projectFiles embed.FS

// Options vary a project; the zero value is a plain one.
type Options struct {
	// UserModel chooses AUTH_USER_MODEL:
	//	""       auth.User
	//	"uuid"   uuid key, email instead of a username
	//	"both"   username and email, both unique
	//	"extra"  columns more that have no default and may not be null
	//	"mti"    a multi-table child, whose username is in its parent's table
	UserModel string

	// Served makes it the project that tokenctl serve imitates: the paths of the
	// design's table, the middleware, and [Project.Serve].
	Served bool

	// SecretKey is settings.SECRET_KEY; "" means the package's constant [SecretKey].
	SecretKey string

	// Settings is Python appended to settings.py.
	Settings string

	// Files are written into the project, by path; together with Settings'
	// MIGRATION_MODULES they can give an app migrations of the test's own.
	Files map[string]string
}

// Tables returns the options that decide which tables the migrations make. Settings may add apps, models, migrations
// and databases. Without such settings, Files change no table.
func (o Options) Tables() Options {
	o.SecretKey = ""
	if !slices.ContainsFunc([]string{"APPS", "MODEL", "MIGRATION", "DATABASES"}, func(part string) bool { return strings.Contains(o.Settings, part) }) {
		o.Settings, o.Files = "", nil
	}
	return o
}

// SecretKey is the SECRET_KEY of a project that sets none.
const SecretKey = "djangotest-secret-key-0123456789-abcdefghijklmnopqrst"

// Project is a Django project in a temporary folder, with one Python worker that
// is started when it is first needed and ends with the test.
type Project struct {
	Peer Peer
	Dir  string

	t        testing.TB
	env      []string
	files    map[string]string
	database map[string]any
	key      string    // tells projects with different files apart
	once     sync.Once // starts the worker
	worker   *worker
}

// Project writes a project for the database that databaseURL names, in the form
// that tokenctl takes. Its URLs:
//
//	admin/
//	api-token-auth/                 authtoken's obtain_auth_token
//	api/token/                      simplejwt's pair; below it refresh/ verify/ blacklist/
//	test_auth/                      "Hello <username>!" behind TokenAuthentication
//	test_jwt/ test_session/ test_basic/   the same behind the other authentications
//	test_knox/ knox/login/ knox/logout/ knox/logoutall/   where [HasKnox]
func (p Peer) Project(t testing.TB, databaseURL string, o Options) *Project {
	t.Helper()
	database, err := databaseSettings(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	key := o.SecretKey
	if key == "" {
		key = SecretKey
	}
	config, err := json.Marshal(map[string]any{
		"database": database, "secret_key": key, "knox": HasKnox(), "rest_auth": HasRestAuth(),
		"iterations": ServedIterations,
		"user_model": map[string]string{
			"uuid": "accounts.UUIDUser", "both": "accounts.BothUser",
			"extra": "accounts.ExtraUser", "mti": "accounts.Member",
		}[o.UserModel],
	})
	if err != nil {
		t.Fatal(err)
	}
	pr := &Project{Peer: p, Dir: t.TempDir(), t: t}
	files := map[string]string{"config.json": string(config)}
	for _, name := range []string{"manage.py", "settings.py", "urls.py", "worker.py"} {
		files[name] = embedded(t, name)
	}
	if o.UserModel != "" {
		files["accounts/__init__.py"] = ""
		files["accounts/migrations/__init__.py"] = ""
		files["accounts/models.py"] = embedded(t, "user_"+o.UserModel+".py")
	}
	if o.Served {
		for _, name := range []string{"hashers.py", "serve.py", "urls.py"} {
			files[name] = embedded(t, "served/"+name)
		}
		files["settings.py"] += embedded(t, "served/settings.py")
	}
	files["settings.py"] += o.Settings + "\n"
	for name, text := range o.Files {
		files[name] = text
	}
	if err := writeFiles(pr.Dir, files); err != nil {
		t.Fatal(err)
	}
	pr.files, pr.database, pr.key = files, database, fmt.Sprintf("%s %+v", p.Name, o)
	path := p.path
	for _, checkout := range []string{os.Getenv("TOKENCTL_TEST_KNOX"), os.Getenv("TOKENCTL_TEST_REST_AUTH")} {
		if checkout != "" {
			path += string(filepath.ListSeparator) + checkout
		}
	}
	for _, v := range os.Environ() {
		// Whatever Python, PostgreSQL or Django settings the developer has.
		if !strings.HasPrefix(v, "PYTHON") && !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "DJANGO") {
			pr.env = append(pr.env, v)
		}
	}
	pr.env = append(pr.env, "PYTHONPATH="+path, "PYTHONNOUSERSITE=1", "PYTHONUTF8=1", "DJANGO_SETTINGS_MODULE=settings")
	return pr
}

func writeFiles(dir string, files map[string]string) error {
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// HasKnox tells whether projects have knox: TOKENCTL_TEST_KNOX names a checkout of
// it, as no Debian suite ships it.
func HasKnox() bool { return os.Getenv("TOKENCTL_TEST_KNOX") != "" }

// HasRestAuth tells whether served projects have dj-rest-auth: TOKENCTL_TEST_REST_AUTH
// names a checkout of it, as no Debian suite ships it.
func HasRestAuth() bool { return os.Getenv("TOKENCTL_TEST_REST_AUTH") != "" }

func embedded(t testing.TB, name string) string {
	t.Helper()
	data, err := projectFiles.ReadFile("project/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// databaseSettings translates a URL into an entry of Django's DATABASES.
func databaseSettings(databaseURL string) (map[string]any, error) {
	if file, ok := strings.CutPrefix(databaseURL, "sqlite:///"); ok {
		return map[string]any{"ENGINE": "django.db.backends.sqlite3", "NAME": file}, nil
	}
	u, err := url.Parse(databaseURL)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, fmt.Errorf("no Django engine for %q", u.Scheme)
	}
	password, _ := u.User.Password()
	options := map[string]string{}
	for name, values := range u.Query() {
		options[name] = values[0]
	}
	return map[string]any{
		"ENGINE": "django.db.backends.postgresql", "NAME": strings.TrimPrefix(u.Path, "/"),
		"USER": u.User.Username(), "PASSWORD": password,
		"HOST": u.Hostname(), "PORT": u.Port(), "OPTIONS": options,
	}, nil
}

// Manage runs manage.py and returns what it prints; a failure fails the test.
func (pr *Project) Manage(args ...string) string {
	pr.t.Helper()
	out, exit := pr.TryManage(args...)
	if exit != 0 {
		pr.t.Fatalf("manage.py %s: exit %d\n%s", strings.Join(args, " "), exit, out)
	}
	return out
}

// Command is the project's Python with arguments, not started.
func (pr *Project) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(pr.Peer.Python, args...)
	cmd.Dir, cmd.Env = pr.Dir, pr.env
	return cmd
}

// TryManage runs manage.py and returns what it prints, on both streams, and its
// exit status.
func (pr *Project) TryManage(args ...string) (out string, exit int) {
	pr.t.Helper()
	cmd := pr.Command(append([]string{"manage.py"}, args...)...)
	data, err := cmd.CombinedOutput()
	if failed := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failed) {
		pr.t.Fatal(err)
	}
	return string(data), cmd.ProcessState.ExitCode()
}
