package charging

import (
	"context"
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
}

// newMetrics registers them. What is open is asked for when it is collected: a process that measured it once, and
// has not been the one that resolves since, would show for ever what was.
func newMetrics(reg prometheus.Registerer, db *database.DB) *metrics {
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
	}
	reg.MustRegister(m.charges, m.amounts, m.refunds,
		database.NewCount("subscription_charges_unresolved", "Charges whose outcome is not known.", func(ctx context.Context) (int64, error) {
			oldest, err := sql.New(db).OldestUnknown(ctx)
			return oldest.Number, err
		}),
		database.NewCount("subscription_charges_unresolved_age_seconds", "Age of the oldest charge whose outcome is not known; beyond a day somebody has to act.", func(ctx context.Context) (int64, error) {
			oldest, err := sql.New(db).OldestUnknown(ctx)
			return int64(oldest.Age), err
		}),
		database.NewCount("subscription_refunds_open", "Charges that are to be given back, and were not yet.", func(ctx context.Context) (int64, error) {
			oldest, err := sql.New(db).OldestRefund(ctx)
			return oldest.Number, err
		}),
		database.NewCount("subscription_refunds_open_age_seconds", "Age of the oldest refund that was not made; beyond a day somebody has to act.", func(ctx context.Context) (int64, error) {
			oldest, err := sql.New(db).OldestRefund(ctx)
			return int64(oldest.Age), err
		}),
		database.NewCount("subscription_charges_different", "Charges that do not add up: notified without having come true, or come true and neither notified nor given back.", func(ctx context.Context) (int64, error) {
			return sql.New(db).CountDifferences(ctx)
		}))
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
