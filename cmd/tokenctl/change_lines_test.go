package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tokenctl/db/dbtest"
)

// line is a line of standard input: an id or a secret, and the id that it is about.
type line struct{ text, id string }

// mintMany gives users a credential of each kind and returns lines that name them, some
// twice, in no order.
func (w *world) mintMany(first, n int) (lines []line, ids []string) {
	w.t.Helper()
	var names strings.Builder
	for i := range n {
		names.WriteString(userName(first+i) + "\n")
	}
	for _, kind := range stocked {
		out := fmt.Sprintf("minted %d %s", first, kind)
		cmd := w.command("mint", "--kind", kind, "--users-from", "-", "-q", "-o", "ndjson", "--out", out)
		cmd.Stdin = strings.NewReader(names.String())
		w.want(w.run(cmd), 0)
		for i, c := range objects(w.t, w.read(out)) {
			secret := c["token"]
			if kind == "jwt" {
				secret = c["refresh"]
			}
			ids = append(ids, c["id"])
			both := []line{{c["id"], c["id"]}, {secret, c["id"]}}
			switch {
			case i%10 == 0:
				lines = append(lines, both...)
			case i%11 == 0:
				lines = append(lines, both[i%2], both[i%2])
			default:
				lines = append(lines, both[i%2])
			}
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return lines, ids
}

// objects are lines of JSON; of each, what is a text.
func objects(t *testing.T, text string) (list []map[string]string) {
	t.Helper()
	for line := range strings.Lines(text) {
		var all map[string]any
		if err := json.Unmarshal([]byte(line), &all); err != nil {
			t.Fatal(err)
		}
		texts := map[string]string{}
		for name, value := range all {
			texts[name], _ = value.(string)
		}
		list = append(list, texts)
	}
	return list
}

// absent are lines that name nothing.
func absent() []line {
	list := []line{{text: "session:aaaaaaaa-00000000"}, {text: "knox:0123456789abcdef"}, {text: "drf:99999@00000000"}, {text: "jwt:nobody"}}
	for i := range 5 {
		list = append(list, line{text: fmt.Sprintf("%040x", i)}, line{text: fmt.Sprintf("%064x", i)}, line{text: fmt.Sprintf("absentsession%019d", i)})
	}
	return list
}

func (w *world) lines(lines []line, args ...string) result {
	w.t.Helper()
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.text
	}
	cmd := w.command(args...)
	cmd.Stdin = strings.NewReader(strings.Join(texts, "\n") + "\n")
	return w.run(cmd)
}

// about are the ids that lines are about, in their order, each once.
func about(lines []line) (ids []string) {
	seen := map[string]bool{"": true}
	for _, l := range lines {
		if !seen[l.id] {
			seen[l.id] = true
			ids = append(ids, l.id)
		}
	}
	return ids
}

func field(list []map[string]string, name string) (values []string) {
	for _, o := range list {
		values = append(values, o[name])
	}
	return values
}

// offended parts the rows that --keep-going writes: those that have a reason were left.
func offended(list []map[string]string) (done, left []map[string]string) {
	for _, o := range list {
		if o["reason"] != "" {
			left = append(left, o)
		} else {
			done = append(done, o)
		}
	}
	return done, left
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// active are the ids of what works, sorted.
func (w *world) active(args ...string) []string {
	w.t.Helper()
	return sorted(strings.Fields(w.ok(append([]string{"list", "--status", "active", "-o", "id"}, args...)...)))
}

// Thousands of lines of every kind, as ids and as secrets, some twice, some of nothing:
// each is what it is, and what changes them is all or nothing unless it is told otherwise.
func TestChangeManyLines(t *testing.T) {
	dbtest.Slow(t)
	engines(t, func(w *world) {
		w.env = append(w.env, "TOKENCTL_SECRET_KEY="+serveSecretKey)
		const n = 800
		w.people(3 * n)
		first, firstIDs := w.mintMany(1, n)
		second, secondIDs := w.mintMany(n+1, n)
		third, thirdIDs := w.mintMany(2*n+1, n)
		// The users of none of them have others.
		check := func(what string, got, want []string) {
			w.t.Helper()
			if !slices.Equal(got, want) {
				w.t.Errorf("%s: %d ids, want %d, or others, or in another order", what, len(got), len(want))
			}
		}
		all := slices.Concat(first, second, third)
		r := w.lines(all, "verify", "-", "-o", "ndjson")
		w.is("verify", r, 0)
		var each []string
		for _, l := range all {
			each = append(each, l.id)
		}
		check("verify", field(objects(w.t, r.stdout), "id"), each)
		r = w.lines(slices.Concat(absent()[4:], first), "verify", "-", "-o", "ndjson")
		w.is("verify with absent secrets", r, 4)
		check("verify with absent secrets", field(objects(w.t, r.stdout), "id"), append(make([]string, len(absent())-4), each[:len(first)]...))
		r = w.lines(slices.Concat(first, absent()), "verify", "-", "-o", "ndjson")
		w.is("verify with absent ids", r, 3, "session:aaaaaaaa-00000000")

		r = w.lines(all, "show", "-", "-o", "ndjson")
		w.is("show", r, 0)
		check("show", field(objects(w.t, r.stdout), "id"), about(all))

		some := slices.Concat(first[:100], absent(), first[100:])
		before := w.everyRow()
		for _, args := range [][]string{{"show", "-"}, {"blacklist", "-"}, {"rotate", "-", "--out", "none"}} {
			r := w.lines(some, args...)
			w.is(args[0], r, 3, "session:aaaaaaaa-00000000", "knox:0123456789abcdef", "drf:99999@00000000", "jwt:nobody", "line 105 ")
			if r.stdout != "" || len(r.stderr) > 10000 || hasSecret("drf", r.stderr) || hasSecret("knox", r.stderr) || hasSecret("session", r.stderr) {
				w.t.Errorf("%s wrote %d bytes and said %.1000s", args[0], len(r.stdout), r.stderr)
			}
			w.same(args[0], before)
		}

		// Blacklist: some with others that are not there, then the rest with those.
		r = w.lines(some, "blacklist", "-", "--keep-going", "-o", "ndjson")
		w.is("blacklist --keep-going", r, 6, fmt.Sprintf("%d of %d were done", len(firstIDs), len(firstIDs)+len(absent())))
		done, left := offended(objects(w.t, r.stdout))
		check("blacklist --keep-going", sorted(field(done, "id")), sorted(firstIDs))
		var absentIDs []string
		for _, l := range absent() {
			if strings.Contains(l.text, ":") {
				absentIDs = append(absentIDs, l.text)
			} else {
				absentIDs = append(absentIDs, "")
			}
		}
		check("what blacklist --keep-going left", sorted(field(left, "id")), sorted(absentIDs))
		check("after blacklist --keep-going", w.active(), sorted(slices.Concat(secondIDs, thirdIDs)))
		before = w.everyRow()
		w.is("blacklist again", w.lines(slices.Concat(some, second), "blacklist", "-"), 3)
		w.same("blacklist again", before)
		r = w.lines(slices.Concat(some, second), "blacklist", "-", "--ignore-missing", "-o", "ndjson")
		w.is("blacklist --ignore-missing", r, 0)
		check("blacklist --ignore-missing", sorted(field(objects(w.t, r.stdout), "id")), sorted(secondIDs))
		check("after blacklist --ignore-missing", w.active(), sorted(thirdIDs))

		// Only the JWTs can come back.
		var jwts []line
		for _, l := range slices.Concat(first, second) {
			if strings.HasPrefix(l.id, "jwt:") {
				jwts = append(jwts, l)
			}
		}
		before = w.everyRow()
		if r := w.lines(slices.Concat(jwts, third[:50]), "unblacklist", "-"); r.status != 2 && r.status != 3 {
			w.t.Errorf("unblacklist of what cannot be: status %d", r.status)
		}
		w.is("unblacklist with an absent one", w.lines(slices.Concat(jwts, absent()[3:]), "unblacklist", "-"), 3)
		w.same("unblacklist", before)
		r = w.lines(slices.Concat(jwts, absent()[3:]), "unblacklist", "-", "--ignore-missing", "-o", "ndjson")
		w.is("unblacklist --ignore-missing", r, 0)
		check("unblacklist", sorted(field(objects(w.t, r.stdout), "id")), sorted(about(jwts)))
		check("after unblacklist", w.active(), sorted(slices.Concat(thirdIDs, about(jwts))))

		// Rotate.
		r = w.lines(slices.Concat(absent(), third), "rotate", "-", "--ignore-missing", "-o", "ndjson", "--out", "new")
		w.is("rotate --ignore-missing", r, 0)
		made := objects(w.t, w.read("new"))
		check("rotate", sorted(field(made, "replaces")), sorted(thirdIDs))
		check("after rotate", w.active(), sorted(slices.Concat(field(made, "id"), about(jwts))))
		for _, kind := range stocked {
			of := func(list []string) []string {
				return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return !strings.HasPrefix(id, kind+":") })
			}
			check("the order of rotated "+kind, of(field(made, "replaces")), of(about(third)))
		}
	})
}
