package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/database"
)

// metrics are those of one stream. The gauges of what is stored show the same in each process that
// delivers the stream: take the maximum.
type metrics struct {
	attempts *prometheus.CounterVec
	died     prometheus.Counter
	pending  prometheus.Gauge
	dead     prometheus.Gauge
	lag      prometheus.Gauge
	paused   prometheus.Gauge
	open     prometheus.GaugeFunc
}

func newMetrics(stream string, broken func() int) *metrics {
	labels := prometheus.Labels{"stream": stream}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels})
	}
	return &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "outbox_attempts_total", ConstLabels: labels,
			Help: "Attempts to deliver an event by result: delivered, retry, retry_slow, dead, pause, postponed.",
		}, []string{"result", "party"}),
		died: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "outbox_died_total", ConstLabels: labels, Help: "Events that were given up and are kept as dead letters.",
		}),
		pending: gauge("outbox_pending", "Events to be delivered, counted up to 1000000."),
		dead:    gauge("outbox_dead", "Dead letters kept, counted up to 1000000."),
		lag:     gauge("outbox_due_lag_seconds", "How long the oldest event that is due, to a destination that is not paused, has been waiting."),
		paused:  gauge("outbox_destinations_paused", "Destinations that are paused until an operator resumes them."),
		open: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "outbox_destinations_broken", ConstLabels: labels, Help: "Destinations whose circuit breaker is not closed in this process.",
		}, func() float64 { return float64(broken()) }),
	}
}

func (m *metrics) register(reg prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.attempts, m.died, m.pending, m.dead, m.lag, m.paused, m.open} {
		if err := reg.Register(c); err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
	}
	return nil
}

const measureWaiting = `
	with recursive heads as (
		(select e.destination, e.due_at from outbox.events e where e.stream = $1 and e.head order by e.destination, e.due_at limit 1)
		union all
		select next.destination, next.due_at from heads n cross join lateral (
			select e.destination, e.due_at from outbox.events e
			where e.stream = $1 and e.head and e.destination > n.destination order by e.destination, e.due_at limit 1
		) next
	)
	select
		(select count(*) from (select from outbox.events e where e.stream = $1 and e.state = 'pending' limit 1000000) p),
		(select count(*) from (select from outbox.events e where e.stream = $1 and e.state = 'dead' limit 1000000) l),
		(select count(*) from outbox.destinations d where d.stream = $1 and d.paused_at is not null),
		(select min(h.due_at) from heads h
		 where (select d.paused_at from outbox.destinations d where d.stream = $1 and d.name = h.destination) is null)`

// measure sets the gauges.
func (d *Deliverer) measure(ctx context.Context) error {
	var pending, dead, paused int64
	var due *time.Time
	if err := d.db.QueryRow(ctx, measureWaiting, d.stream).Scan(&pending, &dead, &paused, &due); err != nil {
		return fmt.Errorf("outbox: measure %s: %w", d.stream, database.Problem(err))
	}
	d.metrics.pending.Set(float64(pending))
	d.metrics.dead.Set(float64(dead))
	d.metrics.paused.Set(float64(paused))
	lag := 0.0
	if due != nil {
		lag = max(0, d.now().Sub(*due).Seconds())
	}
	d.metrics.lag.Set(lag)
	return nil
}
