package scan

import (
	"context"

	"tokenctl/tokens"
)

// hidePaths hides secrets in the paths of findings: the name of a file may contain a secret.
func (s *Scanner) hidePaths(ctx context.Context, list []Finding) error {
	type part struct {
		path       string
		start, end int
	}
	var parts []part
	var batch []Candidate
	path := ""
	f := newFinder(s.options.Shapes, nil)
	f.emit = func(text []byte, kinds Kinds, at int, form Form) {
		p := part{path, at, at + len(text)}
		if form != Plain {
			p.start, p.end = 0, len(path) // the end of the secret is not known
		}
		parts, batch = append(parts, p), append(batch, Candidate{string(text), kinds})
	}
	looked := map[string]string{}
	for i := range list {
		if path = list[i].Path; looked[path] == "" {
			looked[path] = path
			f.window([]byte(path), 0, true)
		}
	}
	if batch == nil {
		return nil
	}
	matches, err := s.options.Members(ctx, batch)
	if err != nil {
		return err
	}
	for i := len(parts) - 1; i >= 0; i-- { // from the end of each path
		if p := parts[i]; matches[i] != nil {
			known := looked[p.path]
			if p.end > len(known) || known[:p.end] != p.path[:p.end] {
				p.start, p.end = 0, len(known) // two secrets overlap
			}
			looked[p.path] = known[:p.start] + tokens.Hidden + known[p.end:]
		}
	}
	for i := range list {
		list[i].Path = looked[list[i].Path]
	}
	return nil
}
