package scan

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tokenctl/db/dbtest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"tokenctl"
)

// tree writes files into a new folder, which becomes the working directory.
func tree(t *testing.T, files map[string]string) string {
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

// scanFiles scans paths, and returns where something was found and what was not read.
func scanFiles(t *testing.T, set func(*Options), paths ...string) (found, unread []string) {
	s, list, problems := testScanner(t)
	if set != nil {
		set(&s.options)
	}
	if err := s.Files(t.Context(), paths); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, f := range *list {
		found = append(found, f.Path)
	}
	slices.Sort(*problems)
	return found, *problems
}

func check(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestFolders(t *testing.T) {
	key := secrets["drf"]
	dir := tree(t, map[string]string{"a.txt": key, "b/.hidden": key, "b/.git/config": key, "b/c.log": key, "b/d/e.log": key, "b/keep.log": key, "b/.gitignore": "*.log\n!keep.log\n/d/\n",
		"out/of": key, "x.skip": key, "large": strings.Repeat("x ", 1000) + key})
	symlink := func(target, name string) {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	found, unread := scanFiles(t, nil, ".")
	check(t, "found", found, "a.txt", "b/.hidden", "b/keep.log", "large", "out/of", "x.skip")
	check(t, "unread", unread)
	found, _ = scanFiles(t, func(o *Options) { o.All, o.Exclude, o.MaxSize = true, []string{"*.skip", "/out"}, 1000 }, ".")
	check(t, "all but excluded", found, "a.txt", "b/.hidden", "b/c.log", "b/d/e.log", "b/keep.log")
	found, _ = scanFiles(t, nil, "b/c.log", "a.txt", "a.txt", "./a.txt", "b", "b/.hidden")
	check(t, "several", found, "a.txt", "b/.hidden", "b/c.log", "b/keep.log")
	found, _ = scanFiles(t, nil, "b/d")
	check(t, "the rules above in the same repository", found)
	if err := os.RemoveAll("b/.git"); err != nil {
		t.Fatal(err)
	}
	found, _ = scanFiles(t, nil, "b/d")
	check(t, "the rules above are those of no repository", found, "b/d/e.log")

	// Links: to what is found anyway, out of the folder, to a folder, to itself, to nowhere.
	symlink("../a.txt", "b/link")
	symlink("../out/of", "b/outside")
	symlink("../out", "b/outside2")
	symlink("..", "b/up")
	symlink("self", "b/self")
	symlink("absent", "b/nowhere")
	symlink("c.log", "b/tolog")
	found, unread = scanFiles(t, nil, ".")
	check(t, "found with links", found, "a.txt", "b/.hidden", "b/c.log", "b/keep.log", "large", "out/of", "x.skip")
	check(t, "unread with links", unread, "b/self: it is a loop of symbolic links", "b/up: it is a loop of symbolic links")
	real, _ := filepath.EvalSymlinks(dir)
	found, _ = scanFiles(t, nil, "b")
	check(t, "found beside", found, filepath.Join(real, "a.txt"), filepath.Join(real, "out/of"), "b/.hidden", "b/c.log", "b/keep.log")
	found, _ = scanFiles(t, nil, "b/link")
	check(t, "a link by name", found, filepath.Join(real, "a.txt"))
}

func TestUnreadable(t *testing.T) {
	key := secrets["drf"]
	tree(t, map[string]string{"a": key, "closed": key, "dir/x": key})
	if err := syscall.Mkfifo("fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{"fifo: it is a FIFO"}
	found := []string{"a", "closed", "dir/x"}
	if os.Geteuid() != 0 { // root reads everything
		for _, name := range []string{"closed", "dir"} {
			if err := os.Chmod(name, 0); err != nil {
				t.Fatal(err)
			}
		}
		want = append([]string{"closed: permission denied", "dir: permission denied"}, want...)
		found = found[:1]
	}
	got, unread := scanFiles(t, nil, ".")
	check(t, "found", got, found...)
	check(t, "unread", unread, want...)
	s, _, _ := testScanner(t)
	if err := s.Files(t.Context(), []string{"absent"}); tokenctl.CodeOf(err) != tokenctl.CodeNotFound {
		t.Errorf("a path that is not there: %v", err)
	}
}

// TestChanging: a file that changes while it is read is named.
func TestChanging(t *testing.T) {
	var text strings.Builder
	for i := range 2 * batchSize {
		fmt.Fprintf(&text, "%040x\n", i)
	}
	tree(t, map[string]string{"log": text.String()})
	_, unread := scanFiles(t, func(o *Options) {
		decide := o.Members
		o.Members = func(ctx context.Context, list []Candidate) ([][]*Match, error) {
			if err := os.Truncate("log", 1000); err != nil {
				t.Error(err)
			}
			return decide(ctx, list)
		}
	}, "log")
	check(t, "unread", unread, "log: it changed while it was read")
}

// TestPieces: a large file is searched in pieces, and a secret in each is told with its line.
func TestPieces(t *testing.T) {
	dbtest.Slow(t)
	key := secrets["drf"]
	line := "some words of an ordinary line, which ends.\n"
	lines := 3*pieceSize/len(line) + 10
	var b strings.Builder
	var want []string
	for i := range lines {
		if i%(lines/50) == 0 {
			b.WriteString("x: " + key + "\n")
			want = append(want, fmt.Sprintf("large:%d:4 drf plain", i+1))
			continue
		}
		b.WriteString(line)
	}
	tree(t, map[string]string{"large": b.String(), "one line": strings.Repeat("word ", 3*pieceSize/5) + key, "utf-16": utf16Text(strings.Repeat("a line;\n", pieceSize/6)+key, false)})
	info, err := os.Stat("large")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(pieces("large", info)); n != 3 {
		t.Errorf("%d pieces", n)
	}
	s, list, unread := testScanner(t)
	if err := s.Files(t.Context(), []string{"."}); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := describe(*list)
	slices.SortFunc(*list, func(a, b Finding) int { return a.Line - b.Line })
	if n := len(got); n < 3 || !slices.Equal(describe((*list)[1:n-1]), want) && !slices.Equal(got[:n-2], want) {
		t.Errorf("found %q, want %q and two more", got, want)
	}
	if len(got) != len(want)+2 || len(*unread) > 0 {
		t.Errorf("%d found of %d, %q", len(got), len(want)+2, *unread)
	}
}

// benchWords is a text that compresses little.
func benchWords(n int) string {
	var b strings.Builder
	random := rand.New(rand.NewPCG(1, 2))
	for range n {
		fmt.Fprintf(&b, "%x ", random.Uint32())
	}
	return b.String()
}

func packed(t *testing.T, open func(io.Writer) (io.WriteCloser, error), text string) string {
	var b bytes.Buffer
	w, err := open(&b)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(t *testing.T, text string) string {
	return packed(t, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }, text)
}

func tarred(t *testing.T, name, text string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{{Name: "./dir/", Typeflag: tar.TypeDir, Mode: 0o700}, {Name: "./dir/link", Typeflag: tar.TypeSymlink, Linkname: "x"}, {Name: name, Size: int64(len(text)), Mode: 0o600}} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

func zipped(t *testing.T, name, text string, method uint16) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.RegisterCompressor(zstd.ZipMethodWinZip, zstd.ZipCompressor())
	f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: method})
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, text)
	w.Close()
	return b.String()
}

func TestContainers(t *testing.T) {
	key := "key: " + secrets["drf"] + "\n"
	nest := func(n int, name string) string {
		text := key
		for range n {
			text = zipped(t, name, text, zip.Deflate)
		}
		return text
	}
	files := map[string]string{
		"lone.gz":    gzipped(t, key),
		"two.gz":     gzipped(t, "x\n") + gzipped(t, key),
		"lone.zst":   packed(t, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }, key),
		"lone.xz":    packed(t, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) }, key),
		"plain.tar":  tarred(t, "./dir/file", key),
		"a.tgz":      gzipped(t, tarred(t, "dir/file", key)),
		"noending":   zipped(t, "in/side", key, zip.Deflate),
		"stored.jar": zipped(t, "in/side", key, zip.Store),
		"zstd.zip":   zipped(t, "in/side", key, zstd.ZipMethodWinZip),
		"inner.zip":  zipped(t, "a.tgz", gzipped(t, tarred(t, "b.gz", gzipped(t, key))), zip.Store),
		"five.zip":   nest(5, "z"),
		"six.zip":    nest(6, "z"),
		"cut.gz":     gzipped(t, key+benchWords(5000))[:2000],
		"cut.zip":    zipped(t, "s", key, zip.Store)[:120],
		"wrong.gz":   "\x1f\x8b\x08" + key,
		"bomb.gz":    gzipped(t, strings.Repeat("\x00", bombBase+64<<20)),
		"no.tar":     strings.Repeat("x", 600),
		"tgz5.tgz":   gzipped(t, tarred(t, "1", gzipped(t, tarred(t, "2", gzipped(t, tarred(t, "3", gzipped(t, tarred(t, "4", gzipped(t, tarred(t, "5", key)))))))))),
	}
	// The key in bzip2, which Go cannot write.
	bz2, err := base64.StdEncoding.DecodeString("QlpoOTFBWSZTWYHaltsAABXZAAAQQABiED8IIAAxANAA1NPImj0nqalBvzOJ9Emr5hHVuIhA3VoTJ3nxdyRThQkIHaltsA==")
	if err != nil {
		t.Fatal(err)
	}
	files["lone.bz2"] = string(bz2)
	tree(t, files)
	found, unread := scanFiles(t, nil, ".")
	check(t, "found", found, "a.tgz!dir/file", "cut.gz", "cut.zip", "five.zip!z!z!z!z!z", "inner.zip!a.tgz!b.gz", "lone.bz2", "lone.gz", "lone.xz", "lone.zst", "noending!in/side",
		"plain.tar!dir/file", "stored.jar!in/side", "tgz5.tgz!1!2!3!4!5", "two.gz", "zstd.zip!in/side")
	for i, name := range []string{"bomb.gz: it unpacks to far more", "cut.gz: it is broken gzip", "cut.zip: it is broken zip", "six.zip!z!z!z!z!z: it is packed more than 5 times", "wrong.gz: it is broken gzip"} {
		if i >= len(unread) || !strings.HasPrefix(unread[i], name) {
			t.Errorf("unread: %q, want %s", unread, name)
		}
	}
	if len(unread) != 5 {
		t.Errorf("unread: %q", unread)
	}
	// A stream is as good as a file.
	for _, name := range []string{"a.tgz", "inner.zip", "noending"} {
		s, list, _ := testScanner(t)
		if err := s.Reader(t.Context(), "-", iotest(strings.NewReader(files[name]))); err != nil {
			t.Fatal(err)
		}
		if err := s.Finish(t.Context()); err != nil || len(*list) != 1 {
			t.Errorf("%s as a stream: %v, %v", name, describe(*list), err)
		}
	}
}

// TestIgnore holds the patterns against git itself.
func TestIgnore(t *testing.T) {
	patterns := []string{"*.log", "!keep.log", "/top", "dir/", "a/b", "**/deep", "x/**", "c/**/d", "[a-c]?.txt", "[!x]y", "sp ace\\ ", "trail  ", "#no", "\\#yes", "\\!bang", "*/one", "q\\*", "[[:digit:]]z",
		"foo*bar", "**", "/*/m", "a**b", "[]-]k", "w[", "e/", "!e/f", "*.d/", "n/o/", "ü*"}
	names := []string{"a.log", "keep.log", "top", "x/top", "dir/f", "d/dir/f", "dir", "a/b", "z/a/b", "deep", "p/deep", "p/q/deep/r", "x/1", "x/2/3", "c/d", "c/1/d", "c/1/2/d", "ab.txt", "xb.txt", "xy", "zy",
		"sp ace ", "sp ace", "trail", "#no", "#yes", "!bang", "s/one", "s/t/one", "q*", "qx", "1z", "zz", "fooxbar", "foo/bar", "u/m", "m", "u/v/m", "axxb", "a/xb", "]k", "-k", "w[", "e/f", "e/g", "h.d/i", "n/o/p", "n/o", "über"}
	for _, lines := range slices.Concat(func() (sets [][]string) {
		for _, p := range patterns {
			sets = append(sets, []string{p})
		}
		return sets
	}(), [][]string{{"*.log", "!keep.log"}, {"e/", "!e/f"}, {"e/*", "!e/f"}, {"*", "!*/", "!*.txt"}, {"x/**", "!x/1"}, {"/*", "!/dir"}}) {
		dir := tree(t, nil)
		ignore := strings.Join(lines, "\n") + "\n"
		if err := os.WriteFile(".gitignore", []byte(ignore), 0o600); err != nil {
			t.Fatal(err)
		}
		var made []string
		for _, name := range names {
			if os.MkdirAll(filepath.Dir(name), 0o700) == nil {
				if os.WriteFile(name, []byte(secrets["drf"]), 0o600) == nil {
					made = append(made, name)
				}
			}
		}
		git := exec.Command("git", "-c", "init.defaultBranch=main", "init", "-q")
		git.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "HOME="+dir)
		if out, err := git.CombinedOutput(); err != nil {
			t.Fatalf("%s", out)
		}
		list := exec.Command("git", "-c", "core.quotePath=false", "ls-files", "-z", "--others", "--exclude-per-directory=.gitignore")
		out, err := list.Output()
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, name := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
			if slices.Contains(made, name) {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		got, _ := scanFiles(t, nil, ".")
		if !slices.Equal(got, want) {
			t.Errorf("%q: searched %q, git %q", lines, without(got, want), without(want, got))
		}
	}
}

func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(others, s) })
}
