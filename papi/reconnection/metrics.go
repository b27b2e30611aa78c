package reconnection

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/contracts/papi/reconnection"
	"puente/contracts/sapi/orders"
	"puente/papi/reconnection/sql"
	"puente/shared/database"
	"puente/shared/problem"
)

// outcomes counts what became of requests.
type outcomes struct{ total *prometheus.CounterVec }

func newOutcomes() *outcomes {
	return &outcomes{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "reconnection_outcomes_total",
		Help: "Requests by strategy (none: it did not come to one) and outcome: order, pqr, the code of a refusal, invalid, or technical.",
	}, []string{"strategy", "outcome"})}
}

func (o *outcomes) count(strategy orders.Strategy, out reconnection.Outcome, err error) {
	if strategy == "" {
		strategy = "none"
	}
	outcome := "order"
	switch code, refused := refusal(err); {
	case refused:
		outcome = code
	case errors.Is(err, problem.Invalid):
		outcome = "invalid"
	case err != nil:
		outcome = "technical"
	case out.Kind == reconnection.KindPQR:
		outcome = "pqr"
	}
	o.total.WithLabelValues(string(strategy), outcome).Inc()
}

// refusal is the code of err where that is one of the contract's refusals.
func refusal(err error) (code string, ok bool) {
	e := problem.Of(err)
	if e == nil || e.Kind != problem.Rejected {
		return "", false
	}
	switch e.Code {
	case reconnection.CodeNoService, reconnection.CodeNotSuspended, reconnection.CodeNotHolder, reconnection.CodeNoStrategy:
		return e.Code, true
	}
	return "", false
}

// register registers the process's metrics.
func (p *process) register(reg prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{p.outcomes.total, p.openSuspensions(), p.pendingItems()} {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// openSuspensions counts the suspensions whose outcome has been open for more than a minute.
func (p *process) openSuspensions() database.Count {
	return database.NewCount("reconnection_suspensions_unresolved", "Suspensions whose order or PQR has been unknown for more than a minute.",
		func(ctx context.Context) (int64, error) { return sql.New(p.db).CountOpenSuspensions(ctx, time.Minute) })
}

func (p *process) pendingItems() database.Count {
	return database.NewCount("reconnection_batch_items_pending", "Items of batches that are still to be worked.",
		func(ctx context.Context) (int64, error) { return sql.New(p.db).CountPendingItems(ctx) })
}
