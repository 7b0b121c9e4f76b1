package tokenctl

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
)

// Reason returns the operating system's message for an error with a file, without the path. For other
// errors it returns their text.
func Reason(err error) string {
	var number syscall.Errno
	switch {
	case errors.As(err, &number):
		return number.Error()
	case errors.Is(err, io.ErrShortWrite):
		return "it was cut short"
	}
	return err.Error()
}

// FileKind returns what to call a file that is not a regular one, such as "a FIFO".
func FileKind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "a special file"
}
