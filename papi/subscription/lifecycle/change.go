package lifecycle

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/line"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/notification"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/telemetry"
)

// Change is what a transaction does to subscriptions and on account of them.
type Change struct {
	rows     []*Subscription
	seen     map[int64]bool
	history  []sql.AddHistoryParams
	notices  []notification.Notice
	messages []messaging.Message
}

// touch has a row written.
func (c *Change) touch(s *Subscription) {
	if c.seen == nil {
		c.seen = map[int64]bool{}
	}
	if !c.seen[s.ID] {
		c.seen[s.ID] = true
		c.rows = append(c.rows, s)
	}
}

// move puts a row into a state, which may be the one that it is in.
func (c *Change) move(s *Subscription, state, cause string, at time.Time) {
	c.touch(s)
	if s.State == state && cause != "renewed" && cause != "charged" {
		return
	}
	c.history = append(c.history, sql.AddHistoryParams{SubscriptionID: s.ID, At: at, Was: s.State, IsNow: state, Cause: cause})
	s.State, s.ChangedAt = state, at
}

func (c *Change) tell(n notification.Notice) { c.notices = append(c.notices, n) }

func (c *Change) say(m messaging.Message) { c.messages = append(c.messages, m) }

// Tell adds a notice to the change.
func (c *Change) Tell(n notification.Notice) uuid.UUID {
	if n.ID == uuid.Nil {
		n.ID, _ = uuid.NewV7() // crypto/rand: never fails
	}
	c.tell(n)
	return n.ID
}

// Say adds a message to the change.
func (c *Change) Say(m messaging.Message) { c.say(m) }

// Keep has a row written that something else than a transition changed.
func (c *Change) Keep(s *Subscription) { c.touch(s) }

// teller writes notices; a notification.Notifier is one.
type teller interface {
	Tell(context.Context, pgx.Tx, ...notification.Notice) error
}

// speaker writes messages; a messaging.Sender is one.
type speaker interface {
	Send(context.Context, pgx.Tx, ...messaging.Message) error
}

// Writer reads and writes subscriptions.
type Writer struct {
	catalogue *catalogue.Store
	book      *line.Book
	partners  teller
	users     speaker
}

// NewWriter makes a writer that tells partners and users.
func NewWriter(store *catalogue.Store, book *line.Book, partners teller, users speaker) *Writer {
	return &Writer{store, book, partners, users}
}

// Write writes a change in tx.
func (w *Writer) Write(ctx context.Context, tx pgx.Tx, c *Change) error {
	q := sql.New(tx)
	if len(c.rows) > 0 {
		if err := q.UpdateSubscriptions(ctx, written(c.rows)); err != nil {
			return database.Problem(fmt.Errorf("write subscriptions: %w", err))
		}
	}
	if len(c.history) > 0 {
		for i := range c.history {
			c.history[i].Correlation = telemetry.Correlation(ctx)
		}
		if _, err := q.AddHistory(ctx, c.history); err != nil {
			return database.Problem(fmt.Errorf("write history: %w", err))
		}
	}
	if err := w.partners.Tell(ctx, tx, c.notices...); err != nil {
		return err
	}
	return w.users.Send(ctx, tx, c.messages...)
}

// written are the columns of rows.
func written(rows []*Subscription) (in sql.UpdateSubscriptionsParams) {
	for _, s := range rows {
		in.Ids, in.States, in.Changes = append(in.Ids, s.ID), append(in.States, s.State), append(in.Changes, s.ChangedAt)
		in.Anchors, in.Periods = append(in.Anchors, database.OrZero(s.Anchor)), append(in.Periods, s.Periods)
		in.PaidUntils, in.Tries = append(in.PaidUntils, database.OrZero(s.PaidUntil)), append(in.Tries, s.Tries)
		in.Dues, in.Reminders = append(in.Dues, database.OrZero(s.DueAt)), append(in.Reminders, database.OrZero(s.RemindedFor))
		in.Ends, in.Reasons = append(in.Ends, database.OrZero(s.CancelledAt)), append(in.Reasons, s.CancelReason)
		in.Causes, in.Channels = append(in.Causes, s.CancelCause), append(in.Channels, s.CancelChannel)
		in.UserTypes = append(in.UserTypes, s.UserType)
	}
	return in
}

// Lock locks subscriptions and reads them, in the order of their ids. Those of products that are not in
// the catalogue any more, or of numbers that were erased, are not among them.
func (w *Writer) Lock(ctx context.Context, tx pgx.Tx, ids ...int64) (map[int64]*Subscription, error) {
	rows, err := sql.New(tx).LockSubscriptions(ctx, ids)
	if err != nil {
		return nil, database.Problem(fmt.Errorf("lock subscriptions: %w", err))
	}
	return w.Complete(ctx, tx, rows)
}

// Complete gives rows what they are for.
func (w *Writer) Complete(ctx context.Context, db sql.DBTX, rows []sql.SubscriptionSubscription) (map[int64]*Subscription, error) {
	lines := make([]int64, len(rows))
	for i, row := range rows {
		lines[i] = row.LineID
	}
	numbers, err := w.book.Numbers(ctx, db, lines...)
	if err != nil {
		return nil, err
	}
	now := w.catalogue.Snapshot()
	all := make(map[int64]*Subscription, len(rows))
	for _, row := range rows {
		product, ok := now.Product(row.ProductID)
		msisdn, known := numbers[row.LineID]
		if !ok || !known || product.Period == nil {
			continue
		}
		all[row.ID] = &Subscription{SubscriptionSubscription: row, Product: product, MSISDN: msisdn}
	}
	return all, nil
}
