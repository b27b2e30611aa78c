package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/test/sandbox/carrierbilling"
)

// hubBooks are the operator's ledger, what partners were told and the hub's tables, beside each other.
type hubBooks struct {
	ledger        map[string][]carrierbilling.Charge // by TxID
	notices       []hubNotice
	charges       []hubCharged
	subscriptions map[int64]*hubSubscribed
	byTxID        map[string]int64 // charges

	kept map[string]int64 // what a line paid in the end
	open map[string]int   // subscriptions of a line that are not cancelled
}

// hubCharged is a charge, as the tables have it.
type hubCharged struct {
	id           int64
	key          string
	kind         string
	state        string
	amount       int64
	subscription *int64
	notice       string // webhook-id; empty: none
	delivered    bool
	opened       time.Time
	ended        *time.Time
	txIDs        []string
}

// hubSubscribed is a subscription, as the tables have it.
type hubSubscribed struct {
	id        int64
	state     string
	began     bool
	cancelled *time.Time
	reason    string
	msisdn    string // of its charges in the ledger
}

// hubBooks reads them once nothing is open.
func (p *platform) hubBooks(t testing.TB, db *pgx.Conn) *hubBooks {
	t.Helper()
	b := &hubBooks{
		ledger: map[string][]carrierbilling.Charge{}, notices: p.notices(t, ""), subscriptions: map[int64]*hubSubscribed{}, byTxID: map[string]int64{},
		kept: map[string]int64{}, open: map[string]int{},
	}
	for _, c := range p.sandbox.CarrierBilling.Charges() {
		b.ledger[c.TxID] = append(b.ledger[c.TxID], c)
		b.kept[c.MSISDN] += c.Net()
	}
	collect(t, db, func(s hubSubscribed, row pgx.CollectableRow) error {
		err := row.Scan(&s.id, &s.state, &s.began, &s.cancelled, &s.reason)
		b.subscriptions[s.id] = &s
		return err
	}, `select id, state, anchor is not null, cancelled_at, cancel_reason from subscription.subscriptions`)
	collect(t, db, func(c hubCharged, row pgx.CollectableRow) error {
		err := row.Scan(&c.id, &c.key, &c.kind, &c.state, &c.amount, &c.subscription, &c.notice, &c.delivered, &c.opened, &c.ended, &c.txIDs)
		for _, id := range c.txIDs {
			b.byTxID[id] = c.id
			for _, made := range b.ledger[id] {
				if c.subscription != nil {
					b.subscriptions[*c.subscription].msisdn = made.MSISDN
				}
			}
		}
		b.charges = append(b.charges, c)
		return err
	}, `select id, key, kind, state, amount, subscription_id, coalesce(notice_id::text, ''), noticed_at is not null, opened_at, ended_at,
		array(select tx_id from subscription.attempts where charge_id = id order by number) from subscription.charges order by id`)
	for _, s := range b.subscriptions {
		if s.state != "CANCELLED" {
			b.open[s.msisdn]++
		}
	}
	return b
}

func collect[R any](t testing.TB, db *pgx.Conn, each func(R, pgx.CollectableRow) error, query string) {
	t.Helper()
	rows, err := db.Query(t.Context(), query)
	if err == nil {
		_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (none R, _ error) { return none, each(none, row) })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// String counts.
func (b *hubBooks) String() string {
	states := map[string]int{}
	for _, c := range b.charges {
		states[c.kind+" "+c.state]++
	}
	for _, s := range b.subscriptions {
		states["subscriptions "+s.state+" "+s.reason]++
	}
	return fmt.Sprintf("%d notifications, %v", len(b.notices), states)
}

// check holds the invariants of specification §12.
func (b *hubBooks) check(t testing.TB) {
	t.Helper()
	told, ledger, notified := map[string]hubNotice{}, int64(0), int64(0)
	for _, n := range b.notices {
		if told[n.id] = n; n.UpdateType == noticeCharged {
			notified += *n.Value
		}
	}
	for id, all := range b.ledger {
		if b.byTxID[id] == 0 {
			t.Errorf("%s was charged without an intent: %+v", id, all)
		}
		for _, c := range all {
			ledger += c.Net()
		}
	}
	if ledger != notified { // 26
		t.Errorf("the ledger has %d, and partners were told of %d", ledger, notified)
	}
	claimed := map[string]int64{}
	for _, c := range b.charges {
		b.checkCharge(t, c, told)
		if c.notice != "" {
			claimed[c.notice] = c.id
		}
	}
	for id, n := range told { // 9
		if (n.UpdateType == noticeCharged) != (claimed[id] != 0) {
			t.Errorf("notification %s %+v of charge %d", id, n, claimed[id])
		}
	}
	b.checkSubscriptions(t)
}

// What a charge of a kind is for.
var hubContexts = map[string]int{"SUBSCRIPTION": 0, "RENEWAL": 1, "ONE_SHOT": 2}

// checkCharge holds a charge against the ledger and its notification: 1, 3, 5, 7, 9.
func (b *hubBooks) checkCharge(t testing.TB, c hubCharged, told map[string]hubNotice) {
	t.Helper()
	t = of(t, fmt.Sprintf("charge %d %s %s", c.id, c.key, c.state))
	var made []carrierbilling.Charge
	for _, id := range c.txIDs {
		for _, filed := range b.ledger[id] {
			if filed.State == carrierbilling.Charged {
				made = append(made, filed)
			}
		}
	}
	if len(made) > 1 {
		t.Errorf("charged %d times: %+v", len(made), made)
	}
	price := hubWeeklyPrice
	if c.kind == "ONE_SHOT" {
		price = hubPrice
	}
	net, refunds := int64(0), 0
	for _, m := range made {
		net, refunds = net+m.Net(), refunds+len(m.Refunds)
		if m.Amount != price {
			t.Errorf("charged %d, want %d", m.Amount, price)
		}
	}
	n, notified := told[c.notice]
	switch c.state {
	case "SUCCEEDED":
		if net != c.amount || refunds > 0 || !notified || !c.delivered || n.Value == nil || *n.Value != c.amount || *n.Context != hubContexts[c.kind] || n.UserIdentifier != made[0].MSISDN {
			t.Errorf("the ledger has %+v, the partner was told %+v", made, n)
		}
		if s := c.subscription; s != nil && b.subscriptions[*s].cancelled != nil && c.ended.After(*b.subscriptions[*s].cancelled) {
			t.Errorf("it came true after the end of subscription %d, and was kept", *s)
		}
	case "REFUNDED":
		if len(made) != 1 || net != 0 || refunds != 1 || c.notice != "" {
			t.Errorf("the ledger has %+v, notification %q", made, c.notice)
		}
	default:
		if len(made) > 0 || c.notice != "" {
			t.Errorf("the ledger has %+v, notification %q", made, c.notice)
		}
	}
	if s := c.subscription; s != nil && b.subscriptions[*s].cancelled != nil && c.opened.After(*b.subscriptions[*s].cancelled) {
		t.Errorf("it began after the end of subscription %d", *s)
	}
}

// checkSubscriptions holds subscriptions against what partners were told of them, in which order: 8, 10, 11, 20.
func (b *hubBooks) checkSubscriptions(t testing.TB) {
	t.Helper()
	began, ended := map[string]int{}, map[string]int{}
	for _, s := range b.subscriptions {
		if s.began {
			began[s.msisdn]++
		}
		if s.began && s.state == "CANCELLED" {
			ended[s.msisdn]++
		}
	}
	for msisdn, n := range b.open {
		if n > 1 {
			t.Errorf("%s has %d subscriptions", msisdn, n)
		}
	}
	active := map[string]bool{}
	for _, n := range b.notices {
		who := n.UserIdentifier
		switch {
		case n.UpdateType == noticeSubscribed && !active[who]:
			active[who] = true
			began[who]--
		case n.UpdateType == noticeCancelled && active[who] && (n.CancelReason == nil || *n.CancelReason == "MO"):
			active[who] = false
			ended[who]--
		case n.UpdateType == noticeCharged && (active[who] || *n.Context == hubContexts["ONE_SHOT"]):
		default:
			t.Errorf("out of order, or more than once: %+v", n)
		}
		if n.UpdateType != noticeCancelled && n.CancelReason != nil {
			t.Errorf("a reason: %+v", n)
		}
	}
	for what, left := range map[string]map[string]int{"begins": began, "ends": ended} {
		for msisdn, n := range left {
			if n != 0 {
				t.Errorf("%d %s of %s more than were told", n, what, msisdn)
			}
		}
	}
}
