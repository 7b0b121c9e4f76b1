package scan

import (
	"path/filepath"
	"strings"
)

// rules are the patterns of one .gitignore, and of those in the folders above. The last pattern that matches
// decides, and the patterns of a deeper folder come later (gitignore(5)).
type rules struct {
	above    *rules
	folder   string // the folder of the file, in the form of the paths to exclude
	between  string // the path from the file's folder to folder, if the file is in a folder above
	patterns []pattern
}

type pattern struct {
	text       string
	negated    bool
	foldersToo bool // it matches only folders
	anchored   bool // it matches the path, not only the name
}

// parsePatterns reads the lines of a .gitignore.
func parsePatterns(text string) (list []pattern) {
	text = strings.TrimPrefix(text, "\ufeff")
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if strings.HasPrefix(line, "#") {
			continue
		}
		for strings.HasSuffix(line, " ") && !strings.HasSuffix(line, `\ `) {
			line = line[:len(line)-1]
		}
		var p pattern
		line, p.negated = strings.CutPrefix(line, "!")
		line, p.foldersToo = strings.CutSuffix(line, "/")
		if line == "" {
			continue
		}
		p.anchored = strings.Contains(line, "/")
		p.text = strings.TrimPrefix(line, "/")
		list = append(list, p)
	}
	return list
}

// and adds the patterns of a folder, or of a folder above: between is the path from that folder to folder.
func (r *rules) and(folder, between string, patterns []pattern) *rules {
	if patterns == nil {
		return r
	}
	return &rules{above: r, folder: folder, between: between, patterns: patterns}
}

// exclude reports whether the rules exclude a path. Its folder must not be excluded.
func (r *rules) exclude(path string, isFolder bool) bool {
	name := filepath.Base(path)
	for ; r != nil; r = r.above {
		inside := path
		if r.folder != "" && r.folder != "." {
			inside = strings.TrimPrefix(strings.TrimPrefix(path, r.folder), "/")
		}
		if r.between != "" {
			inside = r.between + "/" + inside
		}
		for i := len(r.patterns) - 1; i >= 0; i-- {
			switch p := &r.patterns[i]; {
			case p.foldersToo && !isFolder:
			case p.anchored && wildmatch(p.text, inside, true), !p.anchored && wildmatch(p.text, name, false):
				return !p.negated
			}
		}
	}
	return false
}
