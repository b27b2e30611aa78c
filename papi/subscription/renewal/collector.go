package renewal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"puente/papi/subscription/charging"
	"puente/shared/database"
)

const (
	gathered = 5 * time.Millisecond // in which results gather
	writing  = 5 * time.Second      // what the operator did is written down though the run is told to stop
	repeats  = 3                    // of a transaction that another one had rolled back
)

// collector settles what calls came to, in groups. It is of one run, which ends when all is settled.
type collector struct {
	*Renewal
	in    chan charging.Settlement
	calls sync.WaitGroup
	over  chan struct{}
}

func (r *Renewal) collect(ctx context.Context) *collector {
	c := &collector{Renewal: r, in: make(chan charging.Settlement, group), over: make(chan struct{})}
	go c.run(context.WithoutCancel(ctx))
	return c
}

// close waits until all calls are over and settled.
func (c *collector) close() {
	c.calls.Wait()
	close(c.in)
	<-c.over
}

func (c *collector) run(ctx context.Context) {
	defer close(c.over)
	for first := range c.in {
		batch := append(make([]charging.Settlement, 0, group), first)
		limit := time.NewTimer(gathered)
		for waiting := true; waiting && len(batch) < group; {
			select {
			case next, ok := <-c.in:
				if waiting = ok; ok {
					batch = append(batch, next)
				}
			case <-limit.C:
				waiting = false
			}
		}
		limit.Stop()
		c.settle(ctx, batch)
	}
}

// settle settles a batch in one transaction. Where something is wrong with that, each is settled alone; what
// cannot be settled at all is left to the inquiry, which finds it open.
func (c *collector) settle(ctx context.Context, batch []charging.Settlement) {
	err := c.settleAll(ctx, batch)
	switch {
	case err == nil:
		for _, s := range batch {
			c.metrics.of(s.Charge.ProductID, outcomes[s.Result.Outcome]).Inc()
		}
	case len(batch) > 1:
		for i := range batch {
			c.settle(ctx, batch[i:i+1])
		}
	default:
		c.Log.ErrorContext(ctx, "charge not settled, an inquiry will", "charge", batch[0].Charge.ID, "error", err)
	}
}

var outcomes = [...]string{
	charging.OutcomeUnknown: "unknown", charging.OutcomeCharged: "charged", charging.OutcomeDeclined: "declined", charging.OutcomeUndone: "undone",
}

func (c *collector) settleAll(ctx context.Context, batch []charging.Settlement) (err error) {
	defer func() {
		if v := recover(); v != nil { // it runs beside the job that would recover
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, writing)
	defer cancel()
	for range repeats {
		err = pgx.BeginFunc(ctx, c.DB, func(tx pgx.Tx) error {
			_, err = c.Charging.Settle(ctx, tx, c.Now(), batch...)
			return err
		})
		if !rolledBack(err) {
			break
		}
	}
	if err != nil {
		return database.Problem(fmt.Errorf("settle renewals: %w", err))
	}
	return nil
}

// rolledBack reports that PostgreSQL took a transaction back on account of another one.
func rolledBack(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && (said.Code == "40P01" || said.Code == "40001")
}
