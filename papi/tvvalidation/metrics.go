package tvvalidation

import (
	"github.com/prometheus/client_golang/prometheus"

	"puente/contracts/papi/tvvalidation"
)

// metrics are the process's own.
type metrics struct {
	semaphores *prometheus.CounterVec
	views      *prometheus.CounterVec
	unrecorded prometheus.Counter
}

func newMetrics() *metrics {
	return &metrics{
		semaphores: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tvvalidation_semaphores_total", Help: "Comparisons of a platform with the inventory by what came of them.",
		}, []string{"technology", "check", "semaphore"}),
		views: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tvvalidation_views_total", Help: "Views of the inventory by where they came from: the inventory, or the cache, which others' queries count as.",
		}, []string{"source"}),
		unrecorded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tvvalidation_verifications_unrecorded_total", Help: "Verifications that were answered and could not be recorded.",
		}),
	}
}

func (m *metrics) compared(technology tvvalidation.Technology, aspect int, semaphore tvvalidation.Semaphore) {
	m.semaphores.WithLabelValues(string(technology), aspectNames[aspect], string(semaphore)).Inc()
}

func (m *metrics) viewed(asked bool) {
	source := "cache"
	if asked {
		source = "inventory"
	}
	m.views.WithLabelValues(source).Inc()
}

// register registers the process's metrics.
func (p *process) register(reg prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{p.metrics.semaphores, p.metrics.views, p.metrics.unrecorded} {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}
