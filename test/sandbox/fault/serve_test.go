package fault_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"puente/test/sandbox/fault"
)

// visit is one request that a fault answers.
type visit struct {
	after  time.Duration // when Serve was done
	worked time.Duration // when the system did its work; -1: never
	answer *httptest.ResponseRecorder
	none   bool // the connection ended without an answer
}

// serve answers a request under f whose caller leaves after patience; 0: stays.
func serve(f fault.Fault, patience time.Duration) visit {
	start := time.Now()
	v := visit{worked: -1, answer: httptest.NewRecorder()}
	ctx := context.Background()
	if patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	func() {
		defer func() {
			v.after = time.Since(start)
			v.none = recover() == http.ErrAbortHandler
		}()
		f.Serve(v.answer, httptest.NewRequestWithContext(ctx, "POST", "/", nil), http.HandlerFunc(
			func(w http.ResponseWriter, _ *http.Request) {
				v.worked = time.Since(start)
				w.Header().Set("Content-Type", "application/json")
				io.WriteString(w, `{"ok":1}`)
			}))
	}()
	return v
}

func TestServe(t *testing.T) {
	yes, no := true, false
	const never = -1
	for _, c := range []struct {
		name     string
		fault    fault.Fault
		patience time.Duration
		after    time.Duration
		worked   time.Duration
		status   int // 0: no answer
		body     string
	}{
		{"delay", fault.Fault{Kind: fault.Delay, Delay: 2 * time.Second}, 0, 2 * time.Second, 2 * time.Second, 200, `{"ok":1}`},
		{"delay, caller leaves", fault.Fault{Kind: fault.Delay, Delay: 2 * time.Second}, time.Second, time.Second, never, 0, ""},
		{"late commit, caller leaves", fault.Fault{Kind: fault.LateCommit, Delay: 2 * time.Second}, time.Second, 2 * time.Second, 2 * time.Second, 200, `{"ok":1}`},
		{"hang", fault.Fault{Kind: fault.Hang}, time.Minute, time.Minute, never, 0, ""},
		{"hang, committed", fault.Fault{Kind: fault.Hang, Commit: &yes}, time.Minute, time.Minute, 0, 0, ""},
		{"hang after commit", fault.Fault{Kind: fault.HangAfterCommit}, time.Minute, time.Minute, 0, 0, ""},
		{"status", fault.Fault{Kind: fault.Status, Status: 429, Body: "slow down"}, 0, 0, never, 429, "slow down"},
		{"status, committed, late", fault.Fault{Kind: fault.Status, Status: 504, Commit: &yes, Delay: time.Second}, 0, time.Second, time.Second, 504, ""},
		{"flap, down", fault.Fault{Kind: fault.Flap}, 0, 0, never, 503, ""},
		{"drip", fault.Fault{Kind: fault.Drip}, 0, 8 * time.Second, 0, 200, `{"ok":1}`},
		{"drip, caller leaves", fault.Fault{Kind: fault.Drip}, 3500 * time.Millisecond, 3500 * time.Millisecond, 0, 0, `{"o`},
		{"reset, where there is no connection", fault.Fault{Kind: fault.Reset}, 0, 0, 0, 0, ""},
		{"reset, not committed", fault.Fault{Kind: fault.Reset, Commit: &no}, 0, 0, never, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := serve(c.fault, c.patience)
				if v.after != c.after || v.worked != c.worked {
					t.Errorf("done after %v, worked after %v; want %v and %v", v.after, v.worked, c.after, c.worked)
				}
				if v.none != (c.status == 0) || !v.none && v.answer.Code != c.status || v.answer.Body.String() != c.body {
					t.Errorf("answered %v, %d %q", !v.none, v.answer.Code, v.answer.Body)
				}
			})
		})
	}
}

func TestHostStopsALateCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(stop) })
		ctx := fault.WithVisit(t.Context(), fault.Visit{Stop: stop})
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("was not aborted")
			}
		}()
		fault.Fault{Kind: fault.LateCommit, Delay: time.Hour}.Serve(httptest.NewRecorder(),
			httptest.NewRequestWithContext(ctx, "POST", "/", nil),
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("worked") }))
	})
}
