package server

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// health answers /livez and /readyz. Ready is red until everything is loaded and again while
// draining; a degraded dependency is a warning, not a reason to take the replica away.
type health struct {
	ready    atomic.Bool
	draining atomic.Bool

	mu     sync.Mutex
	checks []check
}

// check asks one dependency. Without a vital one requests fail: it shows as fail where others show
// as warn. Either way /readyz says warn with 200, since another replica would have it no better.
type check struct {
	name  string
	vital bool
	ask   func(context.Context) (degraded string, err error)
}

// verdict is a dependency's state as /readyz shows it: pass, warn or fail.
type verdict struct {
	Status string `json:"status"`
	Detail string `json:"detail,omitempty"`
}

func (h *health) add(c check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, c)
}

// askWithin bounds all questions of one /readyz.
const askWithin = 500 * time.Millisecond

func (h *health) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), askWithin)
	defer cancel()
	h.mu.Lock()
	checks := h.checks
	h.mu.Unlock()
	status, worst, found := http.StatusOK, "pass", make(map[string]verdict, len(checks))
	for _, c := range checks {
		v := verdict{Status: "pass"}
		degraded, err := c.ask(ctx)
		switch {
		case err != nil && c.vital:
			v = verdict{"fail", "not reachable"}
			worst = "warn"
		case err != nil || degraded != "":
			v = verdict{"warn", degraded}
			worst = "warn"
		}
		found[c.name] = v
	}
	switch {
	case h.draining.Load():
		status, worst = http.StatusServiceUnavailable, "draining"
	case !h.ready.Load():
		status, worst = http.StatusServiceUnavailable, "starting"
	}
	answerJSON(w, status, map[string]any{"status": worst, "checks": found})
}

// metric tells what /readyz tells balancers.
func (h *health) metric() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "server_ready", Help: "1 while /readyz takes requests: everything is loaded, and the process does not drain.",
	}, func() float64 {
		if h.ready.Load() && !h.draining.Load() {
			return 1
		}
		return 0
	})
}

func livez(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, map[string]string{"status": "pass"})
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the asker may have gone
}
