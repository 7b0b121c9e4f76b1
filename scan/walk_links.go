package scan

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"tokenctl"
)

type link struct {
	shown string
	given bool // as an argument
}

// follow finds the files behind a link that were not found without it.
func (w *walk) follow(l link) error {
	info, err := os.Stat(l.shown)
	var real string
	if err == nil {
		real, err = filepath.EvalSymlinks(l.shown)
	}
	if err == nil {
		real, err = filepath.Abs(real)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // the link leads nowhere
	case err != nil:
		w.scanner.cannot(l.shown, why(err))
		return nil
	case info.IsDir() && !l.given && w.loops(l.shown, real):
		w.scanner.cannot(l.shown, why(syscall.ELOOP))
		return nil
	case w.linked[real], w.covered(real, info.IsDir()):
		return nil
	}
	w.linked[real] = true
	shown := w.show(real)
	switch {
	case info.IsDir():
		if w.addRoot(shown, real) {
			r := w.roots[len(w.roots)-1]
			return w.folder(&r, r.shown, r.real, r.above)
		}
	case info.Mode().IsRegular():
		return w.send(shown, real)
	default:
		w.scanner.cannot(l.shown, "it is "+tokenctl.FileKind(info.Mode()))
	}
	return nil
}

// loops reports whether a link leads to a folder that contains the link.
func (w *walk) loops(shown, real string) bool {
	dir, err := filepath.EvalSymlinks(filepath.Dir(shown))
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	return err == nil && within(real, dir)
}
