package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"tokenctl"
)

// File is a journal for writing. Several goroutines and processes may use it at once: each locks the file
// while it appends, and only then.
type File struct{ path string }

// Open returns the journal with this path, and creates the file if it does not exist. The file must be
// regular, and only its owner may be able to write to it. The error has the code [tokenctl.CodeJournalFailed]
// or [tokenctl.CodeConfigUnsafe].
func Open(path string) (*File, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	return &File{path}, f.Close()
}

func open(path string) (*os.File, error) {
	_, err := os.Lstat(path)
	created := errors.Is(err, fs.ErrNotExist)
	// Without O_NONBLOCK opening a FIFO would block the process.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, fault(path, "opened", err)
	}
	err = check(path, f)
	if err == nil && created {
		if failed := syncDir(path); failed != nil {
			err = fault(path, "written", failed)
		}
	}
	if err != nil {
		f.Close() //nolint:errcheck // nothing was written
		return nil, err
	}
	return f, nil
}

// check returns an error if the file is not regular, or if others can write to it.
func check(path string, f *os.File) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return fault(path, "opened", err)
	case !info.Mode().IsRegular():
		return &tokenctl.Error{Code: tokenctl.CodeJournalFailed, Message: "the journal " + path + " is not a regular file", Hint: "name another file in journal of tokenctl.toml or in TOKENCTL_JOURNAL"}
	case info.Mode().Perm()&0o022 != 0:
		return &tokenctl.Error{Code: tokenctl.CodeConfigUnsafe, Message: "others can write to the journal " + path, Hint: "chmod go-w " + path}
	}
	return nil
}

// syncDir makes the name of a new file durable.
func syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// fault returns the error for a failure with the file.
func fault(path, done string, err error) *tokenctl.Error {
	return &tokenctl.Error{Code: tokenctl.CodeJournalFailed, Message: "the journal " + path + " cannot be " + done + ": " + tokenctl.Reason(err), Err: err}
}

// Entry is an entry whose intent is written.
type Entry struct {
	file *File
	id   string
}

// Intend writes the intent of an entry and returns after it is on the disk. With an error the file is
// unchanged.
func (j *File) Intend(ctx context.Context, now time.Time, in Intent) (*Entry, error) {
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	e := &Entry{j, hex.EncodeToString(id[:])}
	if err := j.append(ctx, intentLines(e.id, now, in)); err != nil {
		return nil, err
	}
	return e, nil
}

// Settle writes the outcome of the entry.
func (e *Entry) Settle(ctx context.Context, now time.Time, outcome string) error {
	return e.file.append(ctx, []line{{Part: partSettled, Entry: e.id, Time: timeText(now), Outcome: outcome}})
}

// append writes lines at the end of the file.
func (j *File) append(ctx context.Context, lines []line) error {
	return j.locked(ctx, func(f *os.File) error {
		previous, whole, size, err := tail(f)
		if err != nil {
			return err
		}
		var text []byte
		if !whole {
			text = append(text, '\n')
		}
		if text, _, err = appendLines(text, previous, lines); err != nil {
			return err
		}
		n, err := f.Write(text)
		if err == nil {
			err = f.Sync()
		}
		if err != nil && n > 0 {
			f.Truncate(size) //nolint:errcheck // a reader ignores a part of a line
		}
		return err
	})
}

// locked calls f with the file while nobody else appends to it.
func (j *File) locked(ctx context.Context, f func(*os.File) error) error {
	for {
		file, err := lock(ctx, j.path)
		if err != nil {
			return err
		}
		same, err := named(file, j.path)
		if err == nil && same {
			err = f(file)
		}
		file.Close() //nolint:errcheck // it ends the lock; the lines have been synced before
		switch {
		case err != nil:
			return fault(j.path, "written", err)
		case same:
			return nil
		}
	}
}

// named reports whether an open file still has the path. Another process may have rotated the file.
func named(f *os.File, path string) (bool, error) {
	open, err := f.Stat()
	if err != nil {
		return false, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(open, info), err
}

// lock opens the file and waits for its lock until ctx ends.
func lock(ctx context.Context, path string) (*os.File, error) {
	file, err := open(path)
	if err != nil {
		return nil, err
	}
	got := make(chan error)
	go func() {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		for err == syscall.EINTR {
			err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		}
		select {
		case got <- err:
		case <-ctx.Done():
			file.Close() //nolint:errcheck // nothing was written
		}
	}()
	select {
	case err := <-got:
		if err == nil {
			return file, nil
		}
		file.Close() //nolint:errcheck // nothing was written
		return nil, fault(path, "locked", err)
	case <-ctx.Done():
		return nil, fault(path, "locked", context.Cause(ctx))
	}
}

// tail returns the hash of the last line, whether the file ends with a line end, and its
// size.
func tail(f *os.File) (previous string, whole bool, size int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return "", false, 0, err
	}
	size, whole = info.Size(), true
	for part := int64(64 << 10); ; part *= 8 {
		start := max(0, size-part)
		text := make([]byte, size-start)
		if _, err := f.ReadAt(text, start); err != nil && err != io.EOF {
			return "", false, 0, err
		}
		whole = len(text) == 0 || text[len(text)-1] == '\n'
		lines := bytes.Split(text, []byte("\n"))
		if start > 0 {
			lines = lines[1:] // its beginning may be missing
		}
		for i := len(lines) - 1; i >= 0; i-- {
			if _, ok := parse(lines[i]); ok {
				return hashOf(lines[i]), whole, size, nil
			}
		}
		if start == 0 {
			return zeroHash, whole, size, nil
		}
	}
}
