package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
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
