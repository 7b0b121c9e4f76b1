package server

import "net/http"

const (
	healthPath  = "/healthz"
	metricsPath = "/metrics"
)

// plainPages are what is not the application's: they are answered without
// Django's middleware, to GET and HEAD.
func (s *Server) plainPages() map[string]func(*request) *response {
	return map[string]func(*request) *response{
		pagePath:    s.indexPage(),
		healthPath:  s.health,
		metricsPath: s.metricsPage,
	}
}

// health tells that the server answers requests. It does not ask the database:
// a restart would not mend that.
func (s *Server) health(*request) *response {
	return &response{status: http.StatusOK, rendered: true, contentType: "text/plain; charset=utf-8", body: []byte("ok\n")}
}
