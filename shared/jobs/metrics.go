package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/telemetry"
)

type metrics struct {
	lag      *prometheus.GaugeVec
	worked   *prometheus.CounterVec
	duration *prometheus.HistogramVec
	rescued  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "jobs_lag_seconds", Help: "How long the oldest job that is due has been waiting.",
		}, []string{"queue"}),
		worked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "jobs_worked_total", Help: "Attempts at jobs by result: ok, error, snoozed, cancelled, panic.",
		}, []string{"queue", "kind", "result"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "jobs_duration_seconds", Help: "Duration of attempts at jobs.",
			Buckets: []float64{0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300},
		}, []string{"queue", "kind"}),
		rescued: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "jobs_rescued_total", Help: "Jobs taken over from processes that died.",
		}),
	}
	reg.MustRegister(m.lag, m.worked, m.duration, m.rescued)
	return m
}

// measures are the metrics of one kind, bound once.
type measures struct {
	results  map[string]prometheus.Counter
	duration prometheus.Observer
}

func (m *metrics) of(queue, kind string) *measures {
	k := &measures{results: map[string]prometheus.Counter{}, duration: m.duration.WithLabelValues(queue, kind)}
	for _, result := range []string{"ok", "error", "snoozed", "cancelled", "panic"} {
		k.results[result] = m.worked.WithLabelValues(queue, kind, result)
	}
	return k
}

// measure runs work, whose place in its trace is t, and counts a panic on its way up.
func (k *measures) measure(t telemetry.Trace, work func() error) error {
	start := time.Now()
	result := "panic"
	defer func() {
		telemetry.Observe(k.duration, time.Since(start).Seconds(), t)
		k.results[result].Inc()
	}()
	err := work()
	result = outcome(err)
	return err
}

// quiet lets River say only what it has to warn of: a failed job is logged by us.
func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(warnings{log.Handler()}).With("component", "river")
}

type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }
