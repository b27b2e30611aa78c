package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/notification"
	"puente/shared/webhook"
	"puente/test/sandbox/carrierbilling"
	"puente/test/sandbox/partner"
)

// notice is the body of a notification, by the specification's table (§6): a second opinion of what the hub writes.
type notice struct {
	UserIdentifier string          `json:"userIdentifier"`
	UserType       string          `json:"userType"`
	PartnerID      int64           `json:"partnerId"`
	ServiceID      int64           `json:"serviceId"`
	ProductID      int64           `json:"productId"`
	EntryChannel   string          `json:"entryChannel"`
	TID            json.RawMessage `json:"tid"`
	Date           string          `json:"date"`
	UpdateType     int             `json:"updateType"`
	CancelReason   *string         `json:"cancelReason"`
	Value          *int64          `json:"value"`
	Context        *int            `json:"context"`
	ShortCode      *int64          `json:"shortCode"`
}

// The endpoints of a partner, as the sandbox calls them.
const (
	toSubscriptions = "notifySubscription"
	toCharges       = "notifyCharge"
)

// expected is what the partner is to be told once of.
type expected struct {
	kind    notification.Kind
	context notification.Context // of charges
}

func (e expected) String() string {
	return map[expected]string{
		{kind: notification.Subscribed}: "NotifSub", {kind: notification.Unsubscribed}: "NotifCancel",
		{notification.Charged, notification.First}: "NotifCobro of context 0", {notification.Charged, notification.Renewal}: "NotifCobro of context 1",
		{notification.Charged, notification.OneShot}: "NotifCobro of context 2",
	}[e]
}

// of is which of the partner's endpoints hears of it.
func (e expected) of() catalogue.Told {
	if e.kind == notification.Charged {
		return catalogue.ToldCharges
	}
	return catalogue.ToldSubscriptions
}

// is reports whether n is what is expected, whatever else it says.
func (e expected) is(n notice) bool {
	return n.UpdateType == int(e.kind) && (e.kind != notification.Charged || n.Context != nil && *n.Context == int(e.context))
}

// told waits until the partner was told, once, of what is expected, and wants that to be right.
func (t *trial) told(ctx context.Context, e expected) error {
	if t.product.staged.Endpoint(e.of()).URL == "" {
		return fmt.Errorf("neither the product nor its partner has a URL for %s", e)
	}
	ahead, err := t.ahead(ctx)
	if err != nil {
		return err
	}
	return t.soon(ctx, "the partner got no "+e.String(), func() (bool, error) {
		got, err := t.notices(ctx)
		if err != nil {
			return false, err
		}
		ids := map[string]bool{}
		for _, r := range got {
			if !e.is(r.notice) {
				continue
			}
			if err := t.right(r, e, ahead); err != nil {
				return false, fmt.Errorf("%s: %w", e, err)
			}
			ids[r.ID] = true
		}
		if len(ids) > 1 {
			return false, fmt.Errorf("%d different %s", len(ids), e)
		}
		return len(ids) == 1, nil
	})
}

// received is a notification as the partner got it.
type received struct {
	partner.Receipt
	notice notice
}

// notices are those of the line and product, in the order in which they came. One with a member that the specification
// does not have is an error.
func (t *trial) notices(ctx context.Context) ([]received, error) {
	var ledger struct{ Notifications []partner.Receipt }
	if err := t.control(ctx, http.MethodGet, "/_sandbox/ledger/partner", nil, &ledger); err != nil {
		return nil, err
	}
	var all []received
	for _, r := range ledger.Notifications {
		var whose struct {
			UserIdentifier string `json:"userIdentifier"`
			ProductID      int64  `json:"productId"`
		}
		if json.Unmarshal(r.Body, &whose) != nil || r.Partner != t.product.partner.id || whose.UserIdentifier != t.user.msisdn || whose.ProductID != number(t.product.id) {
			continue // another trial's
		}
		var n notice
		d := json.NewDecoder(bytes.NewReader(r.Body))
		d.DisallowUnknownFields()
		if err := d.Decode(&n); err != nil {
			return nil, fmt.Errorf("notification %s: %w", r.ID, err)
		}
		all = append(all, received{r, n})
	}
	return all, nil
}

// right wants a notification to be signed, and each of its members to say what happened. Ahead is by how much the hub's
// time is moved, by which it signs; the partner's is not.
func (t *trial) right(r received, e expected, ahead time.Duration) error {
	p, n := t.product, r.notice
	header := http.Header{}
	header.Set(webhook.HeaderID, r.ID)
	header.Set(webhook.HeaderTimestamp, r.Timestamp)
	header.Set(webhook.HeaderSignature, r.Signature)
	for _, s := range p.staged.Endpoint(e.of()).Secrets { // while secrets rotate each of them is to do; none: it is not signed
		secret, err := webhook.ParseSecret(s.Reveal())
		if err == nil {
			err = webhook.Verify(header, r.At.Add(ahead), r.Body, secret)
		}
		if err != nil {
			return fmt.Errorf("signature: %w", err)
		}
	}
	_, dated := time.Parse(notification.DateLayout, n.Date)
	charged := e.kind == notification.Charged
	for _, rule := range []struct {
		holds bool
		says  string
	}{
		{charged == (r.Operation == toCharges) && charged != (r.Operation == toSubscriptions), "came to the endpoint " + r.Operation},
		{n.UserType == postpaid, "userType is " + n.UserType},
		{n.PartnerID == number(p.partner.id) && n.ServiceID == number(p.service.id), fmt.Sprintf("partnerId is %d and serviceId %d", n.PartnerID, n.ServiceID)},
		{n.EntryChannel == p.channel(), "entryChannel is " + n.EntryChannel},
		{strings.Trim(string(n.TID), `"`) == tid, "tid is " + string(n.TID)},
		{dated == nil, "date is " + n.Date},
		{n.CancelReason == nil, "cancelReason is there"}, // who ends it by the API has neither of the reasons
		{charged == (n.Value != nil) && charged == (n.Context != nil), "value and context are there, or not, as they should not be"},
		{n.Value == nil || *n.Value == p.point.Amount, fmt.Sprintf("value is %d, not %d", valueOf(n.Value), p.point.Amount)},
	} {
		if !rule.holds {
			return errors.New(rule.says)
		}
	}
	return nil
}

func valueOf(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// before wants the first of one kind to have come before the first of another: who is told of a charge knows of the
// subscription (specification §6).
func (t *trial) before(ctx context.Context, first, second expected) error {
	got, err := t.notices(ctx)
	for _, r := range got {
		if first.is(r.notice) {
			return err
		}
		if second.is(r.notice) {
			return fmt.Errorf("%s came before %s", second, first)
		}
	}
	return err
}

// paid wants the operator to have charged the line so often, each time at the price: its ledger is what was charged,
// whatever anybody was told (specification §9.2).
func (t *trial) paid(ctx context.Context, times int) error {
	var ledger struct{ Charges []carrierbilling.Charge }
	if err := t.control(ctx, http.MethodGet, "/_sandbox/ledger/carrierbilling", nil, &ledger); err != nil {
		return err
	}
	made := 0
	for _, c := range ledger.Charges {
		if c.MSISDN != t.user.msisdn {
			continue
		}
		if made++; c.Net() != t.product.point.Amount {
			return fmt.Errorf("the operator charged %d, not %d", c.Net(), t.product.point.Amount)
		}
	}
	if made != times {
		return fmt.Errorf("the operator made %d charges, not %d", made, times)
	}
	return nil
}

// delivered waits until nothing is left to be told.
func (t *trial) delivered(ctx context.Context) error {
	return t.soon(ctx, "notifications are left", func() (bool, error) {
		pending, err := t.admin.List(ctx, "notifications-pending")
		return len(pending) == 0, err
	})
}
