package conformance

import (
	"context"
	"fmt"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/notification"
)

// oneShot plays F6 (specification §10): the line's owner agrees on the landing pages, where the product wants that, and
// the partner charges.
func (t *trial) oneShot(ctx context.Context) {
	if t.product.spec.OneShotConsent != "partner" {
		result, err := t.user.agree(ctx, t.product)
		if err != nil {
			t.fail(fmt.Errorf("consent: %w", err), acceptance.SubscriptionLPRedirect, acceptance.SubscriptionOneshot)
			return
		}
		t.try(acceptance.SubscriptionLPRedirect, func() error { return t.redirect(ctx, result) })
	}
	t.try(acceptance.SubscriptionOneshot, func() error {
		return inTurn(
			func() error { return t.charge(ctx) },
			func() error { return t.told(ctx, expected{notification.Charged, notification.OneShot}) },
			func() error { return t.paid(ctx, 1) },
		)
	})
}
