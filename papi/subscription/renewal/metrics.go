package renewal

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/papi/subscription/sql"
	"puente/shared/database"
)

// metrics are those of renewals. Products come from the catalogue.
type metrics struct {
	renewals *prometheus.CounterVec
	claimed  prometheus.Counter
	restarts prometheus.Counter
}

const countable = 100_000 // due subscriptions: more are as many

func newMetrics(reg prometheus.Registerer, r *Renewal) *metrics {
	m := &metrics{
		renewals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "subscription_renewals_total", Help: "What became of subscriptions that were due: charged, declined, undone, unknown, spend_cap, free, moved, line_ended, line_barred, line_away, product_ended, product_suspended, no_consent, orphan, paid_twice, failed.",
		}, []string{"product", "result"}),
		claimed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "subscription_renewals_claimed_total", Help: "Subscriptions that were claimed because they were due.",
		}),
		restarts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "subscription_line_events_restarts_total", Help: "How often the events of lines were read from the oldest on, because the directory had forgotten the cursor.",
		}),
	}
	reg.MustRegister(m.renewals, m.claimed, m.restarts,
		database.NewCount("subscription_renewals_due", "Subscriptions that are due, up to 100,000.", func(ctx context.Context) (int64, error) {
			return sql.New(r.DB).Backlog(ctx, sql.BacklogParams{Now: r.Now(), Most: countable})
		}),
		database.NewCount("subscription_renewals_lag_seconds", "How long the oldest subscription that is due has been due, by business time.", r.lag),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "subscription_renewals_waiting", Help: "Groups of renewals that wait for the operator's pace.",
		}, func() float64 { return float64(r.pace.waiting.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "subscription_renewals_rate", Help: "Calls of the operator per second that this process makes at most, now; +Inf: no bound.",
		}, func() float64 { return float64(r.pace.rate()) }),
	)
	return m
}

func (m *metrics) of(product int64, result string) prometheus.Counter {
	return m.renewals.WithLabelValues(strconv.FormatInt(product, 10), result)
}

func (r *Renewal) lag(ctx context.Context) (int64, error) {
	now := r.Now()
	oldest, err := sql.New(r.DB).OldestDue(ctx, now)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return int64(now.Sub(oldest).Seconds()), err
}
