package conformance

import (
	"context"
	"fmt"
	"time"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/notification"
)

// afterDue is how long after a subscription is due its renewal is looked for.
const afterDue = time.Minute

// subscription plays F1, F5 and F4 (specification §10): a line is enrolled by PIN, its subscription renewed, and ended
// by the partner.
func (t *trial) subscription(ctx context.Context) {
	result, err := t.user.agree(ctx, t.product)
	if err == nil {
		if _, err = t.active(ctx, func(subscribed) bool { return true }); err != nil {
			err = fmt.Errorf("%w; the page says %q", err, result.heading())
		}
	}
	if err != nil {
		t.fail(fmt.Errorf("enrolment: %w", err), acceptance.SubscriptionNotifSub, acceptance.SubscriptionNotifCobro, acceptance.SubscriptionSendMT,
			acceptance.SubscriptionLPRedirect, acceptance.RenewalNotifCobro, acceptance.RenewalSendMT, acceptance.CancellationNotifCancel)
		return
	}
	begun, first := expected{kind: notification.Subscribed}, expected{notification.Charged, notification.First}
	t.try(acceptance.SubscriptionNotifSub, func() error { return t.told(ctx, begun) })
	t.try(acceptance.SubscriptionNotifCobro, func() error {
		return inTurn(
			func() error { return t.told(ctx, first) },
			func() error { return t.before(ctx, begun, first) },
			func() error { return t.paid(ctx, 1) },
		)
	})
	t.try(acceptance.SubscriptionSendMT, func() error { return t.message(ctx) })
	t.try(acceptance.SubscriptionLPRedirect, func() error { return t.redirect(ctx, result) })
	if t.found[acceptance.RenewalNotifCobro].State != acceptance.NotApplicable {
		t.renewal(ctx)
	}
	t.try(acceptance.CancellationNotifCancel, func() error { return t.cancellation(ctx) })
}

// renewal lets the paid period pass.
func (t *trial) renewal(ctx context.Context) {
	if err := t.renewed(ctx); err != nil {
		t.fail(fmt.Errorf("renewal: %w", err), acceptance.RenewalNotifCobro, acceptance.RenewalSendMT)
		return
	}
	t.try(acceptance.RenewalNotifCobro, func() error {
		return inTurn(
			func() error { return t.told(ctx, expected{notification.Charged, notification.Renewal}) },
			func() error { return t.paid(ctx, 2) },
		)
	})
	t.try(acceptance.RenewalSendMT, func() error { return t.message(ctx) })
}

// renewed moves time beyond what is paid for, and waits until more is. The subscription is looked at once before that,
// where its user is reminded.
func (t *trial) renewed(ctx context.Context) error {
	now, err := t.active(ctx, func(subscribed) bool { return true })
	if err == nil && now.DueAt.Before(now.PaidUntil) {
		if err = t.forward(ctx, now.DueAt.Add(afterDue)); err == nil {
			now, err = t.active(ctx, func(s subscribed) bool { return !s.DueAt.Before(s.PaidUntil) })
		}
	}
	if err == nil {
		err = t.forward(ctx, now.PaidUntil.Add(afterDue))
	}
	if err == nil {
		_, err = t.active(ctx, func(s subscribed) bool { return s.PaidUntil.After(now.PaidUntil) })
	}
	return err
}

// cancellation ends the subscription twice: the partner hears of it once (specification §4.3).
func (t *trial) cancellation(ctx context.Context) error {
	ended := expected{kind: notification.Unsubscribed}
	return inTurn(
		func() error { return t.optOut(ctx) },
		func() error { return t.told(ctx, ended) },
		func() error { return t.optOut(ctx) },
		func() error { return t.delivered(ctx) },
		func() error { return t.told(ctx, ended) },
	)
}

// inTurn takes steps until one fails.
func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
