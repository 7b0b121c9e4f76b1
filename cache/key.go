package cache

import "strings"

// Key returns the key under which a cache stores a value. function is KEY_FUNCTION as a template; prefix
// and version are KEY_PREFIX and VERSION of the cache, and key is the application's key.
func Key(function, prefix, version, key string) string {
	return strings.NewReplacer("{prefix}", prefix, "{version}", version, "{key}", key).Replace(function)
}

// Match returns the pattern of Redis's SCAN for the keys of [Key] whose application key begins with start.
// It escapes the special characters of patterns.
func Match(function, prefix, version, start string) string {
	const rest = "\x00"
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, rest, "*").Replace(Key(function, prefix, version, start+rest))
}
