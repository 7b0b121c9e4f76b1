package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tokenctl"
)

// TestMain makes the test binary a program that writes to a journal, for tests of several
// processes.
func TestMain(m *testing.M) {
	if path := os.Getenv("JOURNAL_TEST_WRITE"); path != "" {
		if err := writer(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// writer writes as many entries as it is told. After each line that is written it says so.
func writer(path string) error {
	count, err := strconv.Atoi(os.Getenv("JOURNAL_TEST_COUNT"))
	if err != nil {
		return err
	}
	ctx := context.Background()
	j, err := Open(path)
	if err != nil {
		return err
	}
	for i := range count {
		e, err := j.Intend(ctx, time.Now(), Intent{Command: "test", IDs: make([]string, i%3*LineIDs), Count: i % 3 * LineIDs})
		if err != nil {
			return err
		}
		fmt.Println("intent", e.id)
		if i%7 == 3 {
			if _, err := j.Rotate(ctx, time.Now()); err != nil {
				return err
			}
		}
		if err := e.Settle(ctx, time.Now(), Done); err != nil {
			return err
		}
		fmt.Println("settled", e.id)
	}
	return nil
}

// start starts such a process.
func start(t *testing.T, path string, count int, out *bytes.Buffer) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "JOURNAL_TEST_WRITE="+path, "JOURNAL_TEST_COUNT="+strconv.Itoa(count))
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// filled is a journal with n settled entries.
func filled(t *testing.T, n int) (*File, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		e := intend(t, j, Intent{Command: "blacklist", Kind: "drf", IDs: []string{fmt.Sprintf("drf:%d", i)}, Count: 1})
		if err := e.Settle(t.Context(), noon, Done); err != nil {
			t.Fatal(err)
		}
	}
	return j, path
}

func intend(t *testing.T, j *File, in Intent) *Entry {
	t.Helper()
	e, err := j.Intend(t.Context(), noon, in)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func state(t *testing.T, path, anchor string) *State {
	t.Helper()
	s, err := Check(path, anchor)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func entries(t *testing.T, path string) (list []*Recorded) {
	t.Helper()
	for r, err := range Entries(path) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The format is what other programs read.
func TestFormat(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	j, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	e := &Entry{j, "0123456789abcdef"}
	in := Intent{User: "root", SudoUser: "ann", Host: "h1", Context: "shop", Database: "postgresql://h/shop", Command: "blacklist drf:1", Kind: "drf", IDs: []string{"drf:1@0a0b0c0d"}, Count: 1}
	if err := j.append(t.Context(), intentLines(e.id, noon, in)); err != nil {
		t.Fatal(err)
	}
	if err := e.Settle(t.Context(), noon.Add(time.Second), Done); err != nil {
		t.Fatal(err)
	}
	first := `{"version":1,"part":"intent","entry":"0123456789abcdef","time":"2026-11-29T12:00:00.000000Z","lines":1,"user":"root","sudo_user":"ann","host":"h1","context":"shop","database":"postgresql://h/shop","command":"blacklist drf:1","kind":"drf","ids":["drf:1@0a0b0c0d"],"count":1,"previous":"` + zeroHash + `"}`
	second := `{"part":"settled","entry":"0123456789abcdef","time":"2026-11-29T12:00:01.000000Z","outcome":"done","previous":"` + hashOf([]byte(first)) + `"}`
	if got := read(t, path); got != first+"\n"+second+"\n" {
		t.Errorf("got\n%s\nwant\n%s\n%s", got, first, second)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// Many ids are several lines of one entry.
func TestManyIDs(t *testing.T) {
	t.Parallel()
	j, path := filled(t, 0)
	for _, n := range []int{0, 1, LineIDs, LineIDs + 1, 3 * LineIDs} {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = strconv.Itoa(i)
		}
		before := strings.Count(read(t, path), "\n")
		e := intend(t, j, Intent{IDs: ids, Count: n})
		if got, want := strings.Count(read(t, path), "\n")-before, max(1, (n+LineIDs-1)/LineIDs); got != want {
			t.Errorf("%d ids: %d lines, want %d", n, got, want)
		}
		list := entries(t, path)
		if last := list[len(list)-1]; !slices.Equal(last.IDs, ids) || last.Count != n || last.Outcome != Unsettled {
			t.Errorf("%d ids: %d, %s", n, len(last.IDs), last.Outcome)
		}
		if err := e.Settle(t.Context(), noon, Done); err != nil {
			t.Fatal(err)
		}
	}
	if s := state(t, path, ""); s.Problems != nil || len(s.Open) > 0 || s.Entries != 5 {
		t.Errorf("%+v", s)
	}
}

// Each change of the lines is found, wherever it is.
func TestTampering(t *testing.T) {
	t.Parallel()
	_, path := filled(t, 4)
	lines := strings.SplitAfter(strings.TrimSuffix(read(t, path), "\n"), "\n")
	lines[len(lines)-1] += "\n"
	head := state(t, path, "").Head
	check := func(name string, lines []string, cut bool) {
		t.Helper()
		changed := filepath.Join(t.TempDir(), "changed")
		if err := os.WriteFile(changed, []byte(strings.Join(lines, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		s := state(t, changed, head)
		if found := s.Problems != nil; found == cut || cut && s.Anchored {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if s := state(t, path, head); s.Problems != nil || !s.Anchored || s.Entries != 4 {
		t.Fatalf("%+v", s)
	}
	for i := range lines {
		last := i == len(lines)-1
		check(fmt.Sprintf("line %d removed", i+1), slices.Concat(lines[:i], lines[i+1:]), last)
		check(fmt.Sprintf("line %d twice", i+1), slices.Concat(lines[:i+1], lines[i:]), false)
		changed := slices.Clone(lines)
		changed[i] = strings.Replace(changed[i], "2026", "2025", 1)
		check(fmt.Sprintf("line %d changed", i+1), changed, last)
		changed[i] = changed[i][:len(changed[i])/2] + "\n"
		check(fmt.Sprintf("line %d cut", i+1), changed, last)
		if !last {
			changed := slices.Clone(lines)
			changed[i], changed[i+1] = changed[i+1], changed[i]
			check(fmt.Sprintf("line %d moved", i+1), changed, false)
		}
		if i > 0 {
			check(fmt.Sprintf("cut behind line %d", i), lines[:i], true)
		}
	}
	check("nothing", nil, true)
	// An older anchor holds while the file grows.
	if s := state(t, path, hashOf([]byte(strings.TrimSuffix(lines[2], "\n")))); !s.Anchored {
		t.Error("an older anchor is not found")
	}
	if s := state(t, path, zeroHash); s.Anchored {
		t.Error("the hash before the first line is an anchor")
	}
}

// A part of a line, which a killed process leaves, is not the end of the chain.
func TestPartialLine(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"part":"intent","entry":"00`, "{", "\n\n", strings.Repeat("x", 100<<10)} {
		j, path := filled(t, 1)
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString(text)
		f.Close()
		e := intend(t, j, Intent{Command: "x"})
		if err := e.Settle(t.Context(), noon, NotDone); err != nil {
			t.Fatal(err)
		}
		s := state(t, path, "")
		if s.Problems != nil || s.Partial == 0 || s.Entries != 2 || len(s.Open) > 0 {
			t.Errorf("%.20q: %+v", text, s)
		}
		if list := entries(t, path); len(list) != 2 || list[1].Outcome != NotDone {
			t.Errorf("%.20q: %d entries", text, len(list))
		}
	}
	// The line end alone is missing.
	j, path := filled(t, 1)
	if err := os.WriteFile(path, []byte(strings.TrimSuffix(read(t, path), "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	intend(t, j, Intent{Command: "x"})
	if s := state(t, path, ""); s.Problems != nil || s.Partial != 0 || s.Entries != 2 || len(s.Open) != 1 {
		t.Errorf("%+v", s)
	}
}

// Processes that write at once make one chain, also when one of them rotates the file.
func TestSeveralProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	const processes, count = 4, 10
	var commands []*exec.Cmd
	for range processes {
		commands = append(commands, start(t, path, count, new(bytes.Buffer)))
	}
	for _, cmd := range commands {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	// Back from the newest file to the first.
	total, anchor := 0, ""
	for name := path; name != ""; {
		s := state(t, name, anchor)
		if s.Problems != nil || s.Partial > 0 || anchor != "" && s.Head != anchor {
			t.Errorf("%s: %+v", name, s)
		}
		total += s.Entries
		anchor = s.Carried
		if name = s.Before; name != "" {
			name = filepath.Join(filepath.Dir(path), name)
		}
	}
	if total != processes*count {
		t.Errorf("%d entries, want %d", total, processes*count)
	}
	if s := state(t, path, ""); len(s.Open) > 0 {
		t.Errorf("open: %v", s.Open)
	}
}

// A process that is killed leaves a chain that holds what it said to have written.
func TestKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	said := map[string]string{}
	within := time.Hour // the first is not killed; the others are, within the time that it took
	for i := range 12 {
		var out bytes.Buffer
		began := time.Now()
		cmd := start(t, path, 3, &out)
		killed := time.AfterFunc(time.Duration(rand.Float64()*float64(within)), func() { cmd.Process.Signal(syscall.SIGKILL) })
		err := cmd.Wait()
		killed.Stop()
		if i == 0 {
			within = time.Since(began)
		}
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL) {
			t.Fatal(err)
		}
		for text := range strings.Lines(out.String()) {
			if what, id, ok := strings.Cut(strings.TrimSpace(text), " "); ok && len(id) == 16 {
				said[id] = what
			}
		}
	}
	found := map[string]string{}
	for name := path; ; {
		s := state(t, name, "")
		if s.Problems != nil {
			t.Errorf("%s: %+v", name, s.Problems)
		}
		for _, r := range entries(t, name) {
			found[r.ID] = r.Outcome
		}
		if s.Before == "" {
			break
		}
		name = filepath.Join(filepath.Dir(path), s.Before)
	}
	for id, what := range said {
		if found[id] == "" || what == "settled" && found[id] != Done {
			t.Errorf("%s was said to be %s, and is %q", id, what, found[id])
		}
	}
}

// An entry that is open when the file is rotated is settled in the new one.
func TestRotate(t *testing.T) {
	t.Parallel()
	j, path := filled(t, 2)
	e := intend(t, j, Intent{Command: "slow"})
	head := state(t, path, "").Head
	old, err := j.Rotate(t.Context(), noon)
	if err != nil {
		t.Fatal(err)
	}
	if old != path+".20261129T120000.000000Z" || state(t, old, "").Head != head {
		t.Errorf("%s", old)
	}
	s := state(t, path, head)
	if s.Carried != head || !s.Anchored || s.Before != filepath.Base(old) || !slices.Equal(s.Open, []string{e.id}) || s.Problems != nil {
		t.Errorf("%+v", s)
	}
	if err := e.Settle(t.Context(), noon, Done); err != nil {
		t.Fatal(err)
	}
	if s := state(t, path, ""); s.Problems != nil || len(s.Open) > 0 || s.Entries != 0 {
		t.Errorf("%+v", s)
	}
	if _, err := j.Rotate(t.Context(), noon); err == nil {
		t.Error("a file of the same name was replaced")
	}
	if s := state(t, path, head); s.Problems != nil || s.Lines != 2 {
		t.Errorf("%+v", s)
	}
	if names, err := filepath.Glob(path + "*"); err != nil || len(names) != 2 {
		t.Errorf("%v %v", names, err)
	}
}

// What is no journal that only its owner can write is refused, and nobody waits for it.
func TestRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo, open := filepath.Join(dir, "fifo"), filepath.Join(dir, "open")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(open, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o660); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		fifo:                               "is not a regular file",
		dir:                                "cannot be opened: is a directory",
		filepath.Join(dir, "none", "file"): "cannot be opened: no such file or directory",
		open:                               "others can write to the journal " + open,
		"/dev/full":                        "is not a regular file",
	} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := Check(fifo, ""); err == nil || !strings.Contains(err.Error(), "cannot be read: it is not a regular file") {
		t.Errorf("%v", err)
	}
}

// Whoever waits for the lock can be stopped.
func TestLockIsAwaited(t *testing.T) {
	t.Parallel()
	j, path := filled(t, 1)
	held, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errors.New("stopped"))
	if _, err := j.Intend(ctx, noon, Intent{}); tokenctl.CodeOf(err) != tokenctl.CodeJournalFailed || !strings.Contains(err.Error(), "cannot be locked: stopped") {
		t.Errorf("%v", err)
	}
	held.Close()
	intend(t, j, Intent{})
	if s := state(t, path, ""); s.Problems != nil || s.Entries != 2 {
		t.Errorf("%+v", s)
	}
}
