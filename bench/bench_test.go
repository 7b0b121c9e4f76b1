// Package bench compares whole processes: tokenctl, psql, sqlite3 and Django doing
// the same on the same databases. Machines are noisy; only the ratios count.
//
// The program does not contain it. Benchmarks of single functions stand beside these
// functions, and what only has to be right is tested elsewhere.
package bench

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
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
	var rows [][]string
	for _, command := range []string{"tokenctl version", "tokenctl --help", "tokenctl completion bash", "true"} {
		words := strings.Fields(command)
		b.Run(words[len(words)-1], func(b *testing.B) {
			program := words[0]
			if program == "tokenctl" {
				program = binary
			}
			repeat(b, nil, program, words[1:]...)
			rows = append(rows, []string{command, "", fmt.Sprintf("%.1f", b.Elapsed().Seconds()*1000/float64(b.N)), "", "", ""})
		})
	}
	startTable.record(b, rows...)
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
	var lines [][]string
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
			for _, ours := range []struct {
				command, unit string
				samples       []sample
			}{{"tokenctl list -o json", "", all}, {"tokenctl list --kind drf -o json", "one-kind-", one}} {
				took := middle(ours.samples)
				ofClient, ofLeast := took.Seconds()/middle(client).Seconds(), ""
				b.ReportMetric(float64(took.Microseconds())/1000, ours.unit+"ms")
				b.ReportMetric(ofClient, ours.unit+"ratio-client")
				if engine == "postgres" {
					ratio := took.Seconds() / middle(least).Seconds()
					b.ReportMetric(ratio, ours.unit+"ratio-minimal")
					ofLeast = fmt.Sprintf("%.1f", ratio)
				}
				lines = append(lines, []string{ours.command, engine, fmt.Sprintf("%.1f", float64(took.Microseconds())/1000), ofLeast,
					fmt.Sprintf("%.1f", ofClient), fmt.Sprint(ours.samples[0].memory >> 20)})
			}
		})
		st.t = b
	}
	startTable.record(b, lines...)
}
