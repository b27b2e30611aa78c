package outbox

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Owner is whose events a Deliverer delivers. Only Send must be given.
type Owner struct {
	// Send tells the event's destination, for the attempt-th time. Its ctx ends after Config.Timeout,
	// or when the process stops and its grace is over; it must return then. A send that ends without
	// knowing what the receiver did is Retry: the receiver knows the event again by its id.
	Send func(ctx context.Context, e Event, attempt int) Result

	// Delivered and Died hear of the end of an event in the transaction that ends it. They write what
	// follows from it with tx, quickly, and call nobody.
	Delivered func(ctx context.Context, tx pgx.Tx, e Event, a Attempt) error
	Died      func(ctx context.Context, tx pgx.Tx, e Event, a Attempt) error

	// Places says how many sends a process may have under way to a destination, in place of
	// Config.PerDestination, and with which others it has them in common: to all destinations of one
	// group together there are not more. It is asked often, holds nothing up, and may change its mind.
	// Zero places are those of Config, of the destination alone. Nil: so for all.
	Places func(destination string) (group string, places int)

	// Party is the label of that name of the metrics, such as a partner's number: one of a bounded
	// set. Nil: it is empty.
	Party func(e Event) string
}

// hook is what the owner hears of an event that became so; nil: nothing.
func (o *Owner) hook(to State) func(context.Context, pgx.Tx, Event, Attempt) error {
	switch to {
	case StateDelivered:
		return o.Delivered
	case StateDead:
		return o.Died
	}
	return nil
}

func (o *Owner) party(e Event) string {
	if o.Party == nil {
		return ""
	}
	return o.Party(e)
}
