package subscription

import (
	"errors"
	"testing"
	"time"

	"puente/contracts/papi/subscription"
	"puente/shared/problem"
)

func TestAnothersAgreementIsNoConsent(t *testing.T) {
	for name, agree := range map[string]func(*testing.T, *world){
		"a subscription": func(t *testing.T, w *world) { w.subscribe(t, "ACTIVE"); w.pass(consent + time.Second) },
		"a consent": func(t *testing.T, w *world) {
			if _, err := w.db.Exec(t.Context(), `update subscription.subscriptions set state = 'SUSPENDED' where id = $1`, w.subscribe(t, "ACTIVE")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			agree(t, w)
			in := trusted()
			in.ProductID = oneShotID
			owner := func(epoch string) {
				found := w.lines[number]
				found.OwnerEpoch = epoch
				w.lines[number] = found
			}
			owner("2")
			if _, err := w.Charge(as(t, "socio"), in); codeOf(err) != subscription.CodeConsentMissing {
				t.Errorf("another owner: %v", err)
			}
			owner("")
			if _, err := w.Charge(as(t, "socio"), in); !errors.Is(err, problem.Unavailable) {
				t.Errorf("nobody knows: %v", err)
			}
			owner("1")
			if out, err := w.Charge(as(t, "socio"), in); err != nil || out.Outcome != subscription.OutcomeSucceeded {
				t.Errorf("the owner: %+v, %v", out, err)
			}
			if made, _ := w.operator.charged(); made != 1 {
				t.Errorf("%d charges", made)
			}
		})
	}
}

func TestInvariant27NoChargeWithoutConsent(t *testing.T) {
	same := func(*subscription.ChargeRequest) {}
	for name, c := range map[string]struct {
		state   string // of the line's subscription; empty: it has none
		change  func(*subscription.ChargeRequest)
		charges int
	}{
		"none":                    {"", same, 0},
		"PENDING_CHARGE":          {"PENDING_CHARGE", same, 0},
		"ACTIVE":                  {"ACTIVE", same, 1},
		"GRACE":                   {"GRACE", same, 1},
		"SUSPENDED":               {"SUSPENDED", same, 0},
		"CANCELLED":               {"CANCELLED", same, 0},
		"ACTIVE, another service": {"ACTIVE", func(in *subscription.ChargeRequest) { in.ServiceID, in.ProductID = 2000001786, 1000000005 }, 0},
		"ACTIVE, another line":    {"ACTIVE", func(in *subscription.ChargeRequest) { in.MSISDN = "56920000001" }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.line("56920000001")
			if _, err := w.book.Enter(t.Context(), w.db, "56920000001"); err != nil {
				t.Fatal(err)
			}
			if c.state != "" {
				w.subscribe(t, c.state)
				w.pass(consent + time.Second) // for so long the consent to the subscription would do
			}
			in := trusted()
			in.ProductID = oneShotID
			c.change(&in)
			_, err := w.Charge(as(t, "socio"), in)
			if want := []string{subscription.CodeConsentMissing, ""}[c.charges]; codeOf(err) != want {
				t.Errorf("%v, want %q", err, want)
			}
			if asked, told := len(w.operator.ledger), len(w.notices(t)); asked != c.charges || w.asked != c.charges || told != c.charges {
				t.Errorf("the operator was asked %d times, the directory %d, and %d charges were told", asked, w.asked, told)
			}
		})
	}
}

func TestInvariant07AConsentBoundsThePrice(t *testing.T) {
	w := newWorld(t)
	lineID, err := w.book.Enter(t.Context(), w.db, number)
	if err == nil {
		_, err = w.db.Exec(t.Context(), `insert into subscription.consents (id, line_id, partner_id, service_id, product_id, pricepoint_id, amount, currency, proof, given_at, record)
			values (gen_random_uuid(), $1, $2, $3, $4, 201507, 990, 'CLP', 'PIN', $5, '')`, lineID, partnerID, serviceID, oneShotID, w.now())
	}
	if err != nil {
		t.Fatal(err)
	}
	in := trusted()
	in.ProductID, in.PricepointID = oneShotID, 201508
	if _, err := w.Charge(as(t, "socio"), in); codeOf(err) != subscription.CodeConsentMissing {
		t.Errorf("at a higher price: %v", err)
	}
	in.PricepointID = 201507
	if out, err := w.Charge(as(t, "socio"), in); err != nil || out.Outcome != subscription.OutcomeSucceeded {
		t.Errorf("at the price that was shown: %+v %v", out, err)
	}
	w.pass(16 * time.Minute)
	if _, err := w.Charge(as(t, "socio"), in); codeOf(err) != subscription.CodeConsentMissing {
		t.Errorf("later: %v", err)
	}
}
