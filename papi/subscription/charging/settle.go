package charging

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/line"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/notification"
	"puente/papi/subscription/sql"
	"puente/shared/database"
)

// Settlement is what is now known of a charge's last attempt.
type Settlement struct {
	Charge sql.SubscriptionCharge // as it was read: its id, its subscription and its attempt count
	Result Result
	Late   bool   // by inquiry
	Told   string // what its caller is answered on account of it; empty: nobody is
}

// The refunds that the hub makes by itself, by their reason.
const (
	refundOver = "SUBSCRIPTION_OVER" // the charge came true after its subscription had ended
	refundLate = "TOLD_FAILED"       // or after its caller had been told that it failed
	refundGone = "LINE_GONE"         // or after its line's number was erased: nobody could be told
)

// Settle writes what became of charges in tx, each once among all, as of now, and all that follows from it. A charge
// that was settled before stays as it is. It returns the charges as they are then.
func (c *Charging) Settle(ctx context.Context, tx pgx.Tx, now time.Time, all ...Settlement) (map[int64]sql.SubscriptionCharge, error) {
	var subscriptions, charges []int64
	for _, s := range all {
		charges = append(charges, s.Charge.ID)
		if s.Charge.SubscriptionID != nil {
			subscriptions = append(subscriptions, *s.Charge.SubscriptionID)
		}
	}
	// The order of locks is that of everywhere: subscriptions before their charges.
	held, err := c.writer.Lock(ctx, tx, subscriptions...)
	if err != nil {
		return nil, err
	}
	rows, err := sql.New(tx).LockCharges(ctx, charges)
	if err != nil {
		return nil, database.Problem(fmt.Errorf("lock charges: %w", err))
	}
	s := settling{Charging: c, ctx: ctx, tx: tx, now: now, held: held, rows: make(map[int64]sql.SubscriptionCharge, len(rows))}
	for _, row := range rows {
		s.rows[row.ID] = row
	}
	for _, one := range all {
		if err := s.settle(one); err != nil {
			return nil, err
		}
	}
	return s.rows, s.write()
}

// settling is one Settle.
type settling struct {
	*Charging
	ctx  context.Context
	tx   pgx.Tx
	now  time.Time
	held map[int64]*lifecycle.Subscription
	rows map[int64]sql.SubscriptionCharge

	change   lifecycle.Change
	attempts sql.EndAttemptsParams
	charges  sql.UpdateChargesParams
	back     unspent
}

// attempt is what became of a charge's last one.
type attempt struct {
	state, reason string
	charged       time.Time // zero: it was not
}

func (s *settling) settle(one Settlement) error {
	row, ok := s.rows[one.Charge.ID]
	if !ok || row.State != Sent && row.State != Unknown || row.Openings != one.Charge.Openings {
		return nil // somebody was faster, and perhaps it was opened again since
	}
	product, ok := s.catalogue.Snapshot().Product(row.ProductID)
	if !ok { // nobody could be told: it stays open until the product can be read again, and holds up nothing else
		s.log.ErrorContext(s.ctx, "charge not settled, its product is not in the catalogue", "charge", row.ID, "product", row.ProductID)
		return nil
	}
	row.Late = row.Late || one.Late
	if row.Told == "" {
		row.Told = one.Told
	}
	end := attempt{reason: one.Result.Reason}
	open, wait := false, time.Duration(0)
	switch one.Result.Outcome {
	case OutcomeCharged:
		end.state, end.charged = Succeeded, one.Result.At
		if end.charged.IsZero() {
			end.charged = s.now
		}
		row.State, row.EndedAt = Succeeded, &s.now
		if err := s.succeeded(&row, product); err != nil {
			return err
		}
		open = row.State == Refunding
	case OutcomeDeclined:
		end.state = Declined
		row.State, row.Reason, row.EndedAt = Declined, one.Result.Reason, &s.now
		s.declined(&row, product)
	case OutcomeUndone:
		end.state = "UNDONE"
		row.State = Created
		if !s.renews(&row) { // who waited for it was told: it is not tried again
			end.state, end.reason = Declined, notCharged
			row.State, row.Reason, row.EndedAt = Declined, notCharged, &s.now
		}
		s.undone(&row, one)
	default:
		end.state = Unknown
		row.State = Unknown
		open, wait = true, s.patience(row)
	}
	s.metrics.ended(row, one.Result.Outcome)
	s.keep(&row, end, one.Result.OperatorRef, open, wait)
	s.rows[row.ID] = row
	return nil
}

// succeeded does what follows from a charge that came true.
func (s *settling) succeeded(row *sql.SubscriptionCharge, product *catalogue.Product) error {
	if row.Kind == OneShot {
		msisdn, err := s.book.Number(s.ctx, s.tx, row.LineID)
		if errors.Is(err, line.ErrErased) {
			s.giveBack(row, refundGone)
			return nil
		}
		if err != nil {
			return err
		}
		if row.Told != "" && row.Told != toldDone && product.LateOneShot == "refund" {
			s.giveBack(row, refundLate)
			return nil
		}
		s.notice(row, product, msisdn, notification.OneShot)
		if product.OneShotConsent == "partner" {
			s.change.Say(messaging.Message{
				LineID: row.LineID, MSISDN: msisdn, ShortCode: shortCode(row, product), Product: product, Purpose: messaging.Receipt, Amount: row.Amount, At: s.now,
			})
		}
		return nil
	}
	subscription, ok := s.held[*row.SubscriptionID]
	paid := lifecycle.Payment{Amount: row.Amount, Days: int(row.Days), Made: row.OpenedAt}
	if !ok || !s.lifecycle.Paid(&s.change, subscription, paid, s.now, func(context notification.Context) {
		s.notice(row, product, subscription.MSISDN, context)
	}) {
		s.giveBack(row, refundOver)
	}
	return nil
}

// renews reports that a charge is tried again by the rule of renewal: a first one, too, whose subscription has begun.
func (s *settling) renews(row *sql.SubscriptionCharge) bool {
	if row.Kind != First {
		return row.Kind == Renewal
	}
	subscription, ok := s.held[*row.SubscriptionID]
	return ok && lifecycle.Renewing(subscription.State)
}

func shortCode(row *sql.SubscriptionCharge, product *catalogue.Product) string {
	if row.ShortCode != "" {
		return row.ShortCode
	}
	return product.ShortCode()
}

func (s *settling) notice(row *sql.SubscriptionCharge, product *catalogue.Product, msisdn string, context notification.Context) {
	id := s.change.Tell(notification.Notice{
		Kind: notification.Charged, Product: product, LineID: row.LineID, MSISDN: msisdn, UserType: row.UserType, Channel: row.Channel,
		TID: row.TID, ShortCode: row.ShortCode, At: s.now, Amount: row.Amount, Context: context,
	})
	row.NoticeID = &id
}

func (s *settling) giveBack(row *sql.SubscriptionCharge, reason string) {
	row.State, row.RefundReason, row.RefundBy = Refunding, reason, "hub"
	s.unspend(row)
}

func (s *settling) declined(row *sql.SubscriptionCharge, product *catalogue.Product) {
	s.unspend(row)
	context := notification.OneShot
	msisdn := ""
	if row.SubscriptionID != nil {
		subscription, ok := s.held[*row.SubscriptionID]
		if !ok || subscription.State == lifecycle.Cancelled { // the partner was told that it is over
			return
		}
		context, msisdn = notification.Renewal, subscription.MSISDN
		if row.Kind == First {
			context = notification.First
		}
		s.lifecycle.Declined(&s.change, subscription, row.OpenedAt, s.now, row.Reason)
	} else if number, err := s.book.Number(s.ctx, s.tx, row.LineID); err == nil {
		msisdn = number
	}
	if msisdn != "" {
		s.change.Tell(notification.Notice{
			Kind: notification.Failed, Product: product, LineID: row.LineID, MSISDN: msisdn, UserType: row.UserType, Channel: row.Channel,
			TID: row.TID, ShortCode: row.ShortCode, At: s.now, Context: context,
		})
	}
}

func (s *settling) undone(row *sql.SubscriptionCharge, one Settlement) {
	s.unspend(row)
	if row.SubscriptionID == nil {
		return
	}
	if subscription, ok := s.held[*row.SubscriptionID]; ok {
		if one.Result.Again > 0 && s.renews(row) && row.Openings <= soonTimes {
			s.lifecycle.PutOff(&s.change, subscription, s.now.Add(one.Result.Again))
			return
		}
		s.lifecycle.Undone(&s.change, subscription, row.OpenedAt, s.now)
	}
}

// soonTimes is how often a charge is opened again as soon as the operator asked for. One that it refuses still
// waits as the rule of renewal has it, so that it is not in the way of others.
const soonTimes = 5

// unspend takes the charge off what its line spent, in the spans in which it was last opened.
func (s *settling) unspend(row *sql.SubscriptionCharge) {
	product, ok := s.catalogue.Snapshot().Product(row.ProductID)
	if !ok {
		return
	}
	s.back.add(row.LineID, row.Currency, row.Amount, spans(row.OpenedAt, product.Country().Zone))
}

// patience is how long to wait until a charge is asked for again: half its age.
func (c *Charging) patience(row sql.SubscriptionCharge) time.Duration {
	return max(c.cfg.First, min(c.cfg.Most, c.now().Sub(row.OpenedAt)/2))
}

// keep has a charge written, and what became of its last attempt.
func (s *settling) keep(row *sql.SubscriptionCharge, end attempt, operatorRef string, open bool, wait time.Duration) {
	a, c := &s.attempts, &s.charges
	a.Charges, a.Numbers = append(a.Charges, row.ID), append(a.Numbers, row.Attempts)
	a.States, a.Reasons = append(a.States, end.state), append(a.Reasons, end.reason)
	a.Refs, a.Charged = append(a.Refs, operatorRef), append(a.Charged, end.charged)
	c.Ids, c.States, c.Reasons = append(c.Ids, row.ID), append(c.States, row.State), append(c.Reasons, row.Reason)
	c.Ends, c.Lates, c.Tolds = append(c.Ends, database.OrZero(row.EndedAt)), append(c.Lates, row.Late), append(c.Tolds, row.Told)
	c.RefundReasons, c.RefundBys = append(c.RefundReasons, row.RefundReason), append(c.RefundBys, row.RefundBy)
	c.Refunds, c.Notices = append(c.Refunds, database.OrZero(row.RefundedAt)), append(c.Notices, database.OrZero(row.NoticeID))
	c.Opens, c.Waits = append(c.Opens, open), append(c.Waits, wait)
}

func (s *settling) write() error {
	q := sql.New(s.tx)
	if len(s.charges.Ids) > 0 {
		if err := q.EndAttempts(s.ctx, s.attempts); err != nil {
			return database.Problem(fmt.Errorf("end attempts: %w", err))
		}
		if err := q.UpdateCharges(s.ctx, s.charges); err != nil {
			return database.Problem(fmt.Errorf("settle charges: %w", err))
		}
	}
	if err := s.back.write(s.ctx, s.tx); err != nil {
		return err
	}
	return s.writer.Write(s.ctx, s.tx, &s.change)
}
