package commands

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"tokenctl"
)

// People edit contexts.toml, so a change keeps the rest of its text and its comments. The new
// text replaces the file atomically, and a lock on the folder excludes a second writer.

// changeDatabaseContexts changes the text of contexts.toml and returns its path. If fresh is not empty, a context of this
// name must not exist yet.
func (a *App) changeDatabaseContexts(fresh string, change func(text string) (string, error)) (string, error) {
	path := a.databaseContextsPath()
	if path == "" {
		return "", usage("neither XDG_CONFIG_HOME nor HOME says where contexts.toml is", "set HOME")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", unwritten(path, err)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // so that a link stays a link
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", unwritten(path, err)
	}
	defer folder.Close() // this also unlocks it
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX); err != nil {
		return "", unwritten(path, err)
	}
	text, err := readPrivate(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	before, err := parseDatabaseContexts(path, text)
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(before, func(c databaseContext) bool { return c.name == fresh }) {
		return "", &tokenctl.Error{Code: tokenctl.CodeAlreadyExists, Message: "there is a context " + fresh + " already", Hint: "tokenctl context remove " + fresh + " removes it"}
	}
	if text, err = change(text); err != nil {
		return "", err
	}
	if _, err := parseDatabaseContexts(path, text); err != nil {
		return "", err
	}
	if err := replacePrivate(path, text); err != nil {
		return "", err
	}
	folder.Sync() //nolint:errcheck // not every file system supports it
	return path, nil
}

// appendDatabaseContext adds a table.
func appendDatabaseContext(text string, c databaseContext) string {
	var b strings.Builder
	b.WriteString(text)
	if text != "" {
		b.WriteString(strings.Repeat("\n", 2-min(len(text)-len(strings.TrimRight(text, "\n")), 2)))
	}
	b.WriteString("[" + c.name + "]\n")
	for _, s := range [][2]string{{"database", c.Database}, {"config", c.Config}, {"schema", c.Schema}} {
		if s[1] != "" {
			b.WriteString(s[0] + " = " + tomlString(s[1]) + "\n")
		}
	}
	if c.Protected {
		b.WriteString("protected = true\n")
	}
	return b.String()
}

var tableHeader = tokenctl.Lazily(`^\s*\[\s*["']?([^"'\]\s]+)["']?\s*\]\s*(#.*)?$`)

// removeDatabaseContext removes a table from the text, with the comment above it.
func removeDatabaseContext(text, name string) (string, error) {
	var kept, pending []string // pending: a comment that may belong to the next table
	inside := false
	for line := range strings.SplitSeq(text, "\n") {
		if m := tableHeader().FindStringSubmatch(line); m != nil {
			if inside && m[1] != name {
				kept = append(kept, pending...)
			}
			pending = nil
			if inside = m[1] == name; inside {
				for len(kept) > 0 && strings.HasPrefix(strings.TrimSpace(kept[len(kept)-1]), "#") {
					kept = kept[:len(kept)-1]
				}
			}
		}
		switch {
		case !inside:
			kept = append(kept, line)
		case strings.HasPrefix(strings.TrimSpace(line), "#"):
			pending = append(pending, line)
		default:
			pending = nil
		}
	}
	rest := strings.Join(kept, "\n")
	before, err := tokenctl.ParseDatabaseContexts([]byte(text))
	if err != nil {
		return "", err
	}
	after, err := tokenctl.ParseDatabaseContexts([]byte(rest))
	delete(before, name)
	same := err == nil && len(before) == len(after)
	for other, c := range before {
		same = same && after[other] == c
	}
	if !same {
		return "", &tokenctl.Error{Code: tokenctl.CodeFailed, Message: "the context " + name + " is not written as a table [" + name + "]", Hint: "remove it with an editor"}
	}
	return rest, nil
}

// absoluteURL returns the URL of a SQLite file with its absolute path.
func absoluteURL(path string) (string, error) {
	path, err := filepath.Abs(path)
	return "sqlite:///" + (&url.URL{Path: path}).EscapedPath(), err
}
