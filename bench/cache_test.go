package bench

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tokenctl/cache"
	"tokenctl/cache/redistest"
	"tokenctl/django"
)

// cachedUsers is how many users share the sessions.
const cachedUsers = 1000

// fillCache writes sessions as Django's own Redis backend does.
func fillCache(b *testing.B, s *redistest.Server, rows int) {
	cmd := exec.Command("redis-cli", "-s", s.Socket, "--pipe")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(in)
	for i := range rows {
		value, err := cache.WriteSession(django.LoginSession(strconv.Itoa(i%cachedUsers+1), "", fmt.Sprintf("%064x", i)), false)
		if err != nil {
			b.Fatal(err)
		}
		words := []string{"SET", fmt.Sprintf(":1:django.contrib.sessions.cache%032x", i), value, "EX", "86400"}
		fmt.Fprintf(w, "*%d\r\n", len(words))
		for _, word := range words {
			fmt.Fprintf(w, "$%d\r\n%s\r\n", len(word), word)
		}
	}
	w.Flush()  //nolint:errcheck // the number of keys tells
	in.Close() //nolint:errcheck
	if err := cmd.Wait(); err != nil || s.Do("DBSIZE") != strconv.Itoa(rows) {
		b.Fatalf("%v: Redis has %s keys", err, s.Do("DBSIZE"))
	}
}

// BenchmarkCache lists the sessions in Redis, and blacklists those of one user in a thousand,
// against redis-cli reading all of them.
func BenchmarkCache(b *testing.B) {
	if _, err := exec.LookPath("redis-cli"); err != nil {
		b.Skip(err)
	}
	binary := buildTokenctl(b)
	var rows [][]string
	for size := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			b.Fatal(err)
		}
		s := redistest.Start(b)
		fillCache(b, s, n)
		dir := b.TempDir()
		var names strings.Builder
		for i := range cachedUsers {
			fmt.Fprintf(&names, "user%d\n", i+1)
		}
		mint := exec.Command(binary, "mint", "--users-from", "-", "--init", "-q", "--out", "tokens")
		mint.Dir, mint.Stdin, mint.Env = dir, strings.NewReader(names.String()), append(os.Environ(), "DATABASE_URL=sqlite:///"+filepath.Join(dir, "db.sqlite3"))
		if out, err := mint.CombinedOutput(); err != nil {
			b.Fatalf("%s", out)
		}
		settings := filepath.Join(dir, "cache.toml")
		if err := os.WriteFile(settings, []byte("[session]\nengine = 'cache'\ncache_url = 'unix://"+s.Socket+"'\n"), 0o600); err != nil {
			b.Fatal(err)
		}
		plain := "redis-cli -s " + s.Socket + " --scan --pattern ':1:django.contrib.sessions.cache*' | xargs -n 1000 redis-cli -s " + s.Socket + " MGET"
		best := map[string]sample{}
		for _, operation := range [][]string{{"redis-cli", "sh", "-c", plain}, {"list", binary, "list", "--kind", "session", "-o", "ndjson"},
			{"list sorted", binary, "list", "--kind", "session", "-o", "ndjson", "--sort", "expires"},
			{"blacklist --user", binary, "blacklist", "--kind", "session", "--user", "user7", "--yes", "-q"}} {
			b.Run(size+"/"+operation[0], func(b *testing.B) {
				for b.Loop() {
					cmd := exec.Command(operation[1], operation[2:]...)
					cmd.Dir, cmd.Env = dir, append(mint.Env, "TOKENCTL_SECRET_KEY=x")
					if operation[0] != "redis-cli" {
						cmd.Args = append(cmd.Args, "--config", settings)
					}
					var err error
					s := sample{time: timed(func() { err = cmd.Run() })}
					if err != nil {
						b.Fatal(err)
					}
					s.memory = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
					least := best[operation[0]]
					least.best(s)
					best[operation[0]] = least
				}
			})
		}
		targets := map[string]string{"list": "2", "blacklist --user": "2"}
		for _, name := range []string{"list", "list sorted", "blacklist --user"} {
			if by := best["redis-cli"]; best[name].time > 0 && by.time > 0 {
				rows = append(rows, []string{name, size, targets[name], fmt.Sprintf("%.1f", best[name].time.Seconds()/by.time.Seconds()), fmt.Sprintf("%.0f", float64(best[name].memory)/(1<<20))})
			}
		}
	}
	cacheTable.record(b, rows...)
}
