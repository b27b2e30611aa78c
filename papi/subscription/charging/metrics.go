package charging

import (
	"context"
	"log/slog"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"puente/papi/subscription/sql"
	"puente/shared/database"
)

// metrics are those of charges. Partners and products come from the catalogue, never from a request.
type metrics struct {
	charges *prometheus.CounterVec
	amounts *prometheus.CounterVec
	refunds *prometheus.CounterVec
	unknown prometheus.Gauge
	age     prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		charges: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "subscription_charges_total", Help: "Attempts to charge, by what was known of them.",
		}, []string{"partner", "product", "kind", "outcome"}),
		amounts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "subscription_charged_minor_units_total", Help: "What was charged, in minor units.",
		}, []string{"partner", "product", "currency"}),
		refunds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "subscription_refunds_total", Help: "Charges that were given back, by whose decision it was.",
		}, []string{"partner", "product", "by"}),
		unknown: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "subscription_charges_unresolved", Help: "Charges whose outcome is not known.",
		}),
		age: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "subscription_charges_unresolved_age_seconds", Help: "Age of the oldest charge whose outcome is not known; beyond a day somebody has to act.",
		}),
	}
	reg.MustRegister(m.charges, m.amounts, m.refunds, m.unknown, m.age)
	return m
}

func (m *metrics) ended(row sql.SubscriptionCharge, outcome Outcome) {
	partner, product := strconv.FormatInt(row.PartnerID, 10), strconv.FormatInt(row.ProductID, 10)
	m.charges.WithLabelValues(partner, product, row.Kind, outcomeNames[outcome]).Inc()
	if outcome == OutcomeCharged {
		m.amounts.WithLabelValues(partner, product, row.Currency).Add(float64(row.Amount))
	}
}

func (m *metrics) refunded(row sql.SubscriptionCharge) {
	m.refunds.WithLabelValues(strconv.FormatInt(row.PartnerID, 10), strconv.FormatInt(row.ProductID, 10), row.RefundBy).Inc()
}

// watch measures what is open.
func (m *metrics) watch(ctx context.Context, db *database.DB, log *slog.Logger) {
	oldest, err := sql.New(db).OldestUnknown(ctx)
	if err != nil {
		log.WarnContext(ctx, "unresolved charges not counted", "error", err)
		return
	}
	m.unknown.Set(float64(oldest.Number))
	m.age.Set(oldest.Age)
}
