package ratelimit

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	decisions *prometheus.CounterVec
	redis     prometheus.Histogram
	policies  sync.Map // name of a limit → *policyCounters
}

// policyCounters are pre-bound; a decision of a share counts apart, as local_allowed and local_refused.
type policyCounters struct{ allowed, refused, localAllowed, localRefused prometheus.Counter }

func newMetrics(reg prometheus.Registerer, degraded func() float64) *metrics {
	m := &metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ratelimit_decisions_total",
			Help: "Decisions by policy: allowed, refused; local_allowed and local_refused by this replica's share while Redis is away.",
		}, []string{"policy", "result"}),
		redis: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "ratelimit_redis_duration_seconds",
			Help:    "Calls of requests to Redis, failed ones included.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1},
		}),
	}
	reg.MustRegister(m.decisions, m.redis, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ratelimit_degraded",
		Help: "1 while limits are not shared because Redis is away.",
	}, degraded))
	return m
}

// count counts d once for every limit that allowed it, or for every limit that refused it.
func (m *metrics) count(d Decision) {
	for i := range d.PerLimit {
		s := &d.PerLimit[i]
		if d.Allowed == s.Refused {
			continue
		}
		p := m.policy(s.Limit.Name)
		switch {
		case d.Allowed && d.Degraded:
			p.localAllowed.Inc()
		case d.Allowed:
			p.allowed.Inc()
		case d.Degraded:
			p.localRefused.Inc()
		default:
			p.refused.Inc()
		}
	}
}

func (m *metrics) policy(name string) *policyCounters {
	if p, ok := m.policies.Load(name); ok {
		return p.(*policyCounters)
	}
	p, _ := m.policies.LoadOrStore(name, &policyCounters{
		allowed:      m.decisions.WithLabelValues(name, "allowed"),
		refused:      m.decisions.WithLabelValues(name, "refused"),
		localAllowed: m.decisions.WithLabelValues(name, "local_allowed"),
		localRefused: m.decisions.WithLabelValues(name, "local_refused"),
	})
	return p.(*policyCounters)
}
