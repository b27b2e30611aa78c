package subscription

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/contracts/papi/subscription"
	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/evidence"
	"puente/papi/subscription/notification"
	"puente/shared/outbox"
	"puente/shared/webhook"
)

// listener is a partner that answers as it is told to.
type listener struct {
	result outbox.Result
	heard  chan string
}

func (l *listener) Send(_ context.Context, _ webhook.Endpoint, id string, _ []byte) outbox.Result {
	l.heard <- id
	return l.result
}

// delivers has the outbox tell the partner of so many events, and write down what became of them.
func (w *world) delivers(t *testing.T, r outbox.Result, events int) {
	t.Helper()
	l := &listener{result: r, heard: make(chan string)}
	d, err := outbox.NewDeliverer(w.told, notification.Stream, outbox.Config{}, notification.NewDelivery(w.catalogue, l, evidence.New()).Owner(),
		outbox.Deps{DB: w.db, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.Run(ctx) }()
	for range events {
		<-l.heard
	}
	stop()
	<-ended // what is under way is written down before
}

// A charge that was answered with 0 and whose notification its partner took is Oneshot, OK Prov; one that it
// refuses is NOK; specification §14.
func TestAChargeIsEvidenceOnceItsPartnerKnows(t *testing.T) {
	w := newWorld(t)
	desk := evidence.NewDesk(evidence.Defaults(), w.db, w.catalogue, w.now)
	state := func() string {
		got, err := desk.Resource().Get(t.Context(), "52272.1000000002")
		if err != nil {
			t.Fatal(err)
		}
		return got.(evidence.Row).Row.Cells[acceptance.SubscriptionOneshot].State.String()
	}
	charge := func(key string) {
		in := trusted()
		in.Key = key
		if out, err := w.Charge(as(t, "socio"), in); err != nil || out.Outcome != subscription.OutcomeSucceeded {
			t.Fatalf("%+v %v", out, err)
		}
	}
	charge("compra-1")
	if got := state(); got != "NOK" {
		t.Errorf("before its partner knows: %s", got)
	}
	w.delivers(t, outbox.Result{Outcome: outbox.Delivered, Status: 200}, 1)
	if got := state(); got != "OK Prov" {
		t.Errorf("once its partner knows: %s", got)
	}
	w.pass(time.Second)
	charge("compra-2")
	w.delivers(t, outbox.Result{Outcome: outbox.Dead, Status: 200, Reason: "rejected"}, 1)
	if got := state(); got != "NOK" {
		t.Errorf("once it refused one: %s", got)
	}
}
