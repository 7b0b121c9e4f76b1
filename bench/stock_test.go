package bench

import (
	"bytes"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tokenctl/db/dbtest"
)

// stock is a set of databases that stay as they are, each made when it is first
// needed: empty, users, and one for each kind, which holds the users and that kind's
// rows, or "drf,knox" for several. "knox-expired" is "knox" when all of it has expired,
// and so on. What an operation changes is a copy.
type stock struct {
	t        testing.TB // whom a failure ends
	owner    testing.TB // with whom the stock ends
	engine   string
	dir      string
	binary   string // tokenctl
	seeds    *seeds
	base     string // the URL that the databases' names are appended to
	postgres string // the URL where databases are made
	strategy string // how PostgreSQL copies one
	made     map[string]bool
	copies   int
}

// expire makes the rows of a kind expired ones, and half of the JWTs blacklisted.
var expire = map[string]string{
	"knox":    "update knox_authtoken set expiry = '2020-01-01 00:00:00';",
	"session": "update django_session set expire_date = '2020-01-01 00:00:00';",
	"jwt": `update token_blacklist_outstandingtoken set expires_at = '2020-01-01 00:00:00';
		insert into token_blacklist_blacklistedtoken (blacklisted_at, token_id)
		select '2019-12-31 00:00:00', id from token_blacklist_outstandingtoken where id % 2 = 0;
		analyze token_blacklist_blacklistedtoken;`,
}

func newStock(t testing.TB, engine, binary string, s *seeds) *stock {
	t.Helper()
	st := &stock{t: t, owner: t, engine: engine, dir: t.TempDir(), binary: binary, seeds: s, made: map[string]bool{}}
	if engine == "postgres" {
		st.postgres = dbtest.Postgres(t)
		st.base = st.postgres + "_"
		// Before 15 there was one way to copy a database, and no word for it.
		if dbtest.Exec(t, st.postgres, "select current_setting('server_version_num')::int >= 150000") == "t" {
			st.strategy = " strategy file_copy"
		}
	} else {
		st.base = "sqlite:///" + st.dir + "/"
	}
	return st
}

// ready makes a database of the stock, unless it is there.
func (st *stock) ready(name string) {
	st.t.Helper()
	if st.made[name] {
		return
	}
	kind, expired := strings.CutSuffix(name, "-expired")
	switch {
	case name == "empty":
		st.init(name)
	case name == "users":
		st.prepare(name, "empty", name, load(name))
	case expired:
		st.prepare(name, kind, kind, same(expire[kind]))
	default:
		from := "users"
		if i := strings.LastIndexByte(name, ','); i >= 0 {
			from, kind = name[:i], name[i+1:]
		}
		st.prepare(name, from, kind, load(kind))
	}
	st.made[name] = true
}

func (st *stock) init(name string) {
	st.t.Helper()
	st.owner.Cleanup(func() { st.drop(name) })
	if st.engine == "postgres" {
		dbtest.Exec(st.t, st.postgres, "create database "+st.name(name))
	}
	if err := st.tokenctl(name, "init").Run(); err != nil {
		st.t.Fatalf("tokenctl init: %v", err)
	}
	// It has made a key and settings beside the file: not those of the seeds.
	os.Remove(filepath.Join(st.dir, "tokenctl.toml"))
	os.Remove(filepath.Join(st.dir, "secret_key"))
}

// load is the script that brings in the finished rows of a table.
func load(name string) func(engine string) string {
	table := columns[name]
	return func(engine string) string {
		if engine == "sqlite" {
			return ".import --csv --skip 1 {" + name + "} " + table.table + "\n"
		}
		return `\copy ` + table.table + " (" + table.names + ") from '{" + name + "}' with (format csv, header)\n"
	}
}

// prepare makes a database of the stock from another one by a script, which
// changes the table of seed.
func (st *stock) prepare(name, from, seed string, script func(engine string) string) {
	st.t.Helper()
	st.ready(from)
	st.owner.Cleanup(func() { st.drop(name) })
	st.copy(name, from)
	text := script(st.engine)
	table := columns[seed].table
	if st.engine == "sqlite" {
		text += "vacuum;"
	} else {
		if strings.HasPrefix(columns[seed].names, "id,") || strings.HasSuffix(columns[seed].names, ",id") {
			text += "select setval(pg_get_serial_sequence('" + table + "', 'id'), " + strconv.Itoa(st.seeds.rows) + ");\n"
		}
		text += "vacuum full " + table + ";\nvacuum analyze " + table + ";"
	}
	if out, err := st.client(name, text, "").CombinedOutput(); err != nil {
		st.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func (st *stock) url(name string) string { return st.base + name }

// name is what PostgreSQL calls a database of the stock.
func (st *stock) name(name string) string {
	u, err := url.Parse(st.url(name))
	if err != nil {
		st.t.Fatal(err)
	}
	return `"` + path.Base(u.Path) + `"`
}

func (st *stock) copy(name, from string) {
	st.t.Helper()
	if st.engine == "postgres" {
		dbtest.Exec(st.t, st.postgres, "create database "+st.name(name)+" template "+st.name(from)+st.strategy)
		return
	}
	in, err := os.Open(filepath.Join(st.dir, from))
	if err != nil {
		st.t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(filepath.Join(st.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		st.t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		st.t.Fatal(err)
	}
}

func (st *stock) drop(name string) {
	if st.engine == "postgres" {
		dbtest.Exec(st.t, st.postgres, "drop database if exists "+st.name(name)+" with (force)")
		return
	}
	os.Remove(filepath.Join(st.dir, name))
}

// fresh returns the name of a database to change, a copy of name, and how to be
// rid of it.
func (st *stock) fresh(name string) (string, func()) {
	st.t.Helper()
	st.copies++
	changed := "copy" + strconv.Itoa(st.copies)
	st.copy(changed, name)
	return changed, func() { st.drop(changed) }
}

// tokenctl is a run of it on a database of the stock.
func (st *stock) tokenctl(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(st.binary, args...)
	cmd.Dir = st.dir // where no settings are
	cmd.Env = append(os.Environ(), "TOKENCTL_DATABASE_URL="+st.url(name), "TOKENCTL_SECRET_KEY="+secretKey)
	return cmd
}

// client is a run of psql or sqlite3 with a script.
func (st *stock) client(name, script, out string) *exec.Cmd {
	cmd := exec.Command("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", st.url(name))
	if st.engine == "sqlite" {
		cmd = exec.Command("sqlite3", "-bail", strings.TrimPrefix(st.url(name), "sqlite:///"))
	}
	cmd.Env = append(os.Environ(), "PGTZ=UTC")
	cmd.Stdin = strings.NewReader(st.seeds.fill(st.t, script, out))
	return cmd
}

// sample is what one run of a program took.
type sample struct {
	time   time.Duration
	memory int64 // its peak, in bytes
}

// best keeps the smaller of each.
func (s *sample) best(other sample) {
	if s.time == 0 || other.time < s.time {
		s.time = other.time
	}
	if s.memory == 0 || other.memory < s.memory {
		s.memory = other.memory
	}
}

// timer is GNU time.
const timer = "/usr/bin/time"

// measure runs a program, its output going nowhere. GNU time tells the peak of
// its memory: a child of this process itself would be said to need no less than
// this process does, as Linux counts what was there before exec.
func (st *stock) measure(cmd *exec.Cmd) sample {
	st.t.Helper()
	peak := filepath.Join(st.dir, "peak")
	cmd.Args = append([]string{timer, "--quiet", "--format=%M", "--output=" + peak, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = timer
	said, err := os.Create(filepath.Join(st.dir, "said"))
	if err != nil {
		st.t.Fatal(err)
	}
	defer said.Close()
	cmd.Stderr = said
	start := time.Now()
	err = cmd.Run()
	took := time.Since(start)
	if err != nil {
		text, _ := os.ReadFile(said.Name())
		st.t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args[4:], " "), err, text[max(0, len(text)-1000):])
	}
	text, err := os.ReadFile(peak)
	if err != nil {
		st.t.Fatal(err)
	}
	kilobytes, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	if err != nil {
		st.t.Fatal(err)
	}
	return sample{took, kilobytes << 10}
}

// lookClients ends a test where a program that it needs is missing.
func lookClients(t testing.TB) {
	t.Helper()
	for _, program := range []string{"psql", "sqlite3", timer} {
		if _, err := exec.LookPath(program); err != nil {
			dbtest.Missing(t, program)
		}
	}
}
