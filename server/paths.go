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
	Methods string // such as "GET, POST"; HEAD follows GET, and OPTIONS is answered everywhere
}

// Paths are the paths that the server answers on this database, those with GET first.
func (s *Server) Paths() []Path {
	var list []Path
	for path := range s.plain {
		list = append(list, Path{path, http.MethodGet})
	}
	for path, view := range s.routes {
		if s.routes[path+"/"] != nil {
			continue // dj-rest-auth takes it without the last slash too
		}
		methods := slices.SortedFunc(maps.Keys(view.handlers), func(a, b string) int {
			return cmp.Compare(slices.Index(methodOrder, a), slices.Index(methodOrder, b))
		})
		list = append(list, Path{path, strings.Join(methods, ", ")})
	}
	slices.SortFunc(list, func(a, b Path) int { return cmp.Or(cmp.Compare(a.Methods, b.Methods), cmp.Compare(a.Path, b.Path)) })
	return list
}
