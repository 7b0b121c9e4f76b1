package bench

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var scanSize = flag.Int64("scan", 256, "MiB of text for BenchmarkScan")

// shapes are those of the secrets that tokenctl scan looks for, as one pattern.
const shapes = `\b[0-9a-f]{40}\b|\b[0-9a-f]{64}\b|\b[0-9a-z]{32}\b|\beyJ[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+`

// writeTexts writes files of source code, prose and logs. A line in two hundred has a hash.
func writeTexts(b *testing.B, dir string) {
	random := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("if err != nil { return } func string context response request handler user account the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she there would their we him been has when who will no more if out so up said what its about than into them can only other time new some could these two may first then do any like my now over such our man me even most made after also did many off before must well back through years much where your way down should because long each just state those people too mr how little good world make very year still see own work men day get here old life both between being under three never know same last another while us might great go come since against right came take used himself few house use place during high without again home around small however found thought went say part once general upon school every don't does got united left number course war until always away something fact though water public put less hand think almost far")
	const perFile = 16 << 20
	for i := int64(0); i < *scanSize<<20/perFile; i++ {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("text%d", i)))
		if err != nil {
			b.Fatal(err)
		}
		w := bufio.NewWriter(f)
		for n := 0; n < perFile; {
			line := ""
			switch random.IntN(200) {
			case 0:
				line = fmt.Sprintf("commit %016x%016x%08x\n", random.Uint64(), random.Uint64(), random.Uint32())
			default:
				for range 6 + random.IntN(12) {
					line += words[random.IntN(len(words))] + " "
				}
				line += "\n"
			}
			n += len(line)
			w.WriteString(line)
		}
		if err := w.Flush(); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScan searches text in the page cache on one core: tokenctl scan, ripgrep with the same
// shapes as one pattern, and gitleaks with its own rules, where they are installed.
func BenchmarkScan(b *testing.B) {
	dir := b.TempDir()
	texts := filepath.Join(dir, "texts")
	if err := os.Mkdir(texts, 0o700); err != nil {
		b.Fatal(err)
	}
	writeTexts(b, texts)
	binary := buildTokenctl(b)
	env := []string{"DATABASE_URL=sqlite:///" + filepath.Join(dir, "db.sqlite3"), "GOMAXPROCS=1"}
	mint := exec.Command(binary, "mint", "alice", "--init", "-q")
	mint.Env = append(os.Environ(), env...)
	mint.Dir = dir
	if out, err := mint.CombinedOutput(); err != nil {
		b.Fatalf("%s", out)
	}
	var rows [][]string
	for _, program := range []struct {
		name        string
		shown, args []string
	}{
		{binary, []string{"scan"}, []string{"scan", texts}},
		{"rg", []string{"-j1", "-c"}, []string{"-j1", "--no-config", "-c", "-e", shapes, texts}},
		{"gitleaks", []string{"dir"}, []string{"dir", texts, "--no-banner", "--exit-code", "0", "--log-level", "error"}},
	} {
		b.Run(filepath.Base(program.name), func(b *testing.B) {
			path, err := exec.LookPath(program.name)
			if err != nil {
				b.Skip(err)
			}
			used, peak := 0.0, int64(0)
			for b.Loop() {
				cmd := exec.Command(path, program.args...)
				cmd.Env, cmd.Dir = append(os.Environ(), env...), dir
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v: %s", err, out)
				}
				used += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
				peak = max(peak, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
			}
			// The machine may have other work: what counts is the time of the processor.
			rate := float64(*scanSize) * float64(b.N) / used
			b.ReportMetric(rate, "MiB/cpu-s")
			b.ReportMetric(float64(peak)/1024, "MiB-peak")
			rows = append(rows, []string{strings.Join(append([]string{filepath.Base(program.name)}, program.shown...), " "), fmt.Sprintf("%.0f", rate), fmt.Sprintf("%.0f", float64(peak)/1024)})
		})
	}
	scanTable.record(b, rows...)
}
