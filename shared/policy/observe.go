package policy

import (
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/telemetry"
)

// Metrics are the request metrics of every layer. Labels come from contracts only.
type Metrics struct {
	duration *prometheus.HistogramVec
	shadow   *prometheus.CounterVec
}

// NewMetrics registers the request metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_server_request_duration_seconds",
			Help:    "Requests by layer, API, operation, status and outcome (ok, client, quota, shed, server).",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 5, 10, 20, 30}, // every deadline of a public contract is one
		}, []string{"layer", "api", "operation", "status", "outcome"}),
		shadow: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "policy_shadow_refusals_total",
			Help: "Requests that a policy in shadow mode would have refused.",
		}, []string{"api", "policy"}),
	}
	reg.MustRegister(m.duration, m.shadow)
	return m
}

// Of binds the metrics of one operation.
func (m *Metrics) Of(layer, api, operation string) *OperationMetrics {
	return &OperationMetrics{vec: m.duration.MustCurryWith(prometheus.Labels{"layer": layer, "api": api, "operation": operation})}
}

// OperationMetrics are the request metrics of one operation, bound as they are met.
type OperationMetrics struct {
	vec   prometheus.ObserverVec
	bound sync.Map // outcomeKey to prometheus.Observer
}

type outcomeKey struct {
	status  int
	outcome string
}

// Observe counts one request. t is its exemplar where it is sampled.
func (m *OperationMetrics) Observe(status int, outcome string, took time.Duration, t telemetry.Trace) {
	key := outcomeKey{status, outcome}
	o, ok := m.bound.Load(key)
	if !ok {
		o, _ = m.bound.LoadOrStore(key, m.vec.WithLabelValues(strconv.Itoa(status), outcome))
	}
	telemetry.Observe(o.(prometheus.Observer), took.Seconds(), t)
}

// observe writes one log line and one observation per request. Reads nothing.
func (e *Edge) observe(x *Exchange) {
	started := time.Now()
	x.next()
	ended := time.Now()
	took, outcome, operation := ended.Sub(started), x.outcome(), "unmatched"
	if x.Route.Operation != nil {
		operation = x.Route.Operation.ID
	}
	x.Route.observe(e.Metrics, operation, x.Answer.Status, outcome, took, x.trace)
	for _, d := range x.Record.Decisions {
		if d.Verdict == wouldRefuse {
			e.Metrics.shadow.WithLabelValues(x.Route.API, d.Policy).Inc()
		}
	}
	log := x.Route.logger(e.Log, operation)
	if !log.Enabled(x.Request.Context(), slog.LevelInfo) {
		return
	}
	line := slog.NewRecord(ended, slog.LevelInfo, "request", 0) // the logger would look for its caller, too
	line.AddAttrs(
		slog.Int("status", x.Answer.Status), slog.String("outcome", outcome), slog.Duration("duration", took),
		slog.String("client", x.Principal.Client), slog.String("system", x.Principal.System),
		slog.String("address", x.Address), slog.String("refused_by", x.refusedBy))
	_ = log.Handler().Handle(x.Context(), line) // as the logger does: there is nowhere to tell
}

// logger is the route's own: what all its lines say is formatted once.
func (r *Route) logger(log *slog.Logger, operation string) *slog.Logger {
	r.bindLog.Do(func() {
		r.log = log.With(slog.String("layer", r.layer()), slog.String("api", r.API), slog.String("operation", operation))
	})
	return r.log
}

func (r *Route) observe(m *Metrics, operation string, status int, outcome string, took time.Duration, t telemetry.Trace) {
	r.bind.Do(func() { r.metrics = m.Of(r.layer(), r.API, operation) })
	r.metrics.Observe(status, outcome, took, t)
}
