package dbtest

import (
	"bytes"
	"embed"
	"encoding/json"
	"os/exec"
	"testing"
)

// Secrets is what a fixture's database does not tell: the plain passwords and
// tokens behind its rows, keyed by user or by a name like "alice-live".
type Secrets struct {
	SecretKey string                `json:"secret_key"`
	Users     map[string]SecretUser `json:"users"`
	DRF       map[string]string     `json:"drf"`
	Knox      map[string]string     `json:"knox"`
	JWT       map[string]SecretJWT  `json:"jwt"`
	Sessions  map[string]string     `json:"sessions"`
}

// SecretUser is a user whose password is known; it is nil where Django has set
// an unusable one.
type SecretUser struct {
	PK       string  `json:"pk"`
	Username string  `json:"username"`
	Password *string `json:"password"`
}

// SecretJWT is a pair of tokens; Access is empty where only a refresh token was made.
type SecretJWT struct {
	Refresh string `json:"refresh"`
	Access  string `json:"access"`
	JTI     string `json:"jti"`
}

// Fixture returns what [FixtureAlone] returns, but the URL of PostgreSQL is that of [Reuse].
func Fixture(t testing.TB, engine string) (url string, secrets Secrets) {
	t.Helper()
	url, secrets = FixtureAlone(t, engine)
	return Reuse(t, url), secrets
}

// FixtureAlone returns a private copy of a database that Django 4.2 has made and filled, for engine "sqlite" or
// "postgres", and what is secret in it. Each client has a connection of its own.
func FixtureAlone(t testing.TB, engine string) (url string, secrets Secrets) {
	t.Helper()
	if err := json.Unmarshal(fixture(t, "django42-"+engine+".secrets.json"), &secrets); err != nil {
		t.Fatal(err)
	}
	switch engine {
	case "sqlite":
		url = writeSQLite(t, fixture(t, "django42.sqlite3"))
	case "postgres":
		url = Template(t, engine, "fixture", func(url string) { psql(t, url, fixture(t, "django42-postgres.sql")) })
	default:
		t.Fatalf("no fixture for engine %q", engine)
	}
	return url, secrets
}

// psql restores a dump of pg_dump. Only psql reads the rows of COPY from the same text as the statements.
func psql(t testing.TB, url string, dump []byte) {
	t.Helper()
	program, err := exec.LookPath("psql")
	if err != nil {
		Missing(t, "psql")
	}
	cmd := exec.Command(program, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname="+url, "--file=-")
	cmd.Stdin = bytes.NewReader(dump)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
}

//go:embed testdata
var fixtures embed.FS

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := fixtures.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
