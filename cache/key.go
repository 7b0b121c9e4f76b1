package cache

import "strings"

// Key is the key under which a cache keeps a value: KEY_FUNCTION as a template, KEY_PREFIX and
// VERSION of the cache, and the key that the application used.
func Key(function, prefix, version, key string) string {
	return strings.NewReplacer("{prefix}", prefix, "{version}", version, "{key}", key).Replace(function)
}

// Match is the pattern of SCAN for keys of this function whose application key begins with start:
// characters that mean something in a pattern are escaped.
func Match(function, prefix, version, start string) string {
	const rest = "\x00"
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, rest, "*").Replace(Key(function, prefix, version, start+rest))
}
