package charging

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/problem"
)

// What a caller was told. Anything else is the reason of a decline.
const (
	toldDone    = "DONE"
	toldUnknown = contract.CodeOutcomeUnknown
)

const (
	inquiries = 10 * time.Second       // in which a caller waits until an outcome is known
	between   = 500 * time.Millisecond // inquiries
	joining   = 10 * time.Second       // in which a repetition waits for the request that it repeats
	looking   = 100 * time.Millisecond
)

// Name is how a one-shot request is known again.
type Name struct {
	PartnerID int64
	Key       []byte        // keyed hash
	Good      time.Duration // how long a request under it is the same; zero: for good
}

// forGood is long enough for any repetition (specification: at least 24 h).
const forGood = 400 * 24 * time.Hour

// Prune forgets the names of requests that are good no more, and what lines spent in months that are over.
func (c *Charging) Prune(ctx context.Context) error {
	q := sql.New(c.db)
	names := func() (int64, error) { return q.PruneRequestKeys(ctx, c.now()) }
	spending := func() (int64, error) { return q.PruneSpending(ctx, c.now().AddDate(0, -2, 0).Format("2006-01")) }
	for _, prune := range []func() (int64, error){names, spending} {
		for n := int64(1); n > 0; {
			var err error
			if n, err = prune(); err != nil || ctx.Err() != nil {
				return database.Problem(err)
			}
		}
	}
	return nil
}

// Known reports whether a charge bears the name now, and, if so, whether it certainly was not made for a
// reason that is nobody's: then the same request may try again.
func (c *Charging) Known(ctx context.Context, name Name) (known, again bool, err error) {
	row, err := sql.New(c.db).NamedRequest(ctx, sql.NamedRequestParams{PartnerID: name.PartnerID, Key: name.Key})
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !row.GoodUntil.After(c.now()) {
		return false, false, nil
	}
	charge, err := sql.New(c.db).Charge(ctx, row.ChargeKey)
	if err != nil {
		return false, false, database.Problem(fmt.Errorf("known charge: %w", err))
	}
	return true, failed(charge), nil
}

// failed reports whether nothing was charged, and nothing was decided about the line, so that the same request may try
// again. A request that was told that nobody knows does not: its caller gave it up then.
func failed(row sql.SubscriptionCharge) bool {
	return row.State == Declined && row.Reason == notCharged && row.Told != toldUnknown
}

// Made is what a caller of a one-shot charge is told.
type Made struct {
	Charge   sql.SubscriptionCharge
	Replayed bool // by the request of the same name before
}

// Outcome of what its caller is told; reason is that of a decline.
func (m Made) Outcome() (outcome Outcome, reason string) {
	switch m.Charge.Told {
	case toldDone:
		return OutcomeCharged, ""
	case toldUnknown, "":
		return OutcomeUnknown, ""
	}
	return OutcomeDeclined, m.Charge.Told
}

// Once charges a one-shot intention, or has the outcome of the charge that bears its name. Key of the
// intention is that of the charge if it is the first. Errors: Conflict SPEND_CAP and IN_PROGRESS, Rejected
// KEY_REUSED, and why nothing was charged.
func (c *Charging) Once(ctx context.Context, name Name, intent Intent) (made Made, err error) {
	now := c.now()
	if name.Good == 0 {
		name.Good = forGood
	}
	var opened Opened
	err = pgx.BeginFunc(ctx, c.db, func(tx pgx.Tx) error {
		q := sql.New(tx)
		key, err := q.NameRequest(ctx, sql.NameRequestParams{
			PartnerID: name.PartnerID, Key: name.Key, ChargeKey: intent.Key, NamedAt: now, GoodUntil: now.Add(name.Good),
		})
		if err != nil {
			return err
		}
		if key != intent.Key {
			made.Replayed, intent.Key = true, key
			row, err := q.Charge(ctx, key)
			if err != nil || string(row.Fingerprint) != string(intent.Fingerprint) || !failed(row) || intent.LineID == 0 {
				return err
			}
		}
		opened, err = c.Open(ctx, tx, now, intent)
		if err == nil && len(opened.Capped) > 0 { // nothing is kept of it: later it may be charged
			err = &problem.Error{Kind: problem.Conflict, Code: contract.CodeSpendCap}
		}
		return err
	})
	if err != nil {
		return made, database.Problem(fmt.Errorf("charge once: %w", err))
	}
	if len(opened.Orders) == 1 {
		made.Replayed = false
		made.Charge, err = c.carryOut(ctx, opened.Orders[0])
	} else {
		made.Charge, err = c.repeat(ctx, intent.Key, intent.Fingerprint)
	}
	return made, err
}

// carryOut calls the operator and says what is known in time.
func (c *Charging) carryOut(ctx context.Context, o Order) (sql.SubscriptionCharge, error) {
	result := c.Call(ctx, o)
	settled := context.WithoutCancel(ctx)
	if result.Outcome != OutcomeUnknown {
		row, err := c.settleOne(settled, Settlement{Charge: o.Charge, Result: result, Told: told(result)})
		if err != nil {
			return row, unwritten(err)
		}
		if row.Told == "" { // somebody else settled it meanwhile, or nobody could
			return c.tell(settled, row, result.Cause)
		}
		return row, answer(row, result.Cause)
	}
	row, err := c.settleOne(settled, Settlement{Charge: o.Charge, Result: result})
	if err != nil {
		return row, unwritten(err)
	}
	limited, cancel := context.WithTimeout(ctx, inquiries)
	defer cancel()
	for row.State == Unknown && pause(limited, between) {
		if next, err := c.inquire(limited, row); err == nil && next.ID != 0 {
			row = next
		}
	}
	return c.tell(settled, row, result.Cause)
}

// unwritten is the error of a charge of which nobody could write down what the operator said: to its
// caller the outcome is not known, whatever it is, and the inquiry tells.
func unwritten(err error) error {
	return &problem.Error{Kind: problem.Unknown, Code: contract.CodeOutcomeUnknown, Err: err}
}

// tell notes what the caller of a charge is answered, and answers it.
func (c *Charging) tell(ctx context.Context, row sql.SubscriptionCharge, cause error) (sql.SubscriptionCharge, error) {
	ctx, cancel := context.WithTimeout(ctx, writing)
	defer cancel()
	row, err := sql.New(c.db).TellCharge(ctx, row.ID)
	if err != nil {
		return row, unwritten(database.Problem(fmt.Errorf("tell charge: %w", err)))
	}
	return row, answer(row, cause)
}

// told is what is answered on account of a result.
func told(r Result) string {
	switch r.Outcome {
	case OutcomeCharged:
		return toldDone
	case OutcomeDeclined:
		return r.Reason
	case OutcomeUndone:
		return notCharged
	}
	return toldUnknown
}

// answer is the error of a charge that certainly was not made; any other is an outcome.
func answer(row sql.SubscriptionCharge, cause error) error {
	if row.Told == notCharged {
		return undone(cause)
	}
	return nil
}

// undone is the error of a charge that certainly was not made.
func undone(cause error) error {
	e := problem.Of(cause)
	if e == nil || e.Kind == problem.Internal || e.Kind == problem.Shed || e.Kind == problem.Invalid || e.Kind == problem.NotFound {
		e = &problem.Error{Kind: problem.Unavailable, Err: cause}
	}
	kind := e.Kind
	if kind == problem.Unknown { // of the call alone: the inquiry has told
		kind = problem.BadUpstream
	}
	return &problem.Error{Kind: kind, RetryAfter: e.RetryAfter, Trail: e.Trail, Err: cause}
}

// repeat has the outcome of a charge that was opened by another request of the same name.
func (c *Charging) repeat(ctx context.Context, key string, fingerprint []byte) (row sql.SubscriptionCharge, err error) {
	limited, cancel := context.WithTimeout(ctx, joining)
	defer cancel()
	for {
		row, err = sql.New(c.db).Charge(limited, key)
		switch {
		case errors.Is(err, pgx.ErrNoRows): // its transaction was rolled back after it took the name: cannot be, both are one
			return row, fmt.Errorf("repeat charge %s: %w", key, err)
		case err != nil && ctx.Err() == nil && limited.Err() != nil:
			return row, inProgress()
		case err != nil:
			return row, database.Problem(fmt.Errorf("repeat charge: %w", err))
		case string(row.Fingerprint) != string(fingerprint):
			return row, &problem.Error{Kind: problem.Rejected, Code: contract.CodeKeyReused}
		case row.Told != "":
			return row, answer(row, nil)
		case row.State != Sent && row.State != Unknown: // settled behind the back of a caller who heard nothing
			return c.tell(context.WithoutCancel(ctx), row, nil)
		}
		if !pause(limited, looking) {
			return row, inProgress()
		}
	}
}

func inProgress() error {
	return &problem.Error{Kind: problem.Conflict, Code: contract.CodeInProgress, RetryAfter: 2 * time.Second}
}

// pause waits and reports whether ctx still holds.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
