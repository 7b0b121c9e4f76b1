// Package bench compares whole processes: tokenctl, psql, sqlite3 and Django doing
// the same on the same databases. Machines are noisy; only the ratios count.
//
// The program does not contain it. Benchmarks of single functions stand beside these
// functions, and what only has to be right is tested elsewhere.
package bench

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// buildTokenctl builds the binary that is measured.
func buildTokenctl(t testing.TB) string {
	t.Helper()
	return build(t, "tokenctl/cmd/tokenctl")
}

func build(t testing.TB, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(pkg))
	if out, err := exec.Command("go", "build", "-trimpath", "-o", path, pkg).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// repeat times whole runs of a program; its output goes nowhere.
func repeat(b *testing.B, env []string, program string, args ...string) {
	b.Helper()
	for b.Loop() {
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), env...)
		if err := cmd.Run(); err != nil {
			b.Fatalf("%s: %v", program, err)
		}
	}
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// BenchmarkStart is what every command pays before it does anything.
func BenchmarkStart(b *testing.B) {
	binary := buildTokenctl(b)
	for _, args := range [][]string{{"version"}, {"--help"}, {"completion", "bash"}} {
		b.Run(args[0], func(b *testing.B) { repeat(b, nil, binary, args...) })
	}
	b.Run("true", func(b *testing.B) { repeat(b, nil, "true") })
}

// middle is the median of the times: of so short ones the least is luck.
func middle(samples []sample) time.Duration {
	slices.SortFunc(samples, func(a, b sample) int { return cmp.Compare(a.time, b.time) })
	return samples[len(samples)/2].time
}

// BenchmarkSmall lists ten tokens, looking at the tables of all four kinds or at that
// of one: what is left when there is next to nothing to do, against programs that can
// do nothing else.
func BenchmarkSmall(b *testing.B) {
	lookClients(b)
	binary, minimal := buildTokenctl(b), build(b, "tokenctl/bench/minimal")
	seeds := newSeeds(b, 10)
	for _, engine := range []string{"postgres", "sqlite"} {
		st := newStock(b, engine, binary, seeds)
		b.Run(engine, func(b *testing.B) {
			st.t = b
			st.ready("drf")
			var all, one, client, least []sample
			for b.Loop() {
				all = append(all, st.measure(st.tokenctl("drf", "list", "-o", "json")))
				one = append(one, st.measure(st.tokenctl("drf", "list", "--kind", "drf", "-o", "json")))
				client = append(client, st.measure(st.client("drf", rows("tsv", drfByOwner)(engine), "")))
				if engine == "postgres" {
					cmd := exec.Command(minimal)
					cmd.Env = append(os.Environ(), "DATABASE_URL="+st.url("drf"))
					least = append(least, st.measure(cmd))
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(middle(all).Microseconds())/1000, "ms")
			b.ReportMetric(middle(all).Seconds()/middle(client).Seconds(), "ratio-client")
			b.ReportMetric(middle(one).Seconds()/middle(client).Seconds(), "one-kind-ratio-client")
			if engine == "postgres" {
				b.ReportMetric(middle(all).Seconds()/middle(least).Seconds(), "ratio-minimal")
				b.ReportMetric(middle(one).Seconds()/middle(least).Seconds(), "one-kind-ratio-minimal")
			}
			b.ReportMetric(float64(all[0].memory>>20), "MB")
		})
		st.t = b
	}
}
