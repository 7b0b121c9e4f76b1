package commands

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/clipperhouse/displaywidth"
	"github.com/spf13/cobra"

	"tokenctl"
)

// pagedOutput is the annotation of commands whose output goes through a pager if it is longer
// than the screen. These commands only read and take little time: their output appears when
// they end, or when the screen is full.
const pagedOutput = "paged"

// paged lets the output of a command go through a pager.
func paged(c *cobra.Command) *cobra.Command {
	if c.Annotations == nil {
		c.Annotations = map[string]string{}
	}
	c.Annotations[pagedOutput] = "yes"
	return c
}

// pager is the stdout of a paged command at a terminal. It keeps output that fits the screen until the end. As soon
// as there is more, the pager gets all of it.
type pager struct {
	app     *App
	to      io.Writer // the terminal
	program string
	remarks bytes.Buffer // messages for stderr, which would disturb the pager's screen

	mu    sync.Mutex
	held  []byte
	begun int // the beginning of the last line of held, which is not complete
	lines int // the number of lines of the screen for the text before it
	cmd   *exec.Cmd
	in    io.WriteCloser
}

// errPagerEnded is the error of a write after the person has closed the pager.
var errPagerEnded = errors.New("the pager has ended")

// startPaging starts to page stdout, unless no pager is configured or wanted.
func (a *App) startPaging() {
	if program := a.pagerProgram(); program != "" && a.pager == nil {
		a.pager = &pager{app: a, to: a.Stdout, program: program}
		a.Stdout, a.remarksTo = a.pager, &a.pager.remarks
	}
}

// pagerProgram returns the command line of the pager. It is empty if no pager is wanted.
func (a *App) pagerProgram() string {
	term := a.Getenv("TERM")
	if !a.Term.Stdout || a.Term.Height <= 0 || a.global.noPager || a.global.noInput || a.Getenv("CI") != "" || term == "" || term == "dumb" {
		return ""
	}
	program := cmp.Or(a.Getenv("TOKENCTL_PAGER"), a.Getenv("PAGER"))
	if program == "" {
		program, _ = exec.LookPath("less")
	}
	if program == "cat" {
		return ""
	}
	return program
}

// Write implements io.Writer.
func (p *pager) Write(b []byte) (int, error) {
	more, in, err := p.take(b)
	if err == nil && in != nil {
		_, err = in.Write(more)
	}
	switch {
	case errors.Is(err, syscall.EPIPE):
		return 0, errPagerEnded
	case err != nil:
		return 0, err
	}
	return len(b), nil
}

// take returns the bytes to write to the pager, and the pager's input. The input is nil as long as everything fits
// the screen.
func (p *pager) take(b []byte) (more []byte, in io.Writer, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		return b, p.in, nil
	}
	p.held = append(p.held, b...)
	if p.measure(); p.lines < p.app.Term.Height {
		return nil, nil, nil
	}
	err = p.start()
	return p.held, p.in, err
}

// measure counts the lines of the screen for held.
func (p *pager) measure() {
	width := max(p.app.Term.Width, 1)
	for {
		end := bytes.IndexByte(p.held[p.begun:], '\n')
		if end < 0 {
			return
		}
		cells := displaywidth.Options{ControlSequences: true}.Bytes(p.held[p.begun : p.begun+end])
		p.lines += max(1, (cells+width-1)/width)
		p.begun += end + 1
	}
}

// start starts the pager on the terminal.
func (p *pager) start() error {
	cmd := exec.Command("/bin/sh", "-c", p.program)
	cmd.Stdout, cmd.Stderr, cmd.Env = underlying(p.to), underlying(p.app.Stderr), pagerEnvironment()
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return p.failed()
	}
	p.cmd, p.in = cmd, in
	p.app.paging.Store(cmd.Process)
	return nil
}

func (p *pager) failed() *tokenctl.Error {
	return &tokenctl.Error{Code: tokenctl.CodeFailed, Message: "cannot run the pager " + p.program, Hint: "name another one in TOKENCTL_PAGER, or add --no-pager"}
}

// pagerEnvironment returns the environment of the pager, without secrets. With the options less shows colours, and
// ends immediately if everything fits the screen.
func pagerEnvironment() []string {
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains([]string{"PGPASSWORD", "TOKENCTL_SECRET_KEY", "DJANGO_SECRET_KEY", "TOKENCTL_DATABASE_URL", "DATABASE_URL"}, name)
	})
	for _, set := range []string{"LESS=FRX", "LV=-c"} {
		name, _, _ := strings.Cut(set, "=")
		if _, given := os.LookupEnv(name); !given {
			env = append(env, set)
		}
	}
	return env
}

// underlying returns the file below the wrappers of a stream.
func underlying(w io.Writer) io.Writer {
	for {
		switch stream := w.(type) {
		case *beside:
			w = stream.to
		case patient:
			w = stream.to
		default:
			return w
		}
	}
}

// endPaging writes the rest, waits until the person has closed the pager, and then writes the collected messages to
// stderr. It returns the result of the command; closing the pager early is not a failure.
func (a *App) endPaging(err error) error {
	p := a.pager
	if p == nil {
		return err
	}
	p.mu.Lock()
	cmd, in := p.cmd, p.in
	p.mu.Unlock()
	if cmd == nil {
		if _, failed := p.to.Write(p.held); err == nil {
			err = failed
		}
	} else {
		in.Close() //nolint:errcheck // the pager may have ended
		failed := cmd.Wait()
		a.paging.Store(nil)
		if errors.Is(err, errPagerEnded) {
			err = nil
		}
		// These are the shell's statuses for a program that it cannot run.
		if exit := new(exec.ExitError); errors.As(failed, &exit) && (exit.ExitCode() == 126 || exit.ExitCode() == 127) {
			err = p.failed()
		}
	}
	a.Stderr.Write(p.remarks.Bytes()) //nolint:errcheck // the error could only be written to stderr
	return err
}
