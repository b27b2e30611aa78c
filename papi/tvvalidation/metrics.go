package tvvalidation

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/contracts/papi/tvvalidation"
	"puente/papi/tvvalidation/sql"
	"puente/shared/database"
	"puente/shared/problem"
)

// metrics are the process's own.
type metrics struct {
	semaphores     *prometheus.CounterVec
	normalizations *prometheus.CounterVec
	views          *prometheus.CounterVec
	unrecorded     prometheus.Counter
}

func newMetrics() *metrics {
	return &metrics{
		semaphores: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tvvalidation_semaphores_total", Help: "Comparisons of a platform with the inventory by what came of them.",
		}, []string{"technology", "check", "semaphore"}),
		normalizations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tvvalidation_normalizations_total",
			Help: "Normalizations by technology (none: it did not come to one) and outcome: noop, corrected, partial, planned, the code of a refusal, or technical; those of an earlier one's key count as it did.",
		}, []string{"technology", "outcome"}),
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

// normalized counts what became of a request.
func (m *metrics) normalized(out *tvvalidation.Normalization, err error) {
	technology, became := "none", outcomeTechnical
	switch e := problem.Of(err); {
	case err == nil:
		technology, became = string(out.Technology), outcome(out)
	case e.Code != "":
		became = e.Code
	}
	m.normalizations.WithLabelValues(technology, became).Inc()
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
	for _, c := range []prometheus.Collector{p.overdue(), p.metrics.semaphores, p.metrics.normalizations, p.metrics.views, p.metrics.unrecorded} {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// overdue counts the normalizations that nobody has worked at for more than a minute.
func (p *process) overdue() database.Count {
	return database.NewCount("tvvalidation_normalizations_unfinished", "Normalizations that nobody has finished, more than a minute after whoever worked at them must have ended.",
		func(ctx context.Context) (int64, error) {
			return sql.New(p.db).CountOverdueNormalizations(ctx, time.Minute)
		})
}
