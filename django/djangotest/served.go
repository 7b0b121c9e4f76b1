package djangotest

import "fmt"

// ServedIterations is what the served project's password hasher, pbkdf2_sha256,
// counts to: thousands of logins are compared, not what one costs.
const ServedIterations = 1000

// Served is a project's own web server.
type Served struct {
	Addr string // host and port

	pr *Project
}

// Serve serves a project of [Options] Served over HTTP until the test ends, in the worker's
// process. It gets each request's bytes as a WSGI server hands them on: see serve.py.
func (pr *Project) Serve() *Served {
	pr.t.Helper()
	var port int
	pr.Eval("import serve; result = serve.start()", &port)
	return &Served{Addr: fmt.Sprintf("127.0.0.1:%d", port), pr: pr}
}

// ClearCache forgets what the project's cache holds: what throttles have counted.
func (s *Served) ClearCache() {
	s.pr.t.Helper()
	s.pr.Eval("from django.core.cache import cache; result = cache.clear()", nil)
}
