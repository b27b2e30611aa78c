package e2e

import (
	"encoding/json"
	"net/http"
	"reflect"
	"testing"

	"puente/shared/webhook"
)

// hubNotice is a notification, as its partner got it.
type hubNotice struct {
	id        string
	partner   string
	operation string

	UserIdentifier string  `json:"userIdentifier"`
	UserType       string  `json:"userType"`
	PartnerID      int64   `json:"partnerId"`
	ServiceID      int64   `json:"serviceId"`
	ProductID      int64   `json:"productId"`
	EntryChannel   string  `json:"entryChannel"`
	TID            string  `json:"tid"`
	Date           string  `json:"date"`
	UpdateType     int     `json:"updateType"`
	CancelReason   *string `json:"cancelReason"`
	Value          *int64  `json:"value"`
	Context        *int    `json:"context"`
	ShortCode      *int64  `json:"shortCode"`
}

// What a notification is of.
const (
	noticeSubscribed = 0
	noticeCancelled  = 1
	noticeCharged    = 2
)

// notices are the notifications about a line, in the order in which each came first; of all lines where it is
// empty. Each is signed, and under one webhook-id always the same.
func (p *platform) notices(t testing.TB, msisdn string) []hubNotice {
	t.Helper()
	secret, err := webhook.ParseSecret(p.hub.secrets.webhook)
	if err != nil {
		t.Fatal(err)
	}
	var all []hubNotice
	known := map[string]hubNotice{}
	for _, r := range p.sandbox.Partner.Receipts() {
		header := http.Header{}
		header.Set(webhook.HeaderID, r.ID)
		header.Set(webhook.HeaderTimestamp, r.Timestamp)
		header.Set(webhook.HeaderSignature, r.Signature)
		n := hubNotice{id: r.ID, partner: r.Partner, operation: r.Operation}
		if err := json.Unmarshal(r.Body, &n); err != nil {
			t.Fatalf("notification %s: %v", r.Body, err)
		}
		if msisdn != "" && n.UserIdentifier != msisdn {
			continue
		}
		if err := webhook.Verify(header, r.At, r.Body, secret); err != nil {
			t.Errorf("notification %s: %v", r.Body, err)
		}
		if before, ok := known[r.ID]; !ok {
			all = append(all, n)
		} else if !reflect.DeepEqual(before, n) {
			t.Errorf("%s was %+v, and then %+v", r.ID, before, n)
		}
		known[r.ID] = n
	}
	return all
}

// awaitNotices waits until a line's partner has been told so often of it, and returns of what.
func (p *platform) awaitNotices(t testing.TB, msisdn string, n int) []hubNotice {
	t.Helper()
	var all []hubNotice
	eventually(t, within, "the partner is told", func() bool { all = p.notices(t, msisdn); return len(all) >= n })
	if len(all) > n {
		t.Fatalf("the partner was told %+v, want %d", all, n)
	}
	return all
}

// wantNotice checks what a notification says beside its kind.
func (h *hubPartner) wantNotice(t testing.TB, n hubNotice, kind int, msisdn string, product int64, channel string) {
	t.Helper()
	operation := "notifySubscription"
	if kind == noticeCharged {
		operation = "notifyCharge"
	}
	if n.UpdateType != kind || n.operation != operation || n.UserIdentifier != msisdn || n.UserType != "02" || n.PartnerID != h.id || n.ServiceID != h.service || n.ProductID != product ||
		n.EntryChannel != channel || len(n.Date) != 14 || (kind == noticeCharged) != (n.Value != nil && n.Context != nil) {
		t.Errorf("notification %+v, want updateType %d of %s and %d through %s", n, kind, msisdn, product, channel)
	}
}

// wantMoney checks the notification of a charge.
func (h *hubPartner) wantMoney(t testing.TB, n hubNotice, msisdn string, product int64, value int64, context int) {
	t.Helper()
	h.wantNotice(t, n, noticeCharged, msisdn, product, "WEB")
	if n.Value == nil || *n.Value != value || n.Context == nil || *n.Context != context {
		t.Errorf("notification %+v, want %d with context %d", n, value, context)
	}
}

// wantEnd checks the notification of a cancellation; an empty reason is none.
func (h *hubPartner) wantEnd(t testing.TB, n hubNotice, msisdn, reason, channel string) {
	t.Helper()
	h.wantNotice(t, n, noticeCancelled, msisdn, h.subscription, channel)
	if (n.CancelReason == nil) != (reason == "") || n.CancelReason != nil && *n.CancelReason != reason {
		t.Errorf("notification %+v, want cancelReason %q", n, reason)
	}
}
