package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// Rotate gives the file another name, which it returns, and begins a new one that carries its
// last hash on. Writers that wait go on in the new one.
func (j *File) Rotate(ctx context.Context, now time.Time) (old string, err error) {
	old = j.path + "." + now.UTC().Format("20060102T150405.000000Z")
	err = j.locked(ctx, func(f *os.File) error {
		s, err := Check(j.path, "")
		if err != nil {
			return err
		}
		text, _, err := appendLines(nil, s.Head, []line{{Version: Version, Part: partBegin, Time: timeText(now), File: filepath.Base(old), Open: s.Open}})
		if err != nil {
			return err
		}
		next := j.path + ".new" // of a rotation that was killed, perhaps
		if err := write(next, text); err != nil {
			return err
		}
		// There is a file with the path at every moment.
		if err := os.Link(j.path, old); err != nil {
			return errors.Join(err, os.Remove(next))
		}
		if err := os.Rename(next, j.path); err != nil {
			return errors.Join(err, os.Remove(next), os.Remove(old))
		}
		return syncDir(j.path)
	})
	return old, err
}

// write writes a file that only its owner can read.
func write(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}
