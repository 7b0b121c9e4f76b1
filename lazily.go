package tokenctl

import (
	"regexp"
	"sync"
)

// Lazily compiles an expression when it is first used: most commands use none of
// them, and compiling all took a twentieth of the time that a process needs to start.
func Lazily(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
