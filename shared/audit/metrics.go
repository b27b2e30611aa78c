package audit

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	kinds    map[string]prometheus.Counter
	dropped  prometheus.Counter
	failures prometheus.Counter
	broken   prometheus.Gauge
	verified prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, l *Log) metrics {
	records := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "audit_records_total", Help: "Records journalled, by kind.",
	}, []string{"kind"})
	m := metrics{
		kinds: make(map[string]prometheus.Counter),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "audit_dropped_total", Help: "Records lost because the journal was full or its disk was.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "audit_loader_errors_total", Help: "Batches that did not reach the database at once, and entries that could not be read.",
		}),
	}
	m.broken = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "audit_chains_broken", Help: "Chains in which the last verification, by whichever process, found an altered, removed or inserted record.",
	})
	m.verified = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "audit_chains_verified_timestamp_seconds", Help: "When the chains were last verified, by whichever process, in Unix time; 0: not yet.",
	})
	for _, kind := range []string{Request, Hop, Security} {
		m.kinds[kind] = records.WithLabelValues(kind)
	}
	reg.MustRegister(records, m.dropped, m.failures, m.broken, m.verified,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "audit_journal_segments", Help: "Segment files of the journal.",
		}, func() float64 { return float64(l.journal.Segments()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "audit_journal_full", Help: "1 while the journal is at its bound.",
		}, func() float64 {
			if l.Full() {
				return 1
			}
			return 0
		}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "audit_journal_sync_errors_total", Help: "Syncs of the journal that failed: a crash of the machine may lose records.",
		}, func() float64 { return float64(l.journal.SyncErrors()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "audit_loader_lag_seconds", Help: "For how long there has been something journalled that is not in the database.",
		}, func() float64 { return l.lag().Seconds() }),
	)
	return m
}

// found shows what a verification found.
func (m metrics) found(at time.Time, broken int64) {
	m.verified.Set(float64(at.UnixMilli()) / 1e3)
	m.broken.Set(float64(broken))
}

func (m metrics) count(kind string) {
	if c, ok := m.kinds[kind]; ok {
		c.Inc()
	}
}

// lag is how old the oldest record may be that is not in the database.
func (l *Log) lag() time.Duration {
	if *l.loaded.Load() == l.journal.End() {
		return 0
	}
	return time.Since(time.Unix(0, l.caughtUp.Load()))
}
