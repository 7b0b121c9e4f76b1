package commands

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"tokenctl"
)

// Everything that tokenctl reads is text in UTF-8, perhaps with a byte order mark,
// and of bounded size.
//
//   - Settings, keys and certificates are regular files: readRegular, readPrivate.
//   - What a flag hands over (--token-file, --password-file, --users-from,
//     --from-csv) may also be a FIFO, a terminal or /dev/fd/N: openInput. Its writer
//     may take its time, until --max-time or an interrupt.
//   - Text begins behind its byte order mark: unmarked.

// maxSettings bounds tokenctl.toml, key files and certificates.
const maxSettings = 1 << 20

// maxInput bounds names, ids and secrets that are read a line each: a few million.
const maxInput = 256 << 20

// unmarked is a text without its byte order mark. Text in UTF-16 is an error.
func unmarked(from io.Reader, name string) (*bufio.Reader, error) {
	text := bufio.NewReaderSize(from, 64<<10)
	head, err := text.Peek(len(tokenctl.Mark))
	switch {
	case string(head) == tokenctl.Mark:
		_, err = text.Discard(len(head))
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return nil, usage(name+" is UTF-16 text", "save it as UTF-8: iconv -f UTF-16 -t UTF-8")
	case errors.Is(err, io.EOF):
		err = nil
	}
	return text, err
}

// readText reads a text of at most limit bytes.
func readText(from io.Reader, name string, limit int64) (string, error) {
	reader, err := unmarked(io.LimitReader(from, limit+1), name)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(reader)
	if err == nil && int64(len(text)) > limit {
		return "", usage(fmt.Sprintf("%s is longer than %d KiB", name, limit>>10), "")
	}
	return string(text), err
}

// readRegular reads a regular file. Whatever else stands there is named as such:
// opening it does not wait for anybody, and nothing of it is read.
func readRegular(path string, limit int64, check func(fs.FileInfo) error) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var info fs.FileInfo
	if err == nil {
		defer f.Close()
		info, err = f.Stat()
	}
	switch {
	case errors.Is(err, syscall.ENXIO): // which is what opening a socket ends in
		return "", notRegular(path, "a socket or a device")
	case err != nil:
		return "", unreadable(path, err)
	case !info.Mode().IsRegular():
		return "", notRegular(path, tokenctl.FileKind(info.Mode()))
	case info.Size() > limit:
		return "", &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: fmt.Sprintf("%s is longer than %d KiB", path, limit>>10), Hint: "name the right file"}
	}
	if check != nil {
		if err := check(info); err != nil {
			return "", err
		}
	}
	text, err := readText(f, path, limit)
	var known *tokenctl.Error
	if err != nil && !errors.As(err, &known) {
		err = unreadable(path, err)
	}
	return text, err
}

func notRegular(path, kind string) error {
	return &tokenctl.Error{Code: tokenctl.CodeConfigInvalid, Message: path + " is " + kind + ", not a regular file", Hint: "name a regular file"}
}

func unreadable(path string, err error) error {
	return &tokenctl.Error{Code: tokenctl.CodeFailed, Message: "cannot read " + path + ": " + tokenctl.Reason(err), Err: err}
}

// readPrivate reads a file that holds, or leads to, secrets: like an ssh key it
// must belong to the caller or root and give nothing to anybody else.
func readPrivate(path string) (string, error) {
	return readRegular(path, maxSettings, private(path))
}

// private is the check that only the caller and root can read a file.
func private(path string) func(fs.FileInfo) error {
	return func(info fs.FileInfo) error {
		if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
			return &tokenctl.Error{Code: tokenctl.CodeConfigUnsafe, Message: path + " belongs to another user", Hint: "chown it to yourself after reading it"}
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			return &tokenctl.Error{Code: tokenctl.CodeConfigUnsafe, Message: fmt.Sprintf("%s is open to others (mode %04o)", path, mode),
				Hint: "chmod 600 " + shellWord(path)}
		}
		return nil
	}
}

var plainWord = tokenctl.Lazily(`^[A-Za-z0-9_./][A-Za-z0-9_./:@%+=,-]*$`)

// shellWord writes a word as a shell takes it.
func shellWord(text string) string {
	if plainWord().MatchString(text) {
		return text
	}
	return "-- '" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// openInput opens a file that a flag hands over. A FIFO may not have a writer yet.
func openInput(ctx context.Context, path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "cannot read " + path + ": " + tokenctl.Reason(err)}
	}
	if mode := info.Mode(); mode.IsDir() || mode&fs.ModeSocket != 0 || mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0 {
		return nil, usage(path+" is "+tokenctl.FileKind(mode)+", not a file to read", "name a regular file, a FIFO or /dev/stdin")
	}
	f, err := await(ctx, func() (*os.File, error) { return os.Open(path) })
	if err != nil && ctx.Err() == nil {
		return nil, &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: "cannot read " + path + ": " + tokenctl.Reason(err)}
	}
	return f, err
}

// readSecretFile reads --token-file or --password-file. Who may read the file is its
// owner's decision: it is often a mounted secret.
func readSecretFile(ctx context.Context, path string) (string, error) {
	f, err := openInput(ctx, path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := readText(patientReader{ctx, f}, path, maxLine)
	var number syscall.Errno
	if errors.As(err, &number) {
		err = unreadable(path, err)
	}
	return text, err
}

// patientReader is a reader whose writer may take its time, but not longer than
// ctx.
type patientReader struct {
	ctx  context.Context
	from io.Reader
}

func (r patientReader) Read(p []byte) (int, error) {
	return await(r.ctx, func() (int, error) { return r.from.Read(p) })
}

// replaceFile puts a new file, for its owner alone, in the place of another: at no time is there half a file. fill
// writes the new file.
func replaceFile(path string, fill func(*os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return unwritten(path, err)
	}
	if err = errors.Join(fill(f), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name()) //nolint:errcheck // the first error is the one to tell
		return unwritten(path, err)
	}
	return nil
}

func unwritten(path string, err error) *tokenctl.Error {
	return &tokenctl.Error{Code: tokenctl.CodeDeliveryFailed, Message: "cannot write " + path + ": " + tokenctl.Reason(err), Err: err}
}

// replacePrivate is replaceFile for a text.
func replacePrivate(path, text string) error {
	return replaceFile(path, func(f *os.File) error {
		_, err := f.WriteString(text)
		return err
	})
}

// createNew creates the file that a flag names, for its owner alone. The file must not exist.
func createNew(path, flag string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, &tokenctl.Error{Code: tokenctl.CodeAlreadyExists, Message: path + " exists already", Hint: flag + " makes a new file; name another, or remove that one"}
	case err != nil:
		return nil, &tokenctl.Error{Code: tokenctl.CodeDeliveryFailed, Message: "cannot create " + path + ": " + tokenctl.Reason(err)}
	}
	return f, nil
}
