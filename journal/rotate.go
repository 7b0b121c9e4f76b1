package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// Rotate renames the file, returns the new name, and begins a new file with the hash of the last line.
// Writers that wait for the lock continue in the new file.
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
		next := j.path + ".new" // a killed rotation may have left it
		if err := write(next, text); err != nil {
			return err
		}
		// A link and a rename keep a file at the path at every moment.
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
