package server

import "net/http"

const (
	healthPath  = "/healthz"
	metricsPath = "/metrics"
)

// plainPages are the pages of this server that the application does not have. They answer GET and HEAD,
// without Django's middleware.
func (s *Server) plainPages() map[string]func(*request) *response {
	return map[string]func(*request) *response{
		pagePath:    s.indexPage(),
		healthPath:  s.health,
		metricsPath: s.metricsPage,
	}
}

// health shows that the server answers requests. It does not use the database: restarting this server
// would not repair it.
func (s *Server) health(*request) *response {
	return &response{status: http.StatusOK, rendered: true, contentType: "text/plain; charset=utf-8", body: []byte("ok\n")}
}
