package server

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Path is a path that the server answers.
type Path struct {
	Path    string
	Methods string // such as "GET, POST"; GET includes HEAD, and every path answers OPTIONS
}

// Paths returns the paths that the server answers with this database, those with GET first.
func (s *Server) Paths() []Path {
	var list []Path
	for path := range s.ownPages {
		list = append(list, Path{path, http.MethodGet})
	}
	for path, view := range s.routes {
		if s.routes[path+"/"] != nil {
			continue // the same view as the path with a slash at the end
		}
		methods := slices.SortedFunc(maps.Keys(view.handlers), func(a, b string) int {
			return cmp.Compare(slices.Index(methodOrder, a), slices.Index(methodOrder, b))
		})
		list = append(list, Path{path, strings.Join(methods, ", ")})
	}
	slices.SortFunc(list, func(a, b Path) int { return cmp.Or(cmp.Compare(a.Methods, b.Methods), cmp.Compare(a.Path, b.Path)) })
	return list
}
