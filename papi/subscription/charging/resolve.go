package charging

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/contracts/sapi/carrierbilling"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/telemetry"
)

const (
	resolutions = 16 // at a time, in the one process that resolves
	batch       = 64 // charges that are claimed at once
)

// Resolve settles what nobody settled: it asks the operator for attempts whose outcome is not known or
// whose process died, and gives back what is to be given back.
func (c *Charging) Resolve(ctx context.Context) error {
	for {
		open, err := sql.New(c.db).ClaimOpenCharges(ctx, sql.ClaimOpenChargesParams{Most: batch, Lasts: (batch/resolutions + 1) * c.cfg.Timeout})
		if err != nil {
			return database.Problem(fmt.Errorf("claim open charges: %w", err))
		}
		if err := c.resolveAll(ctx, open); err != nil || len(open) < batch || ctx.Err() != nil {
			return err
		}
	}
}

func (c *Charging) resolveAll(ctx context.Context, open []sql.SubscriptionCharge) error {
	errs := make([]error, len(open))
	slots := make(chan struct{}, resolutions)
	var all sync.WaitGroup
	for i, charge := range open {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done(): // what was claimed is claimed again when its time is over
			all.Wait()
			return errors.Join(append(errs, ctx.Err())...)
		}
		all.Go(func() {
			defer func() {
				if r := recover(); r != nil { // it runs beside the job that would recover
					errs[i] = fmt.Errorf("panic: %v", r)
				}
				<-slots
			}()
			errs[i] = c.resolve(following(ctx, charge), charge)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// following is in the trace of the request whose charge it is; of one of a release before, in that of the run.
func following(ctx context.Context, charge sql.SubscriptionCharge) context.Context {
	trace, ok := telemetry.ParseTraceparent(charge.Traceparent)
	if !ok {
		trace = telemetry.TraceOf(ctx)
	}
	return telemetry.WithIdentity(ctx, charge.Correlation, trace)
}

func (c *Charging) resolve(ctx context.Context, charge sql.SubscriptionCharge) error {
	switch charge.State {
	case Refunding:
		return c.refund(ctx, charge)
	case Sent, Unknown:
		_, err := c.inquire(ctx, charge)
		return err
	}
	return nil
}

// inquire asks the operator what became of a charge and settles it. It reports what the charge is then.
func (c *Charging) inquire(ctx context.Context, charge sql.SubscriptionCharge) (sql.SubscriptionCharge, error) {
	limited, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	result := Result{Outcome: OutcomeUnknown}
	found, last, err := c.query(limited, charge)
	switch {
	case err == nil:
		result = resultOf(found)
	case carrierbilling.Absent(err) && last.Settled:
		result = Result{Outcome: OutcomeUndone, Cause: err}
	case !carrierbilling.Absent(err):
		c.log.WarnContext(ctx, "charge not resolved", "charge", charge.ID, "error", err)
	}
	if last.Number != charge.Attempts { // read before another attempt was opened
		return charge, nil
	}
	return c.settleOne(context.WithoutCancel(ctx), Settlement{Charge: charge, Result: result, Late: true})
}

// settling may go on when its caller went away: what the operator did is to be written down.
const writing = 5 * time.Second

func (c *Charging) settleOne(ctx context.Context, s Settlement) (row sql.SubscriptionCharge, err error) {
	ctx, cancel := context.WithTimeout(ctx, writing)
	defer cancel()
	err = pgx.BeginFunc(ctx, c.db, func(tx pgx.Tx) error {
		rows, err := c.Settle(ctx, tx, c.now(), s)
		row = rows[s.Charge.ID]
		return err
	})
	return row, database.Problem(err)
}

// refund gives a charge back, once. What may have been given back before is asked for first.
func (c *Charging) refund(ctx context.Context, charge sql.SubscriptionCharge) error {
	limited, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	id := refundID(charge)
	found, last, err := c.query(limited, charge)
	if err != nil {
		return fmt.Errorf("refund charge %d: %w", charge.ID, errors.Join(err, c.putOff(ctx, charge)))
	}
	done := false
	for _, r := range found.Refunds {
		done = done || r.RefundID == id
	}
	if !done {
		_, err = c.billing.Refund(limited, carrierbilling.RefundOrder{TxID: last.TxID, RefundID: id, Amount: charge.Amount})
		if err != nil { // the next look lists it, or makes it again
			return fmt.Errorf("refund charge %d: %w", charge.ID, errors.Join(err, c.putOff(ctx, charge)))
		}
	}
	c.metrics.refunded(charge)
	at := c.now()
	n, err := sql.New(c.db).EndRefund(context.WithoutCancel(ctx), sql.EndRefundParams{ID: charge.ID, At: &at})
	if err == nil && n == 0 {
		return nil // another process noted it
	}
	return database.Problem(err)
}

func refundID(charge sql.SubscriptionCharge) string { return fmt.Sprintf("refund-%d", charge.ID) }

// putOff has a charge looked at again once a call that may be on its way certainly is not any more: a
// refund that the operator did not list then was not made.
func (c *Charging) putOff(ctx context.Context, charge sql.SubscriptionCharge) error {
	wait := max(c.lasts()+c.cfg.Settle, c.patience(charge))
	return database.Problem(sql.New(c.db).ReleaseCharge(context.WithoutCancel(ctx), sql.ReleaseChargeParams{ID: charge.ID, Wait: wait}))
}

// Refund has a charge given back by a person's decision. It reports false where there is nothing to give back.
func (c *Charging) Refund(ctx context.Context, id int64, reason string) (bool, error) {
	at := c.now()
	n, err := sql.New(c.db).BeginRefund(ctx, sql.BeginRefundParams{ID: id, Reason: reason, At: &at})
	return n > 0, database.Problem(err)
}
