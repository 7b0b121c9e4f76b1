package scan

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"slices"
	"strings"
)

// history finds the files and commits of blobs.
type history struct {
	repo     *repository
	places   map[string][]blobFile  // of blobs with findings
	reported map[fileCredential]int // the number of reported places of a credential in a file
}

// blobFile is a file, and the commit that gave it a content.
type blobFile struct {
	commit, path string
	order        int // of the commit, the oldest first
}

// fileCredential is a credential in a file of the repository.
type fileCredential struct {
	path, id, kind string
	form           Form
}

// locate sets the paths and commits of findings. A credential in many versions of a file is reported once, for
// the oldest version. If a newer version has it in more places, the further places are reported too.
func (h *history) locate(ctx context.Context, list []Finding) ([]Finding, error) {
	if h.reported == nil {
		h.reported = map[fileCredential]int{}
	}
	wanted := map[string]bool{}
	var tags []string
	for i := range list {
		kind, id, _ := strings.Cut(list[i].source.object, " ")
		switch kind {
		case "blob":
			if h.places[id] == nil {
				wanted[id] = true
			}
		case "tag":
			tags = append(tags, id)
		}
	}
	if err := h.findBlobs(ctx, wanted); err != nil {
		return nil, err
	}
	named, err := h.findTags(ctx, tags)
	if err != nil {
		return nil, err
	}
	type placed struct {
		Finding
		order int
	}
	var all []placed
	for _, f := range list {
		kind, id, _ := strings.Cut(f.source.object, " ")
		switch kind {
		case "commit":
			f.Path, f.Commit = "commit message", id
			all = append(all, placed{f, -1})
		case "tag":
			f.Path, f.Commit = named[id].path, named[id].commit
			all = append(all, placed{f, -1})
		default:
			inside := f.Path         // of an archive: !member
			if h.places[id] == nil { // only a tag names the blob
				f.Path = "blob " + id + inside
				all = append(all, placed{f, -1})
			}
			for _, at := range h.places[id] {
				f.Path, f.Commit = at.path+inside, at.commit
				all = append(all, placed{f, at.order})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.order, b.order), strings.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	type version struct {
		fileCredential
		order int
	}
	seen := map[version]int{}
	out := list[:0:0]
	for _, f := range all {
		if f.order < 0 {
			out = append(out, f.Finding)
			continue
		}
		key := fileCredential{f.Path, f.Match.ID, f.Match.Kind, f.Form}
		v := version{key, f.order}
		if seen[v]++; seen[v] > h.reported[key] {
			h.reported[key] = seen[v]
			out = append(out, f.Finding)
		}
	}
	return out, nil
}

// findBlobs finds the files of the wanted blobs, and the oldest commit of each. Blobs of a merge that no parent
// has are listed with the merge. With --git-since, older files are in the trees of the commits whose parents
// are older.
func (h *history) findBlobs(ctx context.Context, wanted map[string]bool) error {
	if len(wanted) == 0 {
		return nil
	}
	order, edge, err := h.commits(ctx)
	if err != nil {
		return err
	}
	first := map[[2]string]blobFile{}
	note := func(commit, blob, path string) {
		at := blobFile{commit, path, order[commit]}
		if known, ok := first[[2]string{blob, path}]; wanted[blob] && (!ok || at.order < known.order) {
			first[[2]string{blob, path}] = at
		}
	}
	for _, commit := range edge {
		err := h.fields(ctx, func(field string, _ func() (string, error)) error {
			about, path, _ := strings.Cut(field, "\t")
			if words := strings.Fields(about); len(words) == 3 {
				note(commit, words[2], path)
			}
			return nil
		}, "ls-tree", "-r", "-z", "--full-tree", commit)
		if err != nil {
			return err
		}
	}
	commit := ""
	err = h.fields(ctx, func(field string, next func() (string, error)) error {
		field = strings.Trim(field, "\n")
		if id, ok := strings.CutPrefix(field, "\x01"); ok {
			commit, field, _ = strings.Cut(id, "\n")
		}
		// :100644 100644 <old> <new> M; for a merge with more colons, modes and blobs.
		if !strings.HasPrefix(field, ":") {
			return nil
		}
		path, err := next()
		parents := len(field) - len(strings.TrimLeft(field, ":"))
		if words := strings.Fields(field); err == nil && len(words) > 2*parents+1 {
			note(commit, words[2*parents+1], path)
		}
		return err
	}, append([]string{"log", "--root", "--raw", "-c", "--no-abbrev", "--no-renames", "-z", "--format=%x01%H"}, h.repo.walk...)...)
	for key, at := range first {
		h.places[key[0]] = append(h.places[key[0]], at)
	}
	return err
}

// fields calls f for each field that a git command prints between NULs.
func (h *history) fields(ctx context.Context, f func(field string, next func() (string, error)) error, args ...string) error {
	return h.repo.run(ctx, nil, func(out *bufio.Reader) error {
		next := func() (string, error) {
			field, err := out.ReadString(0)
			return strings.TrimSuffix(field, "\x00"), err
		}
		for {
			field, err := next()
			if err == io.EOF {
				return nil
			}
			if err == nil {
				err = f(field, next)
			}
			if err != nil {
				return err
			}
		}
	}, args...)
}

// commits numbers the commits of the walk, the oldest first and parents before children. edge are the commits
// with a parent outside the walk.
func (h *history) commits(ctx context.Context) (order map[string]int, edge []string, err error) {
	var list [][]string
	order = map[string]int{}
	err = h.repo.eachLine(ctx, nil, func(line string) error {
		ids := strings.Fields(line)
		order[ids[0]] = len(order)
		list = append(list, ids)
		return nil
	}, append([]string{"rev-list", "--reverse", "--date-order", "--parents"}, h.repo.walk...)...)
	for _, ids := range list {
		if slices.ContainsFunc(ids[1:], func(id string) bool { _, inside := order[id]; return !inside }) {
			edge = append(edge, ids[0])
		}
	}
	return order, edge, err
}

// findTags returns the names of tags and their commits.
func (h *history) findTags(ctx context.Context, ids []string) (map[string]blobFile, error) {
	named := map[string]blobFile{}
	if len(ids) == 0 {
		return named, nil
	}
	for _, id := range ids {
		commit, err := h.repo.command(ctx, "rev-parse", "--verify", "--quiet", id+"^{commit}").Output()
		if err != nil {
			commit = nil // the tag names a file or folder
		}
		named[id] = blobFile{commit: strings.TrimSpace(string(commit)), path: "tag message"}
	}
	return named, h.repo.eachLine(ctx, nil, func(line string) error {
		id, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if at, ok := named[id]; ok {
			at.path = "message of tag " + name
			named[id] = at
		}
		return nil
	}, "for-each-ref", "--format=%(objectname) %(refname:strip=2)", "refs/tags")
}
