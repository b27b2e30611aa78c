package inbound

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"puente/contracts/sapi/smsc"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/messaging/keyword"
	"puente/shared/outbox"
	"puente/shared/problem"
)

// Invariant 19. Inbound knows no billing; the directory is down here, and so is the gateway.
func TestInvariant19ACancellationNeedsNoOtherSystem(t *testing.T) {
	w := newWorld(t)
	w.subscribe(lifecycle.Active, 1)
	w.write("8888", "SALIR")
	if w.states() != "1:CANCELLED" || w.notices() != "subscription.ended" || w.messages() != "message.cancelled" {
		t.Fatalf("%s, %s, %s", w.states(), w.notices(), w.messages())
	}
	var e outbox.Event
	if err := w.db.QueryRow(t.Context(), `SELECT id, payload FROM subscription.recorded WHERE type = 'message.cancelled'`).Scan(&e.ID, &e.Payload); err != nil {
		t.Fatal(err)
	}
	gateway := &gatewayStub{err: &problem.Error{Kind: problem.Unavailable}}
	delivery := messaging.NewDelivery(w.sender, gateway)
	if got := delivery.Deliver(t.Context(), e); got.Outcome != outbox.Retry {
		t.Errorf("while the gateway is down: %+v", got)
	}
	w.clock = w.clock.Add(48 * time.Hour)
	gateway.err = nil
	if got := delivery.Deliver(t.Context(), e); got.Outcome != outbox.Delivered || got.Reason != messaging.Sent {
		t.Errorf("once it is up: %+v", got)
	}
}

type gatewayStub struct{ err error }

func (g *gatewayStub) Submit(context.Context, smsc.Message) (smsc.Submission, error) {
	return smsc.Submission{}, g.err
}

func (g *gatewayStub) Query(context.Context, smsc.MessageQuery) (smsc.Delivery, error) {
	return smsc.Delivery{}, errors.New("it is down")
}

// Invariant 20.
func TestInvariant20RepeatedMessagesYieldOneNotification(t *testing.T) {
	w := newWorld(t)
	w.subscribe(lifecycle.Active, 1)
	item := w.text("8888", "SALIR JUEGOS")
	marked := item
	marked.ID, marked.Repeated = uuid.NewString(), true
	second := w.text("8888", "SALIR JUEGOS")
	for _, i := range []smsc.Item{item, item, marked, second} {
		delete(w.center.acknowledged, i.ID) // handed over again
		w.center.items = []smsc.Item{i}
		w.work()
	}
	if w.notices() != "subscription.ended" {
		t.Errorf("notices: %s", w.notices())
	}
	// The one that is a second message is answered, the marked one may be the first again.
	if w.messages() != "message.cancelled message.none_active" {
		t.Errorf("messages: %s", w.messages())
	}
	// One that is marked as a repetition ends what was begun again in between: who wrote it may have meant that.
	w.subscribe(lifecycle.Active, 1)
	marked.ID = uuid.NewString()
	w.center.add(marked)
	w.work()
	if w.states() != "1:CANCELLED 1:CANCELLED" || w.notices() != "subscription.ended subscription.ended" {
		t.Errorf("%s, %s", w.states(), w.notices())
	}
}

func TestACrashBeforeTheAcknowledgementDoesNothingTwice(t *testing.T) {
	w := newWorld(t)
	w.subscribe(lifecycle.Active, 1)
	w.center.add(w.text("8888", "SALIR"), w.text("8888", "hola"))
	w.center.ackErr = &problem.Error{Kind: problem.Timeout}
	if err := w.Work(t.Context()); !errors.Is(err, problem.Timeout) || w.center.waiting() != 2 {
		t.Fatalf("%v, %d wait", err, w.center.waiting())
	}
	w.Inbound = w.replica()
	w.work()
	if w.notices() != "subscription.ended" || w.messages() != "message.cancelled message.help" || w.counted("message", resultRepeated) != 2 {
		t.Errorf("%s, %s, %d repeated", w.notices(), w.messages(), w.counted("message", resultRepeated))
	}
}

// Whatever comes how often, in which order, with calls failing between: a subscription ends once if anybody
// asked for it, and not otherwise.
func TestDuplicatesAndReordering(t *testing.T) {
	w, lines := newWorld(t), 0
	products := map[int64]string{1: "JUEGOS", 2: "MUSICA", 3: ""}
	rapid.Check(t, func(r *rapid.T) {
		lines++
		w.number = fmt.Sprint(56910000000 + lines)
		w.center.items = nil
		w.subscribe(lifecycle.Active, 1, 2, 3)
		said := rapid.SliceOfN(rapid.SampledFrom([]string{"SALIR JUEGOS", "música, ¡baja!", "hola", "SALIR TODO", "stop", "juegos", "salir juegos musica"}), 1, 4).Draw(r, "said")
		var items []smsc.Item
		for _, text := range said {
			i := w.text("8888", text)
			for range rapid.IntRange(1, 3).Draw(r, "copies") {
				if i.Repeated = rapid.Bool().Draw(r, "marked"); i.Repeated && rapid.Bool().Draw(r, "another") {
					i.ID = uuid.NewString()
				}
				items = append(items, i)
			}
		}
		for _, i := range rapid.Permutation(items).Draw(r, "order") {
			delete(w.center.acknowledged, i.ID)
			w.center.items = []smsc.Item{i}
			if rapid.IntRange(0, 3).Draw(r, "fails") == 0 {
				w.center.ackErr = problem.Unavailable
				if err := w.Work(t.Context()); err == nil {
					r.Fatal("no error")
				}
			}
			if err := w.Work(t.Context()); err != nil {
				r.Fatal(err)
			}
		}
		var states []string
		ended := 0
		for _, id := range []int64{1, 2, 3} {
			state := lifecycle.Active
			for _, text := range said {
				read := keyword.Parse(text, keyword.OptOut, keyword.All, []string{"JUEGOS", "MUSICA"})
				if read.Intent == keyword.CancelAll || slices.Contains(read.Keywords, products[id]) {
					state = lifecycle.Cancelled
				}
			}
			if state == lifecycle.Cancelled {
				ended++
			}
			states = append(states, fmt.Sprint(id, ":", state))
		}
		if got := w.states(); got != strings.Join(states, " ") {
			r.Fatalf("%v: %s, want %v", said, got, states)
		}
		if got := strings.Count(w.notices(), "subscription.ended"); got != ended {
			r.Fatalf("%v: %d notices of %d", said, got, ended)
		}
		if got := strings.Count(w.messages(), "message.cancelled"); got != ended {
			r.Fatalf("%v: %d confirmations of %d", said, got, ended)
		}
		if got := strings.Count(w.messages(), "message.help"); got > 1 {
			r.Fatalf("%v: helped %d times", said, got)
		}
	})
}

// Two processes that have the same page do each message once.
func TestTwoReplicas(t *testing.T) {
	w := newWorld(t)
	for n := range 20 {
		w.number = fmt.Sprint(56900000000 + n)
		w.subscribe(lifecycle.Active, 1, 2)
		w.center.add(w.text("8888", "SALIR JUEGOS"), w.text("8888", "hola"))
	}
	var all sync.WaitGroup
	for _, i := range []*Inbound{w.Inbound, w.replica()} {
		all.Go(func() {
			if err := i.Work(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for n := range 20 {
		w.number = fmt.Sprint(56900000000 + n)
		if w.states() != "1:CANCELLED 2:ACTIVE" || w.notices() != "subscription.ended" || w.messages() != "message.cancelled message.help" {
			t.Errorf("%s, %s, %s", w.states(), w.notices(), w.messages())
		}
	}
}

// A partner's message and the wish to hear nothing more, at the same moment: either it is refused, or it was
// queued before and is withdrawn.
func TestWhoLeavesIsNotSentWhatIsQueuedAtThatMoment(t *testing.T) {
	w := newWorld(t)
	w.directory.up = true
	product, _ := w.catalogue.Snapshot().Product(1)
	for n := range 20 {
		w.number = fmt.Sprint(56900000000 + n)
		w.subscribe(lifecycle.Active, 1)
		w.center.add(w.text("8888", "SALIR TODO"))
		var both sync.WaitGroup
		both.Go(func() {
			_, err := w.sender.SendMessage(t.Context(), messaging.Request{Product: product, MSISDN: w.number, ShortCode: "8888", Text: "Hola"})
			if err != nil && !errors.Is(err, problem.Conflict) {
				t.Error(err)
			}
		})
		both.Go(func() {
			if err := w.Work(t.Context()); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
	}
	var left int
	if err := w.db.QueryRow(t.Context(), `SELECT count(*) FROM subscription.messages WHERE purpose = 'PARTNER' AND state = 'QUEUED'`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d messages, %v", left, err)
	}
}

func TestReports(t *testing.T) {
	w := newWorld(t)
	w.subscribe(lifecycle.Active, 1)
	w.write("8888", "SALIR")
	var id string
	if err := w.db.QueryRow(t.Context(), `SELECT id::text FROM subscription.recorded WHERE stream = $1`, messaging.Stream).Scan(&id); err != nil {
		t.Fatal(err)
	}
	report := func(message string, state smsc.State) smsc.Item {
		return smsc.Item{ID: uuid.NewString(), Kind: smsc.KindReport, Message: message, State: state, ReceivedAt: w.clock}
	}
	w.center.add(report(id, smsc.StateAccepted), report(id, smsc.StateUndelivered), report(id, smsc.StateAccepted), report("pin:1042", smsc.StateDelivered), report(uuid.NewString(), smsc.StateDelivered))
	w.work()
	var state, reason string
	if err := w.db.QueryRow(t.Context(), `SELECT state, reason FROM subscription.messages WHERE id = $1`, id).Scan(&state, &reason); err != nil || state != "FAILED" || reason != "UNDELIVERED" {
		t.Errorf("%s %s, %v", state, reason, err)
	}
	if got := fmt.Sprint(w.counted("report", resultNoted), w.counted("report", resultUnchanged), w.counted("report", resultDropped)); got != "2 2 1" {
		t.Error(got)
	}
}

// What concerns nobody holds up nobody.
func TestWhatIsOfNoneOfOursIsDropped(t *testing.T) {
	w := newWorld(t)
	w.subscribe(lifecycle.Active, 1)
	foreign, word, code, id, kind := w.text("8888", "SALIR"), w.text("8888", "SALIR"), w.text("9999", "SALIR"), w.text("8888", "SALIR"), w.text("8888", "SALIR")
	foreign.From, word.From, id.ID, kind.Kind = "51912345678", "Entel", "no uuid", "NOTHING"
	w.center.add(foreign, word, code, id, kind, w.text("8888", "SALIR JUEGOS"))
	w.work()
	if w.states() != "1:CANCELLED" || w.counted("message", resultDropped) != 5 {
		t.Errorf("%s, %d dropped", w.states(), w.counted("message", resultDropped))
	}
	var n int
	if err := w.db.QueryRow(t.Context(), `SELECT count(*) FROM subscription.messages WHERE direction = 'MO'`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d are kept, %v", n, err)
	}
}

func TestAllPagesAreDone(t *testing.T) {
	w := newWorld(t)
	for range 2*smsc.MaxItems + 1 {
		w.center.add(smsc.Item{ID: uuid.NewString(), Kind: smsc.KindReport, Message: uuid.NewString(), State: smsc.StateDelivered})
	}
	w.work()
	if w.center.takes != 3 {
		t.Errorf("%d pages", w.center.takes)
	}
}

func TestTheCenterIsDown(t *testing.T) {
	w := newWorld(t)
	w.center.takeErr = &problem.Error{Kind: problem.Unavailable}
	if err := w.Work(t.Context()); !errors.Is(err, problem.Unavailable) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.center.takeErr = nil
	w.center.add(w.text("8888", "SALIR"))
	if err := w.Work(ctx); !errors.Is(err, context.Canceled) || w.center.waiting() != 1 {
		t.Errorf("%v, %d wait", err, w.center.waiting())
	}
}
