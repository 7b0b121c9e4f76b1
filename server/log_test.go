package server

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What panics is answered 500 as by Django; the log tells where it was, and not
// with what.
func TestPanic(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	panics := &view{name: "Panics", notDRF: true, handlers: map[string]handler{http.MethodGet: func(*request) (*response, error) {
		panic("the canary")
	}}}
	s := &Server{Config: Config{Log: slog.New(slog.NewJSONHandler(&log, nil))}, routes: map[string]*view{"/panics/": panics}, limits: newLimiter(), metrics: newMetrics()}
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://localhost/panics/", nil))
	if answer.Code != http.StatusInternalServerError || !strings.Contains(answer.Body.String(), "<h1>Server Error (500)</h1>") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	var line struct {
		Level, Path, Outcome, Reason, Type, Trace string
		Status                                    int
	}
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line.Level != "ERROR" || line.Path != "/panics/" || line.Outcome != "error" || line.Reason != "panic" || line.Type != "string" || line.Status != 500 ||
		!strings.Contains(line.Trace, "TestPanic") || strings.Contains(log.String(), "canary") {
		t.Errorf("%s", log.String())
	}
}
