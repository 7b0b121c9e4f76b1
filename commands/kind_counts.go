package commands

import (
	"strings"

	"tokenctl/tokens"
)

// kindCounts counts the credentials of each kind.
type kindCounts struct {
	n  int
	of map[*tokens.Kind]int
}

func (k *kindCounts) add(kind *tokens.Kind, n int) {
	if k.of == nil {
		k.of = map[*tokens.Kind]int{}
	}
	k.n += n
	k.of[kind] += n
}

// String returns a text such as "12 knox tokens, 3 jwt tokens".
func (k *kindCounts) String() string {
	var parts []string
	for _, kind := range tokens.Kinds() {
		if n := k.of[kind]; n > 0 {
			parts = append(parts, count(n, kind.Noun()))
		}
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}
