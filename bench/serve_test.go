package bench

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// What BenchmarkServe loads servers with, for how many seconds. More connections
// than a machine of two cores needs, and as many for everybody.
const (
	loadConnections = 64
	loadSeconds     = 10
)

// BenchmarkServe asks for /test_auth/ with a key that is valid, as fast as wrk
// can: of tokenctl serve, and of the same application behind gunicorn. What
// PostgreSQL itself can do, pgbench -S tells: a row by its primary key. Each is one
// run, which sets its own length: -benchtime has no say.
func BenchmarkServe(b *testing.B) {
	programs := map[string]string{}
	for _, name := range []string{"wrk", "gunicorn", "pgbench"} {
		path, err := exec.LookPath(name)
		if err != nil {
			dbtest.Missing(b, name)
		}
		programs[name] = path
	}
	binary := buildTokenctl(b)
	url := dbtest.Postgres(b)
	project := djangotest.Peers(b)[0].Project(b, url, djangotest.Options{Served: true})
	project.Migrate()
	dbtest.Exec(b, url, `
		insert into auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
		select '!', false, 'user' || i, '', '', '', false, true, now() from generate_series(1, 100000) i;
		insert into authtoken_token (key, created, user_id) select left(encode(sha256(id::text::bytea), 'hex'), 40), now(), id from auth_user;
		analyze`)
	key := dbtest.Exec(b, url, "select key from authtoken_token where user_id = 77")
	var rows [][]string

	b.Run("tokenctl", func(b *testing.B) {
		cmd := exec.Command(binary, "serve", "--listen", "127.0.0.1:0", "-q")
		cmd.Env = append(os.Environ(), "DATABASE_URL="+url)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		startServer(b, cmd)
		address, err := bufio.NewReader(stdout).ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		rows = append(rows, append([]string{"tokenctl serve"}, press(b, programs["wrk"], strings.TrimSpace(address), key, cmd.Process.Pid)...))
	})
	b.Run("gunicorn", func(b *testing.B) {
		const address = "127.0.0.1:18123"
		// As many workers as its manual wants on two cores, with a few threads, and
		// connections that stay: its best case.
		cmd := project.Command(programs["gunicorn"], "--bind", address, "--workers", "5", "--threads", "4", "--log-level", "error", "django.core.wsgi:get_wsgi_application()")
		startServer(b, cmd)
		for range 100 {
			if answer, err := http.Get("http://" + address + "/test_auth/"); err == nil {
				answer.Body.Close()
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		rows = append(rows, append([]string{"gunicorn with DRF"}, press(b, programs["wrk"], "http://"+address, key, 0)...))
	})
	b.Run("pgbench", func(b *testing.B) {
		if out, err := exec.Command(programs["pgbench"], "-q", "-i", "-s", "1", url).CombinedOutput(); err != nil {
			b.Fatalf("pgbench: %v\n%s", err, out)
		}
		out, err := exec.Command(programs["pgbench"], "-n", "-S", "-M", "extended", "-j", "2", "-c", strconv.Itoa(loadConnections), "-T", strconv.Itoa(loadSeconds), url).CombinedOutput()
		if err != nil {
			b.Fatalf("pgbench: %v\n%s", err, out)
		}
		rows = append(rows, []string{"pgbench -S", reportRate(b, string(out), regexp.MustCompile(`tps = ([0-9.]+)`)), "", ""})
	})
	serveTable.record(b, rows...)
}

// startServer starts a server that ends with the benchmark.
func startServer(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt) //nolint:errcheck // it has ended
		cmd.Wait()                       //nolint:errcheck // however
	})
}

// press runs wrk against a server, and reports and returns its answers in a second and, of a
// process, the memory before and after.
func press(b *testing.B, wrk, url, key string, pid int) []string {
	b.Helper()
	args := []string{"-t", "2", "-c", strconv.Itoa(loadConnections), "-H", "Authorization: Token " + key, url + "/test_auth/"}
	if out, err := exec.Command(wrk, append([]string{"-d", "2"}, args...)...).CombinedOutput(); err != nil {
		b.Fatalf("wrk: %v\n%s", err, out)
	}
	before := residentMB(b, pid)
	out, err := exec.Command(wrk, append([]string{"-d", strconv.Itoa(loadSeconds)}, args...)...).CombinedOutput()
	if err != nil || strings.Contains(string(out), "Non-2xx") {
		b.Fatalf("wrk: %v\n%s", err, out)
	}
	cells := []string{reportRate(b, string(out), regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)), "", ""}
	if pid != 0 {
		after := residentMB(b, pid)
		b.ReportMetric(before, "MB-before")
		b.ReportMetric(after, "MB-after")
		cells[1], cells[2] = fmt.Sprintf("%.1f", before), fmt.Sprintf("%.1f", after)
	}
	return cells
}

func reportRate(b *testing.B, out string, rate *regexp.Regexp) string {
	b.Helper()
	m := rate.FindStringSubmatch(out)
	if m == nil {
		b.Fatalf("no rate in\n%s", out)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(n, "req/s")
	b.ReportMetric(0, "ns/op") // which says nothing here
	return fmt.Sprintf("%.0f", n)
}

// residentMB is the resident memory of a process in MB.
func residentMB(b *testing.B, pid int) float64 {
	b.Helper()
	if pid == 0 {
		return 0
	}
	status, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "status"))
	if err != nil {
		b.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindStringSubmatch(string(status))
	if m == nil {
		b.Fatal("no VmRSS")
	}
	kilobytes, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kilobytes / 1024
}
