package scan

import (
	"path/filepath"
	"strings"
)

// rules are the patterns of one .gitignore, and of those above it. gitignore(5): the last
// pattern that matches decides, and those of a deeper folder come later.
type rules struct {
	above    *rules
	folder   string // where the file stands, as the paths that are asked about are written
	between  string // what stands between it and folder, where it stands above
	patterns []pattern
}

type pattern struct {
	text       string
	negated    bool
	foldersToo bool // for folders only
	anchored   bool // it is about the path, not about the name alone
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

func (r *rules) and(folder string, patterns []pattern) *rules {
	if patterns == nil {
		return r
	}
	return &rules{above: r, folder: folder, patterns: patterns}
}

// andAbove adds the patterns of a folder above: the path from there leads through between.
func (r *rules) andAbove(folder, between string, patterns []pattern) *rules {
	if patterns == nil {
		return r
	}
	return &rules{above: r, folder: folder, between: between, patterns: patterns}
}

// exclude reports whether a path in a folder that is not excluded is excluded itself.
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
