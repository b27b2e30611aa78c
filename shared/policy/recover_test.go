package policy

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/access"
	"puente/shared/problem"
)

// broken is a dialect with a defect of its own.
type broken struct{}

func (broken) Render(*problem.Error, problem.Occurrence) problem.Answer { panic("no words") }

// A panic outside of the audited part of the chain was answered by a bare 500.
func TestPanicsAreAnsweredInTheDialect(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	for name, c := range map[string]struct {
		dialect problem.Dialect
		body    string
	}{
		"the API's":            {problem.Mule{Origin: "bot-xapi-services"}, `^\{"status":500,"code":"INTERNAL_SERVER_ERROR".*\(incident ([0-9a-f]{24})\)`},
		"that of no contract":  {problem.Details, `"detail":"incident ([0-9a-f]{24})"`},
		"one that panics, too": {broken{}, `^$`},
	} {
		var log bytes.Buffer
		settings := Defaults()
		e := &Edge{Settings: new(atomic.Pointer[Settings]), Log: slog.New(slog.NewTextHandler(&log, nil))} // correlate has no tracer
		e.Access = access.New(nil, e.Log, prometheus.NewRegistry())
		e.Settings.Store(&settings)
		r := gin.New()
		r.GET("/", e.Chain(&Route{API: "weather", Dialect: c.dialect}, func(*Exchange) { t.Error("served") }))
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		found := regexp.MustCompile(c.body).FindStringSubmatch(w.Body.String())
		if w.Code != 500 || found == nil {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if len(found) == 2 && !strings.Contains(log.String(), "incident="+found[1]) {
			t.Errorf("%s: the log does not hold the incident: %s", name, log.String())
		}
	}
}
