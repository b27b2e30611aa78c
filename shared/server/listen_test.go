package server

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/shared/problem"
)

// What a listener has taken and not answered is in its metric, and nobody else's: by it replicas are added.
func TestRequestsInFlight(t *testing.T) {
	internal, operations := &gate{}, &gate{}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(listeners{internal: internal, operations: operations}.metrics()...)
	want := func(n string) {
		t.Helper()
		if err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP server_requests_in_flight Requests that the listener has taken and not answered.
# TYPE server_requests_in_flight gauge
server_requests_in_flight{listener="internal"} `+n+`
server_requests_in_flight{listener="ops"} 0
`), "server_requests_in_flight"); err != nil {
			t.Error(err)
		}
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	internal.open(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-leave
		panic(http.ErrAbortHandler) // however it ends
	}))
	want("0")
	var calls sync.WaitGroup
	for range 3 {
		calls.Go(func() {
			defer func() { _ = recover() }()
			internal.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
		})
	}
	for range 3 {
		<-entered
	}
	want("3")
	close(leave)
	calls.Wait()
	want("0")
}

// Who asks for administration too early is told so, not that there is none.
func TestOperationsBeforeTheStart(t *testing.T) {
	h := &host{registerer: prometheus.NewRegistry()}
	for path, want := range map[string]int{"/livez": 200, "/readyz": 503, "/metrics": 200, "/admin/v1/clients": 503, "/admin/v1/apply": 503, "/": 404} {
		w := httptest.NewRecorder()
		h.beforehand().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
		if path == "/admin/v1/clients" && !errors.Is(problem.Unmarshal(w.Code, w.Body.Bytes()), problem.Unavailable) {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
}

// An old connection ends with the answer to a request, which does not fail; a younger one is kept.
func TestOldConnectionsEnd(t *testing.T) {
	for kept, reused := range map[time.Duration]int{time.Nanosecond: 0, time.Hour: 4} {
		g := &gate{kept: kept}
		g.open(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
		server := httptest.NewUnstartedServer(g)
		server.Config.ConnContext = g.connected
		server.Start()
		n := 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
			if c.Reused {
				n++
			}
		}})
		client := server.Client()
		for range 5 {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusNoContent {
				t.Errorf("answered %d", res.StatusCode)
			}
		}
		server.Close()
		if n != reused {
			t.Errorf("kept for %s: %d of 5 requests came by a connection of before, want %d", kept, n, reused)
		}
	}
}
