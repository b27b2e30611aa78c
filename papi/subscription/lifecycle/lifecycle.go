// Package lifecycle is the state machine of a subscription (specification §10, §11). Its transitions are
// functions of a row and a moment: they change the row in memory and note what is to be told to whom. A
// Change then writes all that in one transaction, so that a state, its notification and its message are
// there together or not at all.
//
//	PENDING_CHARGE ──charged──▶ ACTIVE ──declined──▶ GRACE ──over──▶ SUSPENDED
//	      │                       ▲  ◀──charged────────┘               │  │
//	      │ declined              └─────────────charged────────────────┘  │ 30 days
//	      └──────────────────────────▶ CANCELLED ◀────────────────────────┘ and: MO, API, self-care, line, product
//
// A subscription to a product that is sub-first is ACTIVE from its consent on; a first charge that is declined leads
// to GRACE then.
//
// Who holds a row across a transition has locked it.
package lifecycle

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/notification"
	"puente/papi/subscription/period"
	"puente/papi/subscription/schedule"
	"puente/papi/subscription/sql"
)

// The states.
const (
	PendingCharge = "PENDING_CHARGE"
	Active        = "ACTIVE"
	Grace         = "GRACE"
	Suspended     = "SUSPENDED"
	Cancelled     = "CANCELLED"
)

// Open reports whether a subscription in the state may still be charged, now or later.
func Open(state string) bool { return state != Cancelled }

// Renewing reports whether a subscription in the state is renewed.
func Renewing(state string) bool { return state == Active || state == Grace || state == Suspended }

// Subscription is a row with what it is for.
type Subscription struct {
	sql.SubscriptionSubscription
	Product *catalogue.Product
	MSISDN  string
}

// Cancellation is why and how a subscription ends.
type Cancellation struct {
	Reason  string // as partners read it: MO, LIFECYCLE or nothing
	Cause   string // as operators read it
	Channel string
	Silent  bool // the user is not sent a confirmation
}

// The causes of cancellations.
const (
	CauseMO       = "OPTOUT_MO"
	CauseAPI      = "OPTOUT_API"
	CauseDeclined = "DECLINED" // the first charge
	CauseUnpaid   = "UNPAID"
	CauseLine     = "LINE_ENDED" // or ported out, or another owner's
	CauseProduct  = "PRODUCT_ENDED"
	CauseOperator = "OPERATOR" // a person, for the customer who asked
)

// Reasons that partners read.
const (
	ReasonMO        = "MO"
	ReasonLifecycle = "LIFECYCLE"
)

// Lifecycle moves subscriptions by a rule of renewal.
type Lifecycle struct{ rule schedule.Rule }

// New makes the lifecycle with a rule.
func New(rule schedule.Rule) *Lifecycle { return &Lifecycle{rule} }

// calendar is that of a subscription that was ever active.
func (s *Subscription) calendar() period.Calendar {
	p := s.Product.Period
	return period.Calendar{Anchor: *s.Anchor, Zone: s.Product.Country().Zone, Period: period.Period{Unit: period.Unit(p.Unit), Count: p.Count}}
}

// due is the period that is to be paid next, with what was tried for it.
func (s *Subscription) due() schedule.Case {
	c := s.calendar()
	return schedule.Case{Due: *s.PaidUntil, End: c.Due(int(s.Periods) + 1), Zone: c.Zone, Attempts: s.attempts()}
}

// Next is what is to be done about a subscription that is renewed, as of now.
func (l *Lifecycle) Next(s *Subscription, now time.Time) schedule.Step {
	return l.rule.Next(s.due(), now)
}

// attempt is an element of column tries.
type attempt struct {
	At      time.Time        `json:"at"`
	Outcome schedule.Outcome `json:"outcome"`
	Short   bool             `json:"short,omitzero"`
}

func (s *Subscription) attempts() []schedule.Attempt {
	var kept []attempt
	if err := json.Unmarshal(s.Tries, &kept); err != nil { // written below
		return nil
	}
	all := make([]schedule.Attempt, len(kept))
	for i, a := range kept {
		all[i] = schedule.Attempt(a)
	}
	return all
}

func (s *Subscription) setAttempts(all []schedule.Attempt) {
	kept := make([]attempt, len(all))
	for i, a := range all {
		kept[i] = attempt(a)
	}
	s.Tries, _ = json.Marshal(kept) // times and words
}

// Payment is a charge that came true.
type Payment struct {
	Amount int64
	Days   int       // that it pays for, at a lower price than the subscription's; zero: a whole period
	Made   time.Time // when it was tried
}

// Begin has a subscription begin with its consent, before it is paid (sub-first, specification §10 F1): its first
// charge of amount is in work, and comes under the rules of renewal where it is declined. The user hears at once what
// it costs and how to end it; when the next charge is stands only once this one came true.
func (l *Lifecycle) Begin(c *Change, s *Subscription, amount int64) {
	at := s.CreatedAt
	s.Anchor, s.Periods, s.PaidUntil, s.DueAt = &at, 0, &at, nil
	c.move(s, Active, "subscribed", at)
	c.tell(s.notice(notification.Subscribed, at))
	c.say(s.message(messaging.Welcome, amount, time.Time{}, at))
}

// Unpaid reports that a subscription began with its consent and nothing was paid for it yet: it is paid until it
// was made.
func (s *Subscription) Unpaid() bool { return s.PaidUntil != nil && s.PaidUntil.Equal(s.CreatedAt) }

// Short is how often a charge for the period that is due was declined because the balance did not suffice.
func (s *Subscription) Short() (n int) {
	for _, a := range s.attempts() {
		if a.Short && !a.At.Before(*s.PaidUntil) {
			n++
		}
	}
	return n
}

// Charged moves a subscription whose charge of amount came true at a moment. It reports false where the
// subscription was over by then: the charge is to be given back.
func (l *Lifecycle) Charged(c *Change, s *Subscription, amount int64, at time.Time, tell func(notification.Context)) bool {
	return l.Paid(c, s, Payment{Amount: amount, Made: at}, at, tell)
}

// Paid is Charged where the attempt was made at a moment, and its outcome is known as of at, which may
// be days later. The attempt's moment decides what was paid for, and which day it counts for. A customer who
// had no access meanwhile has it from at.
func (l *Lifecycle) Paid(c *Change, s *Subscription, p Payment, at time.Time, tell func(notification.Context)) bool {
	switch {
	case s.State == Cancelled:
		return false
	case s.State == PendingCharge:
		s.begin(at, 0)
		c.move(s, Active, "charged", at)
		c.tell(s.notice(notification.Subscribed, at))
		if p.Amount > 0 {
			tell(notification.First)
		}
		c.say(s.message(messaging.Welcome, p.Amount, *s.PaidUntil, at))
		return true
	}
	first := s.Unpaid()
	_, anew := s.due().Pays(schedule.State(s.State), p.Made)
	tries := append(s.attempts(), schedule.Attempt{At: p.Made, Outcome: schedule.Charged})
	switch until := s.calendar().DueAfter(int(s.Periods), p.Days); {
	case !anew && p.Days > 0 && until.After(p.Made):
		s.pay(int(s.Periods), p.Days)
	case anew || p.Days > 0: // so few days from when it was due would be over
		began := p.Made
		if s.State == Suspended {
			began = at
		}
		s.begin(began, p.Days)
	default:
		s.pay(int(s.Periods), 0)
	}
	s.setAttempts(s.ofDay(tries, p.Made)) // of before the next period: they count for their day only
	cause, context := "renewed", notification.Renewal
	if first { // its user was welcomed when it began
		cause, context = "charged", notification.First
	}
	c.move(s, Active, cause, at)
	tell(context)
	if s.Product.RenewalMessage {
		c.say(s.message(messaging.Renewed, p.Amount, *s.PaidUntil, at))
	}
	return true
}

// ofDay are the attempts of the local day of a moment.
func (s *Subscription) ofDay(all []schedule.Attempt, at time.Time) []schedule.Attempt {
	zone := s.Product.Country().Zone
	day := period.Date(at, zone)
	return slices.DeleteFunc(all, func(a schedule.Attempt) bool { return period.Date(a.At, zone) != day })
}

// begin makes a period of its own, or so many days of one, begin at a moment, and counts from there.
func (s *Subscription) begin(at time.Time, days int) {
	s.Anchor = &at
	s.pay(0, days)
	s.setAttempts(nil)
}

// pay pays for a period, or for so many days of it, whose end is then counted from. Zero days: the whole.
func (s *Subscription) pay(k, days int) {
	c := s.calendar()
	until := c.Due(k + 1)
	s.Periods = int32(k + 1)
	if days > 0 && c.DueAfter(k, days).Before(until) {
		until = c.DueAfter(k, days)
		s.Anchor, s.Periods = &until, 0
	}
	s.PaidUntil = &until
	s.DueAt = s.firstLook(until)
}

// firstLook is when somebody is to look at a paid subscription next: at its reminder, or its end.
func (s *Subscription) firstLook(until time.Time) *time.Time {
	if before := time.Duration(s.Product.ReminderBefore); before > 0 && (s.RemindedFor == nil || !s.RemindedFor.Equal(until)) {
		at := until.Add(-before)
		return &at
	}
	return &until
}

// Declined moves a subscription whose charge, tried at a moment, was declined for a reason of the line's, as is
// known as of at.
func (l *Lifecycle) Declined(c *Change, s *Subscription, made, at time.Time, reason string) {
	switch s.State {
	case Cancelled:
	case PendingCharge:
		l.Cancel(c, s, at, Cancellation{Cause: CauseDeclined + " " + reason, Channel: s.Channel, Silent: true})
	default:
		l.tried(c, s, schedule.Attempt{At: made, Outcome: schedule.Declined, Short: reason == contract.CodeInsufficientBalance}, at, reason)
	}
}

// Undone moves a subscription whose charge, tried at a moment, certainly was not made, for a reason that is not
// the line's, as is known as of at.
func (l *Lifecycle) Undone(c *Change, s *Subscription, made, at time.Time) {
	switch s.State {
	case Cancelled:
	case PendingCharge: // a charge that did not happen while the user waited is not made behind their back
		l.Cancel(c, s, at, Cancellation{Cause: CauseDeclined + " UNAVAILABLE", Channel: s.Channel, Silent: true})
	default:
		l.tried(c, s, schedule.Attempt{At: made, Outcome: schedule.Unavailable}, at, "unavailable")
	}
}

// PutOff has a subscription looked at again at a moment, as if nothing had been tried.
func (l *Lifecycle) PutOff(c *Change, s *Subscription, at time.Time) {
	if !Renewing(s.State) {
		return
	}
	s.DueAt = &at
	c.touch(s)
}

// inARow is how many attempts in a row that found the operator unavailable are kept: by then the wait is the longest.
const inARow = 8

func (l *Lifecycle) tried(c *Change, s *Subscription, a schedule.Attempt, now time.Time, cause string) {
	all := s.attempts()
	if n := len(all) - inARow; a.Outcome == schedule.Unavailable && n >= 0 && !slices.ContainsFunc(all[n:], func(a schedule.Attempt) bool { return a.Outcome != schedule.Unavailable }) {
		all = slices.Delete(all, n, n+1)
	}
	s.setAttempts(append(all, a))
	l.follow(c, s, now, cause)
}

// follow moves a subscription by the rule, as of now, and says when to look at it next.
func (l *Lifecycle) follow(c *Change, s *Subscription, now time.Time, cause string) schedule.Step {
	step := l.Next(s, now)
	if step.Do == schedule.Cancel && !step.At.After(now) || step.State == schedule.Cancelled {
		l.Cancel(c, s, now, Cancellation{Reason: ReasonLifecycle, Cause: CauseUnpaid, Channel: s.Channel})
		return step
	}
	at := step.At
	s.DueAt = &at
	c.move(s, string(step.State), cause, now)
	return step
}

// Review looks at a subscription that is due, as of now: it moves where time moved it, and Charge of the
// step says that a charge is to be made. Amount is what its reminder names.
func (l *Lifecycle) Review(c *Change, s *Subscription, now time.Time, amount int64) schedule.Step {
	if now.Before(*s.PaidUntil) { // its reminder
		if s.RemindedFor == nil || !s.RemindedFor.Equal(*s.PaidUntil) {
			s.RemindedFor = s.PaidUntil
			c.say(s.message(messaging.Reminder, amount, *s.PaidUntil, now))
		}
		s.DueAt = s.PaidUntil
		c.touch(s)
		return schedule.Step{State: schedule.State(s.State), Do: schedule.Await, At: *s.PaidUntil}
	}
	return l.follow(c, s, now, "time")
}

// Cancel ends a subscription. Of one that was never active its partner hears nothing, for it never began; its
// user does.
func (l *Lifecycle) Cancel(c *Change, s *Subscription, at time.Time, why Cancellation) {
	if s.State == Cancelled {
		return
	}
	began := s.State != PendingCharge
	s.DueAt, s.CancelledAt = nil, &at
	s.CancelReason, s.CancelCause, s.CancelChannel = why.Reason, why.Cause, why.Channel
	c.move(s, Cancelled, why.Cause, at)
	if began {
		n := s.notice(notification.Unsubscribed, at)
		n.Reason, n.Channel = why.Reason, why.Channel
		c.tell(n)
	}
	if !why.Silent {
		c.say(s.message(messaging.Cancelled, 0, time.Time{}, at))
	}
}

func (s *Subscription) notice(kind notification.Kind, at time.Time) notification.Notice {
	return notification.Notice{
		Kind: kind, Product: s.Product, LineID: s.LineID, MSISDN: s.MSISDN, UserType: s.UserType, Channel: s.Channel, TID: s.TID, At: at,
	}
}

func (s *Subscription) message(p messaging.Purpose, amount int64, until, at time.Time) messaging.Message {
	return messaging.Message{LineID: s.LineID, MSISDN: s.MSISDN, ShortCode: s.ShortCode, Product: s.Product, Purpose: p, Amount: amount, Until: until, At: at}
}
