package scan

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"tokenctl"
)

// GitOptions select the commits of a repository.
type GitOptions struct {
	Since  time.Time // only commits after this time; zero: all
	Branch string    // only commits that this branch or tag reaches; "": all branches, tags and other references
	Getenv func(string) string
}

// repository runs the system's git. Settings of the user and of the machine have no effect. A repository may
// belong to somebody else, as checkouts in CI often do: git only reads objects, runs no hooks or filters, and
// fetches nothing.
type repository struct {
	dir  string
	env  []string
	walk []string // the commits, as arguments of rev-list and log
}

func (r *repository) command(ctx context.Context, args ...string) *exec.Cmd {
	all := append([]string{"--no-replace-objects", "--no-optional-locks", "-c", "safe.directory=*", "-c", "protocol.allow=never", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-c", "log.showSignature=false", "-C", r.dir}, args...)
	c := exec.CommandContext(ctx, "git", all...)
	c.Env = r.env
	return c
}

// object is a blob, commit or tag.
type object struct {
	id, kind string
	size     int64
}

// Git searches each reachable blob and message of a repository once. The commit of a finding is the oldest one
// in which the file has it.
func (s *Scanner) Git(ctx context.Context, dir string, o GitOptions) error {
	repo := &repository{dir: dir, env: []string{"PATH=" + o.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1", "GIT_OPTIONAL_LOCKS=0"}, walk: []string{"--all"}}
	if o.Branch != "" {
		id, err := repo.command(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", o.Branch+"^{commit}").Output()
		if err != nil {
			if _, wrong := repo.command(ctx, "rev-parse", "--git-dir").CombinedOutput(); wrong != nil {
				return gitError(dir, wrong, nil)
			}
			return &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "the repository " + dir + " has no branch, tag or commit " + o.Branch, Hint: "git -C " + dir + " branch --all lists the branches"}
		}
		repo.walk = []string{strings.TrimSpace(string(id))}
	}
	if !o.Since.IsZero() {
		repo.walk = append([]string{"--max-age=" + strconv.FormatInt(o.Since.Unix(), 10)}, repo.walk...)
	}
	history := &history{repo: repo, places: map[string][]blobFile{}}
	s.locate = history.locate
	objects := make(chan object, 1000)
	return s.workers(ctx, func(ctx context.Context) error {
		defer close(objects)
		return repo.objects(ctx, func(o object) error {
			select {
			case objects <- o:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}, func(ctx context.Context) error { return s.readObjects(ctx, repo, objects) })
}

// gitError returns the error for a failure of git.
func gitError(dir string, err error, stderr []byte) error {
	if errors.Is(err, exec.ErrNotFound) {
		return &tokenctl.Error{Code: tokenctl.CodeFailed, Message: "git is not installed", Hint: "install it, or scan a checkout without --git"}
	}
	var failed *exec.ExitError
	if stderr == nil && errors.As(err, &failed) {
		stderr = failed.Stderr
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(stderr)), "\n")
	if line == "" {
		line = err.Error()
	}
	code := tokenctl.CodeFailed
	if strings.Contains(line, "not a git repository") || strings.Contains(line, "cannot change to") {
		code = tokenctl.CodeNotFound
	}
	return &tokenctl.Error{Code: code, Message: "git cannot read " + dir + ": " + strings.TrimPrefix(line, "fatal: "), Hint: "name the folder of a git repository"}
}

// run starts git and calls read with its output.
func (r *repository) run(ctx context.Context, stdin io.Reader, read func(*bufio.Reader) error, args ...string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c := r.command(ctx, args...)
	var stderr bytes.Buffer
	c.Stdin, c.Stderr = stdin, &stderr
	stdout, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return gitError(r.dir, err, nil)
	}
	err = read(bufio.NewReaderSize(stdout, 64<<10))
	if err != nil {
		stop()
		c.Wait() //nolint:errcheck // it was stopped
		return err
	}
	if err := c.Wait(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return gitError(r.dir, err, stderr.Bytes())
	}
	return nil
}

// eachLine starts git and calls f for each line that it prints.
func (r *repository) eachLine(ctx context.Context, stdin io.Reader, f func(line string) error, args ...string) error {
	return r.run(ctx, stdin, func(lines *bufio.Reader) error {
		for {
			line, err := lines.ReadString('\n')
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err == nil {
				err = f(line)
			}
			if err != nil {
				return err
			}
		}
	}, args...)
}

// objects yields all reachable blobs, commits and tags once.
func (r *repository) objects(ctx context.Context, yield func(object) error) error {
	names, feed := io.Pipe()
	listed := make(chan error, 1)
	go func() {
		err := r.run(ctx, nil, func(lines *bufio.Reader) error {
			_, err := io.Copy(feed, lines)
			return err
		}, append([]string{"rev-list", "--objects", "--no-object-names"}, r.walk...)...)
		feed.CloseWithError(err)
		listed <- err
	}()
	err := r.eachLine(ctx, names, func(line string) error {
		o, err := parseObject(line)
		if err != nil || o.kind == "tree" {
			return err
		}
		return yield(o)
	}, "cat-file", "--batch-check", "--buffer")
	names.CloseWithError(err)
	if wrong := <-listed; wrong != nil && (err == nil || !errors.Is(wrong, io.ErrClosedPipe)) {
		return wrong
	}
	return err
}

// parseObject reads a line of git cat-file: an object's name, type and size.
func parseObject(line string) (o object, err error) {
	fields := strings.Fields(line)
	switch {
	case len(fields) == 2:
		return object{id: fields[0], kind: fields[1]}, nil // missing
	case len(fields) != 3:
		return o, errors.New("git has printed an unexpected answer")
	}
	o.id, o.kind = fields[0], fields[1]
	o.size, err = strconv.ParseInt(fields[2], 10, 64)
	return o, err
}

// readObjects searches objects. One git process prints them one after the other.
func (s *Scanner) readObjects(ctx context.Context, repo *repository, objects <-chan object) error {
	names, feed := io.Pipe()
	defer names.Close()
	asked := make(chan object, 64)
	go func() {
		defer feed.Close()
		defer close(asked)
		for o := range objects {
			if o.kind == "missing" {
				s.cannot("object "+o.id, "the repository lacks it")
				continue
			}
			if s.tooLarge(o.size) {
				continue
			}
			select {
			case asked <- o:
			case <-ctx.Done():
				return
			}
			if _, err := fmt.Fprintln(feed, o.id); err != nil {
				return
			}
		}
	}()
	searched := s.newSearcher()
	return repo.run(ctx, names, func(lines *bufio.Reader) error {
		for range asked {
			line, err := lines.ReadString('\n')
			if err != nil {
				return gitError(repo.dir, err, nil)
			}
			got, err := parseObject(line)
			if err != nil {
				return err
			}
			content := &io.LimitedReader{R: lines, N: got.size}
			if err := searched.object(ctx, got, content); err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, content); err != nil {
				return err
			}
			if _, err := lines.Discard(1); err != nil { // the line end after the content
				return err
			}
		}
		return nil
	}, "cat-file", "--batch")
}

// object searches a blob, or the message of a commit or tag.
func (r *searcher) object(ctx context.Context, o object, content io.Reader) error {
	r.within = o.kind + " " + o.id
	defer func() { r.within = "" }()
	if o.kind == "blob" {
		counted := &budget{}
		err := r.content(ctx, "", counted.input(content), nesting{budget: counted})
		return r.unlessUnread("", err)
	}
	// The message begins after the first empty line.
	lines := bufio.NewReader(content)
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return nil // no message
		}
		if len(line) == 1 {
			break
		}
	}
	return r.read(ctx, &source{object: r.within}, nil, lines)
}
