package messaging

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"puente/contracts/sapi/smsc"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/outbox"
	"puente/shared/problem"
)

func result(o outbox.Outcome, after time.Duration, reason string) outbox.Result {
	return outbox.Result{Outcome: o, RetryAfter: after, Reason: reason}
}

func TestDeliver(t *testing.T) {
	w := newWorld(t)
	unavailable := &problem.Error{Kind: problem.Unavailable, RetryAfter: 3 * time.Second}
	timeout := &problem.Error{Kind: problem.Timeout}
	for name, test := range map[string]struct {
		err, queryErr error
		found         smsc.State
		want          outbox.Result
		state         string
	}{
		"taken":                              {want: result(outbox.Delivered, 0, Sent), state: Sent},
		"refused":                            {err: &problem.Error{Kind: problem.Rejected, Code: smsc.CodeRefused}, want: result(outbox.Delivered, 0, Failed), state: "FAILED REFUSED"},
		"of a used id":                       {err: &problem.Error{Kind: problem.Conflict, Code: smsc.CodeIDReused}, want: result(outbox.Delivered, 0, Failed), state: "FAILED INVALID"},
		"invalid":                            {err: &problem.Error{Kind: problem.Invalid}, want: result(outbox.Delivered, 0, Failed), state: "FAILED INVALID"},
		"gateway away":                       {err: unavailable, want: result(outbox.Retry, 3*time.Second, "unavailable"), state: Queued},
		"shed":                               {err: &problem.Error{Kind: problem.Shed}, want: result(outbox.Retry, 0, "unavailable"), state: Queued},
		"in progress":                        {err: &problem.Error{Kind: problem.Conflict, Code: smsc.CodeInProgress, RetryAfter: 2 * time.Second}, want: result(outbox.Postponed, 2*time.Second, "in progress"), state: Queued},
		"perhaps sent":                       {err: timeout, found: smsc.StateUnknown, want: result(outbox.Delivered, 0, Unknown), state: Unknown},
		"perhaps sent, as the system says":   {err: &problem.Error{Kind: problem.Unknown}, found: smsc.StateUnknown, want: result(outbox.Delivered, 0, Unknown), state: Unknown},
		"perhaps sent, and nobody tells":     {err: timeout, queryErr: unavailable, want: result(outbox.Delivered, 0, Unknown), state: Unknown},
		"answer lost, taken":                 {err: timeout, found: smsc.StateAccepted, want: result(outbox.Delivered, 0, Sent), state: Sent},
		"answer lost, delivered":             {err: timeout, found: smsc.StateDelivered, want: result(outbox.Delivered, 0, Delivered), state: Delivered},
		"answer lost, rejected":              {err: timeout, found: smsc.StateRejected, want: result(outbox.Delivered, 0, Failed), state: "FAILED SMSC_REJECTS"},
		"answer lost, unsent":                {err: timeout, found: smsc.StateUnsent, want: result(outbox.Retry, 0, "unsent"), state: Queued},
		"answer lost, sending":               {err: timeout, found: smsc.StateSending, want: result(outbox.Postponed, time.Second, "in progress"), state: Queued},
		"never came there":                   {err: timeout, queryErr: &problem.Error{Kind: problem.NotFound, Code: smsc.CodeNoMessage}, want: result(outbox.Retry, 0, "not there"), state: Queued},
		"a defect, after which nobody knows": {err: errors.New("a defect"), found: smsc.StateUnknown, want: result(outbox.Delivered, 0, Unknown), state: Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			g := &gatewayStub{err: test.err, found: test.found, queryErr: test.queryErr}
			e := w.send(w.message(Welcome, 1))[0]
			d := NewDelivery(w.Sender, g)
			if got := d.Deliver(t.Context(), e); got != test.want {
				t.Errorf("%+v", got)
			}
			if got := w.state(e.ID); got != test.state {
				t.Errorf("%s", got)
			}
			if len(g.submitted) != 1 || g.submitted[0] != w.order(e).Message {
				t.Errorf("%+v", g.submitted)
			}
			if g.err = nil; test.want.Outcome != outbox.Delivered {
				return
			}
			if got := d.Deliver(t.Context(), e); got.Outcome != outbox.Delivered || len(g.submitted) != 1 {
				t.Errorf("once more: %+v, %d submissions", got, len(g.submitted))
			}
		})
	}
}

func TestWhatIsNotToGoOutIsNotSubmitted(t *testing.T) {
	w := newWorld(t)
	d := NewDelivery(w.Sender, w.gateway)
	deliver := func(name string, e outbox.Event, want outbox.Result, state string) {
		t.Helper()
		if got := d.Deliver(t.Context(), e); got != want {
			t.Errorf("%s: %+v", name, got)
		}
		if state != "" && w.state(e.ID) != state {
			t.Errorf("%s: %s", name, w.state(e.ID))
		}
		if len(w.gateway.submitted) != 0 {
			t.Fatalf("%s was submitted", name)
		}
	}
	pin := w.message(PIN, 1)
	pin.PIN, pin.Until = "1", noon.Add(time.Minute)
	e := w.send(pin)[0]
	w.clock = pin.Until
	deliver("a dead PIN", e, result(outbox.Delivered, 0, Failed), "FAILED EXPIRED")
	e = w.send(Message{Purpose: Help, ShortCode: "8888", LineID: w.line(msisdn), MSISDN: msisdn})[0]
	w.clock = w.clock.Add(time.Hour)
	deliver("a late answer", e, result(outbox.Delivered, 0, Failed), "FAILED EXPIRED")

	w.clock = time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC)
	renewed := w.send(w.message(Renewed, 1))[0]
	deliver("one of the night", renewed, result(outbox.Postponed, 9*time.Hour+time.Duration(w.line(msisdn))*time.Second, "quiet hours"), Queued)
	w.send(w.message(Cancelled, 1))
	w.clock = w.clock.Add(10 * time.Hour)
	deliver("a withdrawn one", renewed, result(outbox.Delivered, 0, "ended before"), "FAILED WITHDRAWN")
	w.exec(`DELETE FROM subscription.messages`)
	deliver("a forgotten one", renewed, result(outbox.Delivered, 0, "forgotten"), "")
	deliver("none of ours", outbox.Event{ID: uuid.New(), Payload: []byte("[")}, result(outbox.Dead, 0, "unreadable"), "")
}

// What was submitted when we had to stop is asked for again, under its id; nobody calls it unknown.
func TestASubmissionThatIsCutOffIsLeftToTheNext(t *testing.T) {
	w := newWorld(t)
	e := w.send(w.message(Welcome, 1))[0]
	ctx, cancel := context.WithCancel(t.Context())
	g := &cutOff{gatewayStub: gatewayStub{err: &problem.Error{Kind: problem.Abandoned}}, cancel: cancel}
	if got := NewDelivery(w.Sender, g).Deliver(ctx, e); got.Outcome != outbox.Postponed {
		t.Errorf("%+v", got)
	}
	if got := w.state(e.ID); got != Queued || len(g.queried) != 0 {
		t.Errorf("%s, %d queries", got, len(g.queried))
	}
}

type cutOff struct {
	gatewayStub
	cancel context.CancelFunc
}

func (c *cutOff) Submit(ctx context.Context, m smsc.Message) (smsc.Submission, error) {
	c.cancel()
	return c.gatewayStub.Submit(ctx, m)
}

func TestDied(t *testing.T) {
	w := newWorld(t)
	events := w.send(w.message(Welcome, 1), w.message(Cancelled, 2))
	d := NewDelivery(w.Sender, w.gateway)
	d.Deliver(t.Context(), events[0])
	for _, e := range events {
		err := pgx.BeginFunc(t.Context(), w.db, func(tx pgx.Tx) error { return d.Died(t.Context(), tx, e) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if a, b := w.state(events[0].ID), w.state(events[1].ID); a != Sent || b != "FAILED UNSENT" {
		t.Errorf("%s, %s", a, b)
	}
}

// Reports come in any order, more than once, and before we know that the message was taken. A message that
// was delivered is delivered in the end.
func TestReportsInAnyOrder(t *testing.T) {
	w := newWorld(t)
	all := []smsc.State{smsc.StateAccepted, smsc.StateDelivered, smsc.StateUndelivered, smsc.StateExpired, smsc.StateRejected, smsc.StateUnknown, smsc.StateSending}
	e := w.send(w.message(Welcome, 1))[0]
	rapid.Check(t, func(r *rapid.T) {
		w.exec(`UPDATE subscription.messages SET state = 'QUEUED', reason = ''`)
		reports := rapid.SliceOfN(rapid.SampledFrom(all), 1, 6).Draw(r, "reports")
		taken := rapid.IntRange(0, len(reports)).Draw(r, "taken")
		want := Queued
		for n := range len(reports) + 1 {
			if n == taken {
				if _, err := sql.New(w.db).EndSubmission(t.Context(), sql.EndSubmissionParams{ID: e.ID, State: Sent, At: w.clock}); err != nil {
					r.Fatal(err)
				}
				if want == Queued {
					want = Sent
				}
			}
			if n == len(reports) {
				break
			}
			changed, err := w.Report(t.Context(), e.ID, reports[n])
			if err != nil {
				r.Fatal(err)
			}
			before := want
			switch told := reported(reports[n]); {
			case told.state == Unknown:
			case told.state == Delivered:
				want = Delivered
			case told.state == Failed && (want == Queued || want == Sent):
				want = Failed + " " + told.reason
			case told.state == Sent && want == Queued:
				want = Sent
			}
			if changed != (want != before) {
				r.Fatalf("%v after %s, then %s: changed is %v", reports[:n+1], before, want, changed)
			}
		}
		if got := w.state(e.ID); got != want {
			r.Fatalf("%v: %s, want %s", reports, got, want)
		}
	})
	if changed, err := w.Report(t.Context(), uuid.New(), smsc.StateDelivered); changed || err != nil {
		t.Errorf("of none of ours: %v, %v", changed, err)
	}
}

// What is sent is delivered by the outbox itself.
func TestTheOutboxDelivers(t *testing.T) {
	w := newWorld(t)
	if err := w.db.Migrate(t.Context(), []database.Migrations{outbox.Migrations}); err != nil {
		t.Fatal(err)
	}
	box := outbox.New(w.ring, func() time.Time { return noon })
	w.Sender.box = box
	var ids []uuid.UUID
	for _, m := range []Message{w.message(Welcome, 1), w.message(Cancelled, 2)} {
		err := pgx.BeginFunc(t.Context(), w.db, func(tx pgx.Tx) error { return w.Send(t.Context(), tx, m) })
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, w.row(m.Purpose).ID)
	}
	g := &heard{ids: make(chan string, 2)}
	cfg := DeliveryDefaults()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	deliverer, err := outbox.NewDeliverer(box, Stream, cfg, NewDelivery(w.Sender, g).Owner(), outbox.Deps{DB: w.db, Logger: w.log, Registerer: w.registry})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- deliverer.Run(ctx) }()
	for _, id := range ids { // in their order: both are the line's
		if got := <-g.ids; got != id.String() {
			t.Errorf("%s, want %s", got, id)
		}
	}
	stop()
	<-ended
	for _, id := range ids {
		if got := w.state(id); got != Sent {
			t.Error(got)
		}
	}
}

type heard struct {
	gatewayStub
	ids chan string
}

func (h *heard) Submit(_ context.Context, m smsc.Message) (smsc.Submission, error) {
	h.ids <- m.ID
	return smsc.Submission{}, nil
}
