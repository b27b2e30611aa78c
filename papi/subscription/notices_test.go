package subscription

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"

	"puente/contracts/papi/subscription"
	"puente/contracts/sapi/carrierbilling"
	"puente/papi/subscription/enrolment"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/notification"
	"puente/papi/subscription/renewal"
	"puente/papi/subscription/tally"
	"puente/shared/problem"
)

// Users come, pay or cannot, buy, leave and come again, while the operator does what it likes. Then every charge
// that came true was told once, in order, or was given back before anybody was told; and the money that
// partners were told of is the operator's.
func TestInvariants09And10And26WhatIsToldIsWhatHappened(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			h := newHistory(t, w, seed)
			for range 120 {
				h.step()
			}
			w.operator.settle()
			for range 3 {
				w.resolve(t)
			}
			h.check()
		})
	}
}

// history is what users do.
type history struct {
	*world
	t       *testing.T
	random  *rand.Rand
	flows   *enrolment.Flows
	renewal *renewal.Renewal
	numbers []string
	bought  int
}

func newHistory(t *testing.T, w *world, seed uint64) *history {
	registry, log := prometheus.NewRegistry(), slog.New(slog.DiscardHandler)
	h := &history{world: w, t: t, random: rand.New(rand.NewPCG(seed, 7))}
	h.flows = enrolment.New(enrolment.Defaults(), enrolment.Deps{
		DB: w.db, Ring: w.ring, Catalogue: w.catalogue, Book: w.book, Directory: w.directory, Charging: w.charging, Lifecycle: w.lifecycle,
		Writer: w.writer, Users: w.said, Tally: tally.New(w.ring), Now: w.now, Log: log, Registerer: registry,
	})
	h.renewal = renewal.New(renewal.Defaults(), renewal.Deps{
		DB: w.db, Catalogue: w.catalogue, Book: w.book, Directory: w.directory, Lifecycle: w.lifecycle, Writer: w.writer, Charging: w.charging,
		Now: w.now, Log: log, Registerer: registry,
	})
	for i := range 6 {
		h.numbers = append(h.numbers, fmt.Sprintf("5692000%04d", 100+i))
		w.line(h.numbers[i])
	}
	return h
}

// step is one thing that happens.
func (h *history) step() {
	msisdn := h.numbers[h.random.IntN(len(h.numbers))]
	deeds := []deed{well, well, well, well, declines, refuses, breaks, hangsAfter}
	h.operator.mu.Lock()
	h.operator.next = []deed{deeds[h.random.IntN(len(deeds))]}
	h.operator.unheard = h.random.IntN(3) == 0
	h.operator.mu.Unlock()
	switch h.random.IntN(6) {
	case 0, 1:
		h.subscribe(msisdn)
	case 2:
		h.buy(msisdn)
	case 3:
		h.leave(msisdn)
	case 4:
		h.pass(time.Duration(1+h.random.IntN(100)) * time.Hour)
	}
	if _, _, err := h.renewal.Run(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	if h.random.IntN(3) == 0 {
		h.resolve(h.t)
	}
}

func (h *history) subscribe(msisdn string) {
	flow, err := h.flows.StartFlow(h.t.Context(), subscription.FlowRequest{
		Campaign: "juegos", PartnerID: partnerID, ServiceID: serviceID, ProductID: weeklyID, Channel: "WEB", MSISDN: msisdn, Address: "192.0.2." + fmt.Sprint(h.random.IntN(200)),
	})
	if err != nil {
		h.tolerate(err, subscription.CodePINQuota)
		return
	}
	h.said.mu.Lock()
	pin := ""
	for _, m := range h.said.all {
		if m.Purpose == messaging.PIN && m.MSISDN == msisdn {
			pin = m.PIN
		}
	}
	h.said.mu.Unlock()
	_, err = h.flows.ConfirmFlow(short(h.t, h.t.Context()), subscription.Confirmation{ID: flow.ID, PIN: pin, Texts: "1", Screens: []string{"offer"}, Amount: 990, Currency: "CLP", Address: "192.0.2.1"})
	h.tolerate(err, subscription.CodeFlowEnded)
}

func (h *history) buy(msisdn string) {
	in := trusted()
	h.bought++
	in.MSISDN, in.Key = msisdn, fmt.Sprint("compra-", h.bought)
	for range 1 + h.random.IntN(2) {
		_, err := h.Charge(short(h.t, as(h.t, "socio")), in)
		h.tolerate(err, subscription.CodeSpendCap, subscription.CodeInProgress)
	}
}

func (h *history) leave(msisdn string) {
	_, err := h.OptOut(as(h.t, "socio"), subscription.OptOutRequest{Offer: subscription.Offer{MSISDN: msisdn, PartnerID: partnerID, ServiceID: serviceID, ProductID: weeklyID, Channel: "WEB"}})
	h.tolerate(err, subscription.CodeNeverSubscribed)
}

// tolerate ends the test at an error that is neither ours nor one of the codes.
func (h *history) tolerate(err error, codes ...string) {
	h.t.Helper()
	if err == nil {
		return
	}
	e := problem.Of(err)
	for _, code := range codes {
		if e.Code == code {
			return
		}
	}
	if e.Kind != problem.Unavailable && e.Kind != problem.Timeout && e.Kind != problem.Unknown {
		h.t.Fatal(err)
	}
}

// notice is what is looked at of a notification.
type notice struct {
	UpdateType int   `json:"updateType"`
	Value      int64 `json:"value"`
	Context    int   `json:"context"`
}

func (h *history) check() {
	t := h.t
	events, err := h.told.Pending(t.Context(), h.db, notification.Stream, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	charges, open := map[string]bool{}, map[string]bool{} // by key, whether it has a subscription that was told
	for _, e := range events {
		var n notice
		if err := json.Unmarshal(e.Payload, &n); err != nil {
			t.Fatal(err)
		}
		switch {
		case n.UpdateType == 0 && open[e.Key]:
			t.Errorf("%s: subscribed twice", e.Key)
		case n.UpdateType == 0:
			open[e.Key] = true
		case n.UpdateType == 1 && !open[e.Key]:
			t.Errorf("%s: unsubscribed without a subscription", e.Key)
		case n.UpdateType == 1:
			open[e.Key] = false
		case n.UpdateType == 2:
			if n.Context != int(notification.OneShot) && !open[e.Key] {
				t.Errorf("%s: charged without a subscription", e.Key)
			}
			charges[e.ID.String()] = true
			sum += n.Value
		}
	}
	var ledger int64
	made, back := 0, 0
	for _, c := range h.operator.ledger {
		if c.Outcome != carrierbilling.OutcomeCharged {
			continue
		}
		made++
		ledger += c.Amount
		for _, r := range c.Refunds {
			back++
			ledger -= r.Amount
		}
	}
	if sum != ledger || made < 10 {
		t.Errorf("partners were told of %d, the operator has %d, of %d charges, %d refunds", sum, ledger, made, back)
	}
	rows, err := h.db.Query(t.Context(), "select key, state, coalesce(notice_id::text, '') from subscription.charges")
	if err != nil {
		t.Fatal(err)
	}
	var key, state, id string
	for rows.Next() {
		if err := rows.Scan(&key, &state, &id); err != nil {
			t.Fatal(err)
		}
		switch {
		case state == "SUCCEEDED" && !charges[id]:
			t.Errorf("%s came true and was not told", key)
		case state != "SUCCEEDED" && id != "":
			t.Errorf("%s is %s and was told", key, state)
		case strings.Contains("SENT UNKNOWN REFUNDING", state):
			t.Errorf("%s is still %s", key, state)
		}
		delete(charges, id)
	}
	if len(charges) > 0 {
		t.Errorf("%d notices are of no charge", len(charges))
	}
	t.Log(made, "charges,", back, "refunds,", len(events), "notices")
}
