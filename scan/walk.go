package scan

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"tokenctl"
)

// task is a file to search, or a piece of one.
type task struct {
	shown, path string
	piece       piece
	seen        fs.FileInfo // the file as it was when it was cut
}

// walk finds the files. Links are followed at the end, when it is known which files were
// found without them.
type walk struct {
	scanner  *Scanner
	ctx      context.Context
	tasks    chan task
	excludes []pattern
	roots    []root
	files    []task
	links    []link
	linked   map[string]bool // the real paths that were found by links
}

// root is a folder that is searched as a whole.
type root struct {
	shown, real string
	above       *rules // from the folders above it in the same repository
	excludes    *rules // of --exclude
}

type link struct {
	shown string
	given bool // as an argument
}

// resolve sorts the arguments out.
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
			return &tokenctl.Error{Code: tokenctl.CodeNotFound, Message: path + " is not there", Hint: "name a file, a folder, or - for standard input"}
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

// addRoot adds a folder, unless another has it.
func (w *walk) addRoot(shown, real string) bool {
	if w.covered(real, true) {
		return false
	}
	r := root{shown: shown, real: real}
	if !w.scanner.options.All {
		r.above = w.above(r)
	}
	r.excludes = r.excludes.and(shown, w.excludes)
	w.roots = append(w.roots, r)
	return true
}

// above are the rules of the folders above a root, up to the one with the .git.
func (w *walk) above(r root) (all *rules) {
	if exists(filepath.Join(r.real, ".git")) {
		return w.rules(nil, r.shown, filepath.Join(r.real, ".git/info"), "exclude")
	}
	var dirs []string
	for dir := filepath.Dir(r.real); ; dir = filepath.Dir(dir) {
		dirs = append(dirs, dir)
		if exists(filepath.Join(dir, ".git")) {
			break
		}
		if dir == filepath.Dir(dir) {
			return nil // no repository
		}
	}
	// Paths below the root are asked about as they are shown, so the patterns of a folder
	// above see them behind the names in between.
	for i := len(dirs) - 1; i >= 0; i-- {
		between, err := filepath.Rel(dirs[i], r.real)
		if err != nil {
			return all
		}
		for _, file := range []string{".git/info/exclude", ".gitignore"} {
			text, err := os.ReadFile(filepath.Join(dirs[i], file))
			if err == nil {
				all = all.andAbove(r.shown, between, parsePatterns(string(text)))
			}
		}
	}
	return all
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
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

// folder finds the files below a folder. above are the rules for what is in it, without
// its own.
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

func (w *walk) rules(above *rules, shown, dir, file string) *rules {
	if w.scanner.options.All {
		return above
	}
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return above // what cannot be read excludes nothing
	}
	return above.and(shown, parsePatterns(string(text)))
}

// follow finds what is behind a link and was not found without it.
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
		return nil // nothing is behind it
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

// loops reports whether a link leads to a folder that it stands in.
func (w *walk) loops(shown, real string) bool {
	dir, err := filepath.EvalSymlinks(filepath.Dir(shown))
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	return err == nil && within(real, dir)
}

// within reports whether a path is a folder's, or the folder.
func within(folder, path string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

// covered reports whether a root has a path, and no rule excludes it there.
func (w *walk) covered(real string, isFolder bool) bool {
roots:
	for _, r := range w.roots {
		if !within(r.real, real) {
			continue
		}
		rest := strings.Trim(strings.TrimPrefix(real, strings.TrimSuffix(r.real, "/")), "/")
		if rest == "" {
			return true
		}
		shown, dir, own := r.shown, r.real, r.above
		parts := strings.Split(rest, "/")
		for i, part := range parts {
			own = w.rules(own, shown, dir, ".gitignore")
			shown, dir = filepath.Join(shown, part), filepath.Join(dir, part)
			folder := isFolder || i < len(parts)-1
			if part == ".git" || own.exclude(shown, folder) || r.excludes.exclude(shown, folder) {
				continue roots
			}
		}
		return true
	}
	return false
}

// show is how a real path is shown: as below the argument, where it is.
func (w *walk) show(real string) string {
	for _, r := range w.roots {
		if within(r.real, real) && !filepath.IsAbs(r.shown) {
			return filepath.Join(r.shown, strings.TrimPrefix(real, r.real))
		}
	}
	return real
}
