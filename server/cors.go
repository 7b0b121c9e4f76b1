package server

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// CORS has the settings of django-cors-headers. The zero value allows no origin.
type CORS struct {
	Origins     []string // CORS_ALLOWED_ORIGINS, such as "http://localhost:8001"; "*" is CORS_ALLOW_ALL_ORIGINS
	Credentials bool     // CORS_ALLOW_CREDENTIALS
}

// The settings' defaults: corsheaders/defaults.py (4.7.0), and the further ones of 3.14.0.
var (
	corsHeaders    = []string{"accept", "authorization", "content-type", "user-agent", "x-csrftoken", "x-requested-with"}
	corsHeadersOf3 = []string{"accept", "accept-encoding", "authorization", "content-type", "dnt", "origin", "user-agent", "x-csrftoken", "x-requested-with"}
	corsMethods    = []string{"DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"}
)

const corsMaxAge = "86400"

// preflight is CorsMiddleware.check_preflight of corsheaders/middleware.py
// (4.7.0): it answers for any path and origin.
func (s *Server) preflight(r *request) *response {
	if r.method != http.MethodOptions || r.Header["Access-Control-Request-Method"] == nil {
		return nil
	}
	return page(http.StatusOK, "")
}

// addCORS is CorsMiddleware.add_response_headers. Releases before 4.0 write the
// names in another case, and credentials for every origin.
func (s *Server) addCORS(r *request, w *response) {
	lower := s.peers.CORSHeaders.AtLeast("4.0")
	set := func(name, value string) {
		if lower {
			name = strings.ToLower(name)
		}
		w.set(name, value)
	}
	if lower {
		w.varyOn("origin")
	} else {
		w.varyOn("Origin")
	}
	origin := r.header("Origin")
	if origin == "" {
		return
	}
	if !lower && s.CORS.Credentials {
		set("Access-Control-Allow-Credentials", "true")
	}
	all := slices.Contains(s.CORS.Origins, "*")
	if !all && !slices.Contains(s.CORS.Origins, origin) {
		return
	}
	if all && !s.CORS.Credentials {
		origin = "*"
	}
	set("Access-Control-Allow-Origin", origin)
	if s.CORS.Credentials {
		set("Access-Control-Allow-Credentials", "true")
	}
	if r.method == http.MethodOptions {
		headers := corsHeaders
		if !lower {
			headers = corsHeadersOf3
		}
		set("Access-Control-Allow-Headers", strings.Join(headers, ", "))
		set("Access-Control-Allow-Methods", strings.Join(corsMethods, ", "))
		set("Access-Control-Max-Age", corsMaxAge)
	}
}

// CheckOrigin reports whether text is an origin that can be allowed: only a scheme and an authority, as
// django-cors-headers checks its setting (corsheaders/checks.py, E013 and E014).
func CheckOrigin(text string) bool {
	if text == "*" || text == "null" {
		return true
	}
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && u.Host != "" && u.Path == "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil
}
