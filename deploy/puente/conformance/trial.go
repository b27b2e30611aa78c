package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/catalogue"
	"puente/shared/phone"
)

// trial is a product on the private platform, with a line of its own.
type trial struct {
	*platform
	product  *product
	user     *visitor
	messages int // that the partner sent
	found    [acceptance.Checks]finding
}

// finding is what came of a check.
type finding struct {
	State  acceptance.State
	Reason string // of NOK
}

// postpaid is the user type of the trials' lines: these pay whatever a product costs.
const postpaid = "00"

// newTrial makes the trial of the nth product. Lines end in 0000, with which the sandbox lets all go well
// (specification §9.2).
func newTrial(p *platform, of *product, nth int) (*trial, error) {
	prefix := "5690"
	if of.partner.spec.Country == phone.Peru {
		prefix = "5190"
	}
	user, err := p.visitor(fmt.Sprintf("%s%03d0000", prefix, nth%1000))
	if err != nil {
		return nil, err
	}
	return &trial{platform: p, product: of, user: user}, nil
}

// play tries all checks that apply. Its error is that the trial could not be made; what a check finds out is in found.
func (t *trial) play(ctx context.Context) error {
	if err := t.prepare(ctx); err != nil {
		return err
	}
	for c, cell := range t.product.row.Cells {
		if cell.State == acceptance.NotApplicable {
			t.found[c].State = acceptance.NotApplicable
		} else {
			t.found[c].Reason = "was not tried"
		}
	}
	if t.product.spec.Type == catalogue.OneShot {
		t.oneShot(ctx)
	} else {
		t.subscription(ctx)
	}
	t.confirm(ctx)
	if err := ctx.Err(); err != nil { // what failed for it says nothing of the product
		return err
	}
	return t.ready(ctx)
}

// prepare makes the line one that may have the product, and the client one of the partner's. An hour is let pass since
// the product before, for so long PINs are counted by the address that asks for them.
func (t *trial) prepare(ctx context.Context) error {
	ahead, err := t.ahead(ctx)
	if err == nil {
		err = t.forward(ctx, time.Now().Add(ahead+time.Hour))
	}
	if err == nil {
		line := map[string]string{"msisdn": t.user.msisdn, "operator": "ENTEL", "userType": "POSPAGO", "segment": "PERSONA", "access": "MOVIL"}
		if len(t.product.spec.Segments) > 0 && t.product.spec.Segments[0] == "COMPANY" {
			line["segment"] = "EMPRESA"
		}
		if len(t.product.spec.Accesses) > 0 && t.product.spec.Accesses[0] == "FIXED" {
			line["access"] = "FIJO"
		}
		err = t.control(ctx, http.MethodPost, "/_sandbox/subscriber/lines", line, nil)
	}
	if err == nil {
		err = t.control(ctx, http.MethodPost, "/_sandbox/carrierbilling/lines/"+t.user.msisdn, map[string]any{"balance": nil}, nil)
	}
	if err == nil {
		err = t.employ(ctx, t.product.partner.id)
	}
	return err
}

// try makes a check, where it applies.
func (t *trial) try(c acceptance.Check, made func() error) {
	if t.found[c].State == acceptance.NotApplicable {
		return
	}
	t.found[c] = finding{State: acceptance.OK}
	if err := made(); err != nil {
		t.found[c] = finding{acceptance.NOK, err.Error()}
	}
}

// fail is the reason of checks that could not be tried.
func (t *trial) fail(err error, checks ...acceptance.Check) {
	for _, c := range checks {
		t.try(c, func() error { return err })
	}
}

// confirm wants the private platform to have seen in its own matrix what was seen here: that notifications were taken,
// and messages sent when they were due.
func (t *trial) confirm(ctx context.Context) {
	var row acceptance.Row
	var missing acceptance.Check
	err := t.soon(ctx, "not in the platform's own matrix", func() (bool, error) {
		var err error
		if row, err = matrixRow(ctx, t.admin, t.product); err != nil {
			return false, err
		}
		for missing = range acceptance.Check(acceptance.Checks) {
			if t.found[missing].State == acceptance.OK && row.Cells[missing].State != acceptance.OKProv {
				return false, nil
			}
		}
		return true, nil
	})
	if err == nil {
		return
	}
	for c := range acceptance.Check(acceptance.Checks) {
		if t.found[c].State == acceptance.OK && row.Cells[c].State != acceptance.OKProv {
			t.found[c] = finding{acceptance.NOK, err.Error()}
		}
	}
}

// subscribed is the line's subscription to the product, as operators see it.
type subscribed struct {
	ProductID   int64     `json:"productId"`
	State       string    `json:"state"`
	CancelCause string    `json:"cancelCause"`
	PaidUntil   time.Time `json:"paidUntil"`
	DueAt       time.Time `json:"dueAt"` // when it is looked at next
}

// active waits until the line has the product, as wanted.
func (t *trial) active(ctx context.Context, wanted func(subscribed) bool) (now subscribed, err error) {
	err = t.soon(ctx, "the subscription does not go on", func() (bool, error) {
		text, err := t.admin.Get(ctx, "subscriptions", t.user.msisdn)
		if err != nil {
			return false, err
		}
		var all struct{ Items []subscribed }
		if err := json.Unmarshal(text, &all); err != nil {
			return false, err
		}
		for _, s := range all.Items {
			if now = s; s.ProductID != number(t.product.id) {
				continue
			}
			if s.State == "CANCELLED" {
				return false, fmt.Errorf("the subscription has ended, cause %s", s.CancelCause)
			}
			return s.State == "ACTIVE" && wanted(s), nil
		}
		return false, nil
	})
	return now, err
}
