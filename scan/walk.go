package scan

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"tokenctl"
)

// task is a file to search, or a piece of a file.
type task struct {
	shown, path string
	piece       piece
	seen        fs.FileInfo // of the file before it was cut into pieces
}

// walk finds the files. It follows links at the end, when it knows which files it has found without them.
type walk struct {
	scanner  *Scanner
	ctx      context.Context
	tasks    chan task
	excludes []pattern
	roots    []root
	files    []task
	links    []link
	linked   map[string]bool // real paths that were found by links
}

// resolve divides the arguments into files, folders and links.
func (w *walk) resolve(paths []string) error {
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err == nil && info.Mode()&fs.ModeSymlink != 0 {
			info, err = os.Stat(path)
			if err == nil {
				w.links = append(w.links, link{path, true})
				continue
			}
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			return &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: path + " does not exist", Hint: "name a file, a folder, or - for standard input"}
		}
		real := ""
		if err == nil {
			real, err = filepath.EvalSymlinks(path)
		}
		if err == nil {
			real, err = filepath.Abs(real)
		}
		switch {
		case err != nil:
			w.scanner.cannot(path, why(err))
		case info.IsDir():
			w.addRoot(filepath.Clean(path), real)
		case info.Mode().IsRegular():
			w.files = append(w.files, task{shown: path, path: real})
		default:
			w.scanner.cannot(path, "it is "+tokenctl.FileKind(info.Mode()))
		}
	}
	return nil
}

// all finds the files of the arguments.
func (w *walk) all() error {
	for i := 0; i < len(w.roots); i++ {
		r := w.roots[i]
		if err := w.folder(&r, r.shown, r.real, r.above); err != nil {
			return err
		}
	}
	for _, f := range w.files {
		if !w.covered(f.path, false) && !w.linked[f.path] {
			w.linked[f.path] = true
			if err := w.send(f.shown, f.path); err != nil {
				return err
			}
		}
	}
	for len(w.links) > 0 {
		next := w.links[0]
		w.links = w.links[1:]
		if err := w.follow(next); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) send(shown, path string) error {
	if slices.Contains(w.scanner.options.Own, path) {
		return nil
	}
	list := []piece{{}}
	info, err := os.Stat(path)
	if limit := w.scanner.options.MaxSize; err == nil && info.Mode().IsRegular() && (limit == 0 || info.Size() <= limit) {
		list = pieces(path, info)
	}
	for _, p := range list {
		select {
		case w.tasks <- task{shown, path, p, info}:
		case <-w.ctx.Done():
			return context.Cause(w.ctx)
		}
	}
	return nil
}

// folder finds the files below a folder. above are the rules of the folders above it.
func (w *walk) folder(r *root, shown, dir string, above *rules) error {
	own := w.rules(above, shown, dir, ".gitignore")
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.scanner.cannot(shown, why(err))
	}
	for _, e := range entries {
		if e.Name() == ".git" {
			continue
		}
		name, path := filepath.Join(shown, e.Name()), filepath.Join(dir, e.Name())
		if own.exclude(name, e.IsDir()) || r.excludes.exclude(name, e.IsDir()) {
			continue
		}
		switch mode := e.Type(); {
		case mode.IsDir():
			err = w.folder(r, name, path, own)
		case mode&fs.ModeSymlink != 0:
			w.links = append(w.links, link{shown: name})
			err = nil
		case mode.IsRegular():
			err = w.send(name, path)
		default:
			w.scanner.cannot(name, "it is "+tokenctl.FileKind(mode))
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
