package commands

import (
	"os"
	"sync"
	"syscall"

	"golang.org/x/term"
)

// Terminal says which streams are terminals, and reads passwords from the terminal.
type Terminal struct {
	Stdin, Stdout, Stderr bool
	Width, Height         int  // in columns and lines; 0: unknown
	Closed                bool // stdout was closed when the process started
	// ReadPassword reads a line without echo.
	ReadPassword func() (string, error)
	// Restore restores the terminal's state after an interrupted ReadPassword. Any goroutine may call it.
	Restore func()
}

func systemTerminal() Terminal {
	in := int(os.Stdin.Fd())
	t := Terminal{Stdin: term.IsTerminal(in), Stdout: term.IsTerminal(int(os.Stdout.Fd())), Stderr: term.IsTerminal(int(os.Stderr.Fd()))}
	for _, stream := range []*os.File{os.Stdout, os.Stderr} {
		if width, height, err := term.GetSize(int(stream.Fd())); err == nil && t.Width == 0 {
			t.Width, t.Height = width, height
		}
	}
	t.Closed = wasClosed(os.Stdout)
	var mu sync.Mutex
	var before *term.State
	t.Restore = func() {
		mu.Lock()
		defer mu.Unlock()
		if before != nil {
			term.Restore(in, before) //nolint:errcheck // there is no other way to restore it
			before = nil
		}
	}
	t.ReadPassword = func() (string, error) {
		mu.Lock()
		before, _ = term.GetState(in)
		mu.Unlock()
		defer t.Restore()
		line, err := term.ReadPassword(in)
		return string(line), err
	}
	return t
}

// wasClosed reports whether f was closed when the process started. The Go runtime opens /dev/null for reading and
// writing instead, so that no other file gets the number. Output to it would be lost.
func wasClosed(f *os.File) bool {
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_GETFL, 0)
	if errno != 0 || flags&syscall.O_ACCMODE != syscall.O_RDWR {
		return false
	}
	info, err := f.Stat()
	null, errNull := os.Stat(os.DevNull)
	return err == nil && errNull == nil && os.SameFile(info, null)
}
