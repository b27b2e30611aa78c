package reconnection

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"puente/contracts/sapi/orders"
	"puente/contracts/sapi/pqr"
	"puente/papi/reconnection/sql"
	"puente/shared/problem"
)

// inquire asks the systems what they have by a reference: the order first, for it may be there from
// an earlier attempt, then, where one was being filed, the PQR. Their "not there" is believed once
// the attempt has had time to settle: until then it may still be on its way inside them. It returns
// the zero settlement where it is not known yet.
func (p *process) inquire(ctx context.Context, reference, step string, settled bool) (settlement, error) {
	found, err := p.findOrder(ctx, reference)
	if err != nil || found.final() {
		return found, err
	}
	if step == filing {
		if found, err = p.findPQR(ctx, reference); err != nil || found.final() {
			return found, err
		}
	}
	if settled {
		return settlement{state: abandoned}, nil
	}
	return settlement{}, nil
}

func (p *process) findOrder(ctx context.Context, reference string) (settlement, error) {
	order, err := p.orders.Reconnection(ctx, orders.ReconnectionQuery{Reference: reference})
	if errors.Is(err, problem.NotFound) {
		return settlement{}, nil
	}
	return orderOf(order, err)
}

func (p *process) findPQR(ctx context.Context, reference string) (settlement, error) {
	found, err := p.pqrs.Find(ctx, pqr.ReferenceQuery{Reference: reference})
	if errors.Is(err, problem.NotFound) {
		return settlement{}, nil
	}
	return pqrOf(found, err)
}

// orderOf is what the order management answered. An order without a number is none that anybody could
// be told of, and yet may be one.
func orderOf(o orders.Order, err error) (settlement, error) {
	if err == nil && o.Number == "" {
		err = problem.Errorf(problem.BadUpstream, "an order without a number")
	}
	if err != nil {
		return settlement{}, err
	}
	return settlement{state: ordered, order: o.Number, cun: o.CUN}, nil
}

func pqrOf(q pqr.PQR, err error) (settlement, error) {
	if err == nil && q.Number == "" {
		err = problem.Errorf(problem.BadUpstream, "a PQR without a number")
	}
	if err != nil {
		return settlement{}, err
	}
	return settlement{state: filed, pqr: q.Number, cun: q.CUN}, nil
}

const (
	page        = 100             // of OpenSuspensions
	inquiries   = 8               // at a time, in the one process that resolves
	inquiryTime = 3 * time.Second // of one suspension
)

// resolve asks the systems for all suspensions whose attempt left no outcome. One that it cannot
// resolve goes behind the others.
func (p *process) resolve(ctx context.Context) error {
	q := sql.New(p.db)
	began, err := q.Clock(ctx)
	if err != nil {
		return fmt.Errorf("resolve suspensions: %w", err)
	}
	var errs []error
	for failed := 0; ctx.Err() == nil && failed < page; {
		rows, err := q.OpenSuspensions(ctx, sql.OpenSuspensionsParams{Settle: p.cfg.Suspension.Settle, Began: began})
		if err != nil {
			return fmt.Errorf("resolve suspensions: %w", err)
		}
		if len(rows) == 0 {
			break
		}
		wrong := p.resolveAll(ctx, rows)
		failed = len(wrong) // of a whole page: a system is away, and the rest is asked for in the next run
		errs = append(errs, wrong...)
	}
	return errors.Join(append(errs, ctx.Err())...)
}

// resolveAll resolves a page of suspensions, some at a time.
func (p *process) resolveAll(ctx context.Context, rows []sql.OpenSuspensionsRow) (errs []error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, inquiries)
	for _, row := range rows {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done(): // the rest keeps its place
			all.Wait()
			return append(errs, ctx.Err())
		}
		all.Go(func() {
			defer func() { <-slots }()
			if err := p.resolveOne(ctx, row); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	all.Wait()
	return errs
}

func (p *process) resolveOne(ctx context.Context, row sql.OpenSuspensionsRow) (err error) {
	defer func() {
		if r := recover(); r != nil { // it runs beside the job that would recover
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	asking, cancel := context.WithTimeout(ctx, inquiryTime)
	defer cancel()
	found, err := p.inquire(asking, row.Reference, row.State, row.Settled)
	if ctx.Err() != nil { // one that was not asked for keeps its place
		return ctx.Err()
	}
	if err == nil && found.state != "" {
		_, err = p.settle(ctx, attempt{[32]byte(row.ID), row.Attempt, row.State}, found)
		return err
	}
	later, cancel := afterwards(ctx)
	defer cancel()
	return errors.Join(err, sql.New(p.db).TouchSuspension(later, sql.TouchSuspensionParams{ID: row.ID, Attempt: row.Attempt}))
}
