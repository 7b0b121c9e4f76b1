package server

import (
	"slices"
	"strings"

	"tokenctl"
)

// hostForm is host_validation_re of django/http/request.py (4.2).
var hostForm = tokenctl.Lazily(`^([a-z0-9.-]+|\[[a-f0-9]*:[a-f0-9\.:]+\])(:[0-9]+)?$`)

const hostNotAllowed = "the Host header is not allowed"

// loopbackHosts are the names that are always allowed. Django allows them if DEBUG is on and ALLOWED_HOSTS
// is empty (HttpRequest.get_host).
var loopbackHosts = []string{".localhost", "127.0.0.1", "[::1]"}

// hostAllowed is validate_host: the Host header must name this server. Otherwise a web page could reach the
// server through its own name if that resolves to the server's address (DNS rebinding).
func (s *Server) hostAllowed(host string) bool {
	host = strings.ToLower(host)
	if !hostForm().MatchString(host) {
		return false
	}
	domain := host
	if !strings.HasSuffix(host, "]") {
		if i := strings.LastIndexByte(host, ':'); i >= 0 {
			domain = host[:i]
		}
		domain = strings.TrimSuffix(domain, ".")
	}
	matches := func(pattern string) bool {
		pattern = strings.ToLower(pattern)
		return pattern == "*" || pattern == domain ||
			strings.HasPrefix(pattern, ".") && (strings.HasSuffix(domain, pattern) || domain == pattern[1:])
	}
	return domain != "" && (slices.ContainsFunc(loopbackHosts, matches) || slices.ContainsFunc(s.AllowedHosts, matches))
}
