package httpclient

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// durations are the bucket bounds of request durations, in seconds.
var durations = []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// metrics are those of one target, bound to its labels once.
type metrics struct {
	duration      prometheus.ObserverVec
	byStatus      [600]atomic.Pointer[prometheus.Observer] // by status code, bound when first seen
	byReason      sync.Map                                 // reason → prometheus.Observer
	inUse         prometheus.Gauge
	places        prometheus.Gauge
	retries       prometheus.Counter
	retriesDenied prometheus.Counter
	refusedOpen   prometheus.Counter
	refusedFull   prometheus.Counter
	states        *prometheus.GaugeVec
	transitions   *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, api, target string) *metrics {
	labels := prometheus.Labels{"api": api, "target": target}
	duration := register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "http_client_request_duration_seconds",
		Help:    "Duration of each attempt to call a system, until its answer is complete; status is its code or the reason there is none.",
		Buckets: durations,
	}, []string{"api", "target", "status"}))
	retries := register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "http_client_retries_total",
		Help: "Retries sent, and retries that the budget denied.",
	}, []string{"api", "target", "outcome"})).MustCurryWith(labels)
	refused := register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "http_client_refused_total",
		Help: "Attempts that were not made because the circuit breaker was open or the bulkhead full.",
	}, []string{"api", "target", "reason"})).MustCurryWith(labels)
	return &metrics{
		duration:      duration.MustCurryWith(labels),
		retries:       retries.WithLabelValues("sent"),
		retriesDenied: retries.WithLabelValues("denied"),
		refusedOpen:   refused.WithLabelValues(reasonOpen),
		refusedFull:   refused.WithLabelValues(reasonFull),
		inUse: register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "http_client_bulkhead_in_use",
			Help: "Attempts under way to a system.",
		}, []string{"api", "target"})).With(labels),
		places: register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "http_client_bulkhead_max",
			Help: "Attempts to a system that may be under way at once.",
		}, []string{"api", "target"})).With(labels),
		states: register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "http_client_breaker_state",
			Help: "State of the circuit breaker: 0 closed, 1 half-open, 2 open.",
		}, []string{"api", "target", "class"})).MustCurryWith(labels),
		transitions: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_client_breaker_transitions_total",
			Help: "Changes of the circuit breaker, by the state entered.",
		}, []string{"api", "target", "class", "to"})).MustCurryWith(labels),
	}
}

func (m *metrics) state(mode Mode) prometheus.Gauge { return m.states.WithLabelValues(mode.String()) }

func (m *metrics) transition(mode Mode, to State) prometheus.Counter {
	return m.transitions.WithLabelValues(mode.String(), to.String())
}

// status is the histogram of answers with this code. A system could send any code: those that
// nobody defined share one per class.
func (m *metrics) status(code int) prometheus.Observer {
	if code < 0 || code >= len(m.byStatus) {
		return m.reason("other")
	}
	slot := &m.byStatus[code]
	if o := slot.Load(); o != nil {
		return *o
	}
	label := strconv.Itoa(code)
	if http.StatusText(code) == "" {
		label = label[:1] + "xx"
	}
	o := m.duration.WithLabelValues(label)
	slot.Store(&o)
	return o
}

func (m *metrics) reason(reason string) prometheus.Observer {
	if o, ok := m.byReason.Load(reason); ok {
		return o.(prometheus.Observer)
	}
	o := m.duration.WithLabelValues(reason)
	m.byReason.Store(reason, o)
	return o
}

// register returns c, or what an earlier client registered for the same metric.
func register[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if reg == nil {
		return c
	}
	err := reg.Register(c)
	if known := (prometheus.AlreadyRegisteredError{}); errors.As(err, &known) {
		return known.ExistingCollector.(C)
	}
	if err != nil {
		panic(err) // another metric has this name: a defect, seen at start
	}
	return c
}
