package reconnection

import (
	"context"
	"errors"

	"puente/contracts/papi/reconnection"
	"puente/contracts/sapi/orders"
	"puente/contracts/sapi/pqr"
	"puente/shared/problem"
)

// QueryOrder finds an order by its number.
func (p *process) QueryOrder(ctx context.Context, in reconnection.NumberQuery) (reconnection.Order, error) {
	o, err := p.orders.Order(ctx, orders.OrderQuery{Number: in.Number})
	if err != nil {
		return reconnection.Order{}, unlessNotFound("find the order", err)
	}
	return reconnection.Order{
		Number: o.Number, CUN: o.CUN, State: reconnection.OrderState(o.State), CreatedAt: o.CreatedAt, CompletedAt: o.CompletedAt,
	}, nil
}

// QueryPQR finds a PQR by its number.
func (p *process) QueryPQR(ctx context.Context, in reconnection.NumberQuery) (reconnection.PQR, error) {
	q, err := p.pqrs.PQR(ctx, pqr.NumberQuery{Number: in.Number})
	if err != nil {
		return reconnection.PQR{}, unlessNotFound("find the PQR", err)
	}
	return reconnection.PQR{
		Number: q.Number, CUN: q.CUN, Reason: reconnection.PQRReason(q.Reason), State: reconnection.PQRState(q.State),
		CreatedAt: q.CreatedAt, ResolvedAt: q.ResolvedAt,
	}, nil
}

func unlessNotFound(doing string, err error) error {
	if errors.Is(err, problem.NotFound) {
		return err
	}
	return technical(doing, err)
}
