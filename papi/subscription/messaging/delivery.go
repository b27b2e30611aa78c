package messaging

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/contracts/sapi/smsc"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/outbox"
	"puente/shared/problem"
)

// gateway is what a delivery needs of the SMS center.
type gateway interface {
	Submit(context.Context, smsc.Message) (smsc.Submission, error)
	Query(context.Context, smsc.MessageQuery) (smsc.Delivery, error)
}

// Delivery is where the outbox's events meet the SMS gateway. A message may be submitted again only while it
// is certain that the phone gets nothing on account of what was submitted before.
//
// What was perhaps sent is never sent again, whatever its purpose. WELCOME, RENEWED and RECEIPT tell of money:
// twice they read as two charges. A PIN's user asks for another one, which makes the first void; a partner's
// message may be what was paid for, or an annoyance, and the partner is told its state. CANCELLED, NONE_ACTIVE, WHICH
// and HELP answer somebody who writes again if nothing comes, and is answered again. A REMINDER lost is the
// one that harms, but not as much as the two that a gateway in trouble would make of every one.
type Delivery struct {
	sender  *Sender
	gateway gateway
	timeout time.Duration
}

// submission is how long a call may take: the system API below has six seconds.
const submission = 7 * time.Second

// NewDelivery delivers the messages of a sender to gateway.
func NewDelivery(s *Sender, gateway gateway) *Delivery { return &Delivery{s, gateway, submission} }

// DeliveryDefaults are those of the stream's delivery, for a configuration that says nothing. A PIN lives for
// minutes: the first attempts come soon. There is one destination, so that all that may be sent at once goes to
// it. Rows say what became of messages: the outbox forgets them soon, for what it holds has PINs in it, sealed.
func DeliveryDefaults() outbox.Config {
	return outbox.Config{
		Schedule: []time.Duration{
			0, 2 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
		},
		Concurrency: 32, PerDestination: 32, Keep: 24 * time.Hour,
	}
}

// Owner is what the outbox asks.
func (d *Delivery) Owner() outbox.Owner {
	return outbox.Owner{
		Send: func(ctx context.Context, e outbox.Event, _ int) outbox.Result { return d.Deliver(ctx, e) },
		Died: func(ctx context.Context, tx pgx.Tx, e outbox.Event, _ outbox.Attempt) error {
			return d.Died(ctx, tx, e)
		},
	}
}

// end is how a submission ended.
type end struct{ state, reason string }

// Deliver submits an event, for whichever time. It is Delivered where the message is over, however it ended: its
// row says how. It is Retry only where the gateway certainly did not get it.
func (d *Delivery) Deliver(ctx context.Context, e outbox.Event) outbox.Result {
	s := d.sender
	o, err := readOrder(e)
	if err != nil {
		s.log.ErrorContext(ctx, "message cannot be read", "message", e.ID, "error", err)
		return outbox.Result{Outcome: outbox.Dead, Reason: "unreadable"}
	}
	if wait := o.NotBefore.Sub(s.now()); wait > 0 { // it was replayed, or is of a version that did not say when it is due
		return outbox.Result{Outcome: outbox.Postponed, RetryAfter: wait, Reason: "quiet hours"}
	}
	row, err := sql.New(s.db).MessageToSend(ctx, e.ID)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return outbox.Result{Outcome: outbox.Delivered, Reason: "forgotten"}
	case err != nil:
		s.log.WarnContext(ctx, "message not looked up", "message", e.ID, "error", err)
		return outbox.Result{Outcome: outbox.Postponed, RetryAfter: time.Second, Reason: "database"}
	case row.State != Queued: // withdrawn, or ended by an attempt whose process died
		return outbox.Result{Outcome: outbox.Delivered, Reason: "ended before"}
	case !o.Until.IsZero() && !s.now().Before(o.Until):
		return d.finish(ctx, e.ID, o.Purpose, end{Failed, ReasonExpired})
	}
	ended, result := d.submit(ctx, e.ID, o)
	if ended.state == "" {
		return result
	}
	return d.finish(ctx, e.ID, o.Purpose, ended)
}

// submit has the gateway send, and says how that ended, or, where it did not, when to come again.
func (d *Delivery) submit(ctx context.Context, id uuid.UUID, o order) (end, outbox.Result) {
	limited, cancel := context.WithTimeout(ctx, d.timeout)
	_, err := d.gateway.Submit(limited, o.Message)
	cancel()
	if err == nil {
		return end{state: Sent}, outbox.Result{}
	}
	var e *problem.Error
	if !errors.As(err, &e) {
		e = &problem.Error{Kind: problem.Unknown, Err: err}
	}
	d.sender.log.WarnContext(ctx, "message not submitted", "message", id, "purpose", o.Purpose, "error", err)
	switch {
	case e.Code == smsc.CodeInProgress: // another attempt under this id is under way; the next learns its outcome
		return end{}, outbox.Result{Outcome: outbox.Postponed, RetryAfter: max(e.RetryAfter, time.Second), Reason: "in progress"}
	case !smsc.Undone(err) && ctx.Err() != nil: // we are stopping: who submits it next is told what became of it
		return end{}, outbox.Result{Outcome: outbox.Postponed, RetryAfter: time.Second, Reason: "cut off"}
	case !smsc.Undone(err):
		return d.inquire(ctx, id)
	case e.Code == smsc.CodeRefused:
		return end{Failed, ReasonRefused}, outbox.Result{}
	case e.Kind == problem.Unavailable, e.Kind == problem.Shed:
		return end{}, outbox.Result{Outcome: outbox.Retry, RetryAfter: e.RetryAfter, Reason: "unavailable"}
	}
	return end{Failed, ReasonInvalid}, outbox.Result{}
}

// inquire asks what became of a submission whose answer did not come: it may not have come from the gateway's
// system to us only. Where nobody can tell, it was perhaps sent.
func (d *Delivery) inquire(ctx context.Context, id uuid.UUID) (end, outbox.Result) {
	limited, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	found, err := d.gateway.Query(limited, smsc.MessageQuery{ID: id.String()})
	if errors.Is(err, problem.NotFound) { // under the same id it is sent once, also if it is on its way still
		return end{}, outbox.Result{Outcome: outbox.Retry, Reason: "not there"}
	}
	if err != nil {
		return end{state: Unknown}, outbox.Result{}
	}
	if found.State == smsc.StateUnsent {
		return end{}, outbox.Result{Outcome: outbox.Retry, Reason: "unsent"}
	}
	if found.State == smsc.StateSending {
		return end{}, outbox.Result{Outcome: outbox.Postponed, RetryAfter: time.Second, Reason: "in progress"}
	}
	return reported(found.State), outbox.Result{}
}

// writing may go on when the attempt's time is over: what the gateway did is to be written down.
const writing = 5 * time.Second

// finish writes down how a message ended. Where that fails the next attempt is told the same by its id.
func (d *Delivery) finish(ctx context.Context, id uuid.UUID, purpose Purpose, ended end) outbox.Result {
	s := d.sender
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writing)
	defer cancel()
	n, err := sql.New(s.db).EndSubmission(ctx, sql.EndSubmissionParams{ID: id, State: ended.state, Reason: ended.reason, At: s.now()})
	if err != nil {
		s.log.WarnContext(ctx, "end of a message not written down", "message", id, "error", err)
		return outbox.Result{Outcome: outbox.Postponed, RetryAfter: time.Second, Reason: "database"}
	}
	if n > 0 {
		s.metrics.ended(purpose, ended.state, ended.reason)
	}
	return outbox.Result{Outcome: outbox.Delivered, Reason: ended.state}
}

// Died notes, in the transaction that gives an event up, that its message was not sent.
func (d *Delivery) Died(ctx context.Context, tx pgx.Tx, e outbox.Event) error {
	s := d.sender
	n, err := sql.New(tx).EndSubmission(ctx, sql.EndSubmissionParams{ID: e.ID, State: Failed, Reason: ReasonUnsent, At: s.now()})
	if err != nil {
		return database.Problem(fmt.Errorf("give up message: %w", err))
	}
	if o, err := readOrder(e); err == nil && n > 0 {
		s.metrics.ended(o.Purpose, Failed, ReasonUnsent)
	}
	return nil
}
