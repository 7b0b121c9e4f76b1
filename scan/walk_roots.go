package scan

import (
	"os"
	"path/filepath"
	"strings"
)

// root is a folder whose files are all searched, except excluded ones.
type root struct {
	shown, real string
	above       *rules // from the folders above it in the same repository
	excludes    *rules // of --exclude
}

// addRoot adds a folder, unless another root contains it.
func (w *walk) addRoot(shown, real string) bool {
	if w.covered(real, true) {
		return false
	}
	r := root{shown: shown, real: real}
	if !w.scanner.options.All {
		r.above = w.above(r)
	}
	r.excludes = r.excludes.and(shown, "", w.excludes)
	w.roots = append(w.roots, r)
	return true
}

// above returns the rules of the folders above a root, up to the folder with .git.
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
			return nil // the root is not in a repository
		}
	}
	// Paths below the root begin with the root as it is shown. For the patterns of a folder above, the names
	// between that folder and the root come first.
	for i := len(dirs) - 1; i >= 0; i-- {
		between, err := filepath.Rel(dirs[i], r.real)
		if err != nil {
			return all
		}
		for _, file := range []string{".git/info/exclude", ".gitignore"} {
			text, err := os.ReadFile(filepath.Join(dirs[i], file))
			if err == nil {
				all = all.and(r.shown, between, parsePatterns(string(text)))
			}
		}
	}
	return all
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (w *walk) rules(above *rules, shown, dir, file string) *rules {
	if w.scanner.options.All {
		return above
	}
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return above // a file that cannot be read excludes nothing
	}
	return above.and(shown, "", parsePatterns(string(text)))
}

// covered reports whether a root contains a path and no rule excludes it.
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

// show returns the form in which a real path is shown: below an argument that contains it, else the path itself.
func (w *walk) show(real string) string {
	for _, r := range w.roots {
		if within(r.real, real) && !filepath.IsAbs(r.shown) {
			return filepath.Join(r.shown, strings.TrimPrefix(real, r.real))
		}
	}
	return real
}

// within reports whether a path is in a folder, or is the folder.
func within(folder, path string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}
