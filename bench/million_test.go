package bench

import (
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
	"tokenctl/django/djangotest"
)

// djangoRows is how many rows Django gets to do at most, on PostgreSQL: it takes
// minutes for more, and longer on SQLite, where it commits and syncs each of them.
const djangoRows = 10_000

// result is one operation on one database of one size.
type result struct {
	engine       string
	operation    operation
	rows         int
	ours, theirs sample
	django       sample // of one run; without its memory
}

// ratio is how much longer than plain SQL tokenctl takes.
func (r result) ratio() float64 { return r.ours.time.Seconds() / r.theirs.time.Seconds() }

// slower is how much longer than tokenctl Django takes.
func (r result) slower() float64 { return r.django.time.Seconds() / r.ours.time.Seconds() }

// round runs the operation once with each, on databases alike, and checks that
// both have left the same behind.
func (r *result) round(st *stock) {
	st.t.Helper()
	st.ready(r.operation.from)
	var counts [2]string
	for i, took := range []*sample{&r.ours, &r.theirs} {
		name, drop := r.operation.from, func() {}
		if r.operation.count != "" {
			name, drop = st.fresh(name)
		}
		out := filepath.Join(st.dir, "out")
		var cmd *exec.Cmd
		if i == 0 {
			cmd = st.tokenctl(name)
			for _, arg := range r.operation.args {
				cmd.Args = append(cmd.Args, st.seeds.fill(st.t, arg, out))
			}
			if r.operation.stdin != "" {
				in, err := os.Open(st.seeds.file(st.t, r.operation.stdin))
				if err != nil {
					st.t.Fatal(err)
				}
				defer in.Close()
				cmd.Stdin = in
			}
		} else {
			cmd = st.client(name, r.operation.plain(st.engine), out)
		}
		took.best(st.measure(cmd))
		os.Remove(out)
		if r.operation.count != "" {
			counts[i] = dbtest.Query(st.url(name), st.seeds.fill(st.t, r.operation.count, ""))
			if untouched := dbtest.Query(st.url(r.operation.from), st.seeds.fill(st.t, r.operation.count, "")); counts[i] == untouched {
				st.t.Fatalf("%s: still %s", r.operation.name, untouched)
			}
		}
		drop()
	}
	if counts[0] != counts[1] {
		st.t.Fatalf("%s: %s, plain SQL: %s", r.operation.name, counts[0], counts[1])
	}
}

// ask has Django do the same, once.
func (r *result) ask(st *stock) {
	name, drop := st.fresh(r.operation.from)
	defer drop()
	peers := djangotest.Peers(st.t)
	project := peers[len(peers)-1].Project(st.t, st.url(name), djangotest.Options{SecretKey: secretKey})
	args := make([]string, len(r.operation.django))
	for i, arg := range r.operation.django {
		args[i] = st.seeds.fill(st.t, arg, "")
	}
	r.django.time = timed(func() { project.Manage(args...) })
}

var (
	sizes   = flag.String("rows", "10000", "how many rows of each kind, smallest first: 10000,100000,1000000")
	engines = flag.String("engines", "postgres,sqlite", "the databases")
)

// BenchmarkMillion compares every operation on many rows with the plain SQL that
// does the same, by psql and sqlite3, and on few with Django.
func BenchmarkMillion(b *testing.B) {
	lookClients(b)
	binary := buildTokenctl(b)
	var results []result
	for size := range strings.SplitSeq(*sizes, ",") {
		rows, err := strconv.Atoi(size)
		if err != nil {
			b.Fatalf("-rows: %v", err)
		}
		for engine := range strings.SplitSeq(*engines, ",") {
			b.Run(fmt.Sprintf("%s/rows=%d", engine, rows), func(b *testing.B) {
				st := newStock(b, engine, binary, newSeeds(b, rows))
				for _, o := range operations() {
					r := result{engine: engine, operation: o, rows: rows}
					b.Run(o.name, func(b *testing.B) {
						st.t = b
						for b.Loop() {
							r.round(st)
						}
						if rows <= djangoRows && engine == "postgres" && o.django != nil {
							r.ask(st)
							b.ReportMetric(r.slower(), "ratio-django")
						}
						b.ReportMetric(0, "ns/op")
						b.ReportMetric(r.ours.time.Seconds(), "s")
						b.ReportMetric(r.theirs.time.Seconds(), "s-plain")
						b.ReportMetric(r.ratio(), "ratio")
						b.ReportMetric(float64(r.ours.memory>>20), "MB")
						b.ReportMetric(float64(r.theirs.memory>>20), "MB-plain")
						results = append(results, r)
					})
				}
				st.t = b
			})
		}
	}
	millionTable.record(b, measured(results)...)
	growth(results)
}

// TestOperations keeps the operations and their plain SQL alike.
func TestOperations(t *testing.T) {
	dbtest.Slow(t)
	lookClients(t)
	binary := buildTokenctl(t)
	for _, engine := range []string{"postgres", "sqlite"} {
		t.Run(engine, func(t *testing.T) {
			st := newStock(t, engine, binary, newSeeds(t, 20))
			for _, o := range operations() {
				t.Run(strings.ReplaceAll(o.name, " ", "_"), func(t *testing.T) {
					st.t = t
					r := result{operation: o}
					r.round(st)
					if r.ours.time == 0 || r.theirs.memory == 0 {
						t.Errorf("measured %+v", r)
					}
				})
			}
			st.t = t
		})
	}
}

// measured are the results as rows of millionTable.
func measured(results []result) (rows [][]string) {
	for _, r := range results {
		target, django := "", ""
		if limit := r.operation.limit(r.engine); limit > 0 {
			target = fmt.Sprint(limit)
		}
		if r.django.time > 0 {
			django = fmt.Sprintf("%.0f", r.slower())
		}
		rows = append(rows, []string{r.engine, strconv.Itoa(r.rows), r.operation.name, target, fmt.Sprintf("%.1f", r.ratio()),
			fmt.Sprint(r.ours.memory >> 20), fmt.Sprint(r.theirs.memory >> 20), django})
	}
	return rows
}

// growth prints how time grows from each size to the next.
func growth(results []result) {
	for i, small := range results {
		j := slices.IndexFunc(results[i+1:], func(r result) bool { return r.engine == small.engine && r.operation.name == small.operation.name })
		if j < 0 {
			continue
		}
		large := results[i+1+j]
		decades := math.Log(float64(large.rows) / float64(small.rows))
		grows := large.ours.time.Seconds() / small.ours.time.Seconds()
		plain := large.theirs.time.Seconds() / small.theirs.time.Seconds()
		fmt.Printf("%s, %s, %d to %d rows: %.1f times as long, exponent %.2f; plain SQL's is %.2f\n", small.engine, small.operation.name, small.rows, large.rows,
			grows, math.Log(grows)/decades, math.Log(plain)/decades)
	}
}
