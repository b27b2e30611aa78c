package smsc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/contracts/sapi/smsc"
	"puente/shared/config"
	"puente/shared/database/databasetest"
	"puente/shared/httpclient"
	"puente/shared/keyring"
	"puente/shared/problem"
	"puente/test/sandbox"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/sandboxtest"
)

// start makes a system on an empty database, in front of the sandbox's gateway.
func start(t *testing.T) (*system, *sandboxtest.Sandbox) {
	t.Helper()
	box := sandboxtest.Start(t, sandbox.Config{})
	ring, err := keyring.LoadOrCreate(t.TempDir() + "/keys.json")
	if err != nil {
		t.Fatal(err)
	}
	cfg := defaults()
	cfg.HTTP.URL, cfg.Username, cfg.Password = box.URL+"/smsc", "puente", config.NewSecret("the-password")
	cfg.HTTP.Breaker.Off = true
	out := httpclient.New(target, cfg.HTTP, httpclient.Deps{Credentials: credentials(cfg)})
	t.Cleanup(out.Close)
	s := &system{cfg: cfg, ring: ring, db: databasetest.New(t, API.Migrations...), log: databasetest.Logger(t)}
	s.gateway = newGateway(cfg, "http://127.0.0.1:1", out)
	return s, box
}

func pin(id string) smsc.Message {
	return smsc.Message{ID: id, From: "2200", To: "56920000000", Text: "Su PIN es 4711", Encoding: smsc.EncodingGSM7, ReportWanted: true}
}

// Whatever the gateway does to the one call, and however often the message is submitted again: its phone gets
// it once at most, and once where the gateway sent it.
func TestMessageIsSentOnceWhateverHappens(t *testing.T) {
	commit, not := true, false
	for i, test := range []struct {
		fault fault.Fault
		kind  problem.Kind
		sent  int
	}{
		{fault.Fault{Kind: fault.Hang}, problem.Timeout, 0},
		{fault.Fault{Kind: fault.HangAfterCommit}, problem.Timeout, 1},
		{fault.Fault{Kind: fault.LateCommit, Delay: 600 * time.Millisecond}, problem.Timeout, 1},
		{fault.Fault{Kind: fault.Drip}, problem.Timeout, 1},
		{fault.Fault{Kind: fault.Reset}, problem.Unknown, 1},
		{fault.Fault{Kind: fault.Reset, Commit: &not}, problem.Unknown, 0},
		{fault.Fault{Kind: fault.Truncate}, problem.Unknown, 1},
		{fault.Fault{Kind: fault.HalfClose}, problem.Unknown, 0},
		{fault.Fault{Kind: fault.Garbage}, problem.Unknown, 0},
		{fault.Fault{Kind: fault.GzipBomb}, problem.Unknown, 0},
		{fault.Fault{Kind: fault.HeaderBomb}, problem.Unknown, 0},
		{fault.Fault{Kind: fault.Status, Status: 500}, problem.Unknown, 0},
		{fault.Fault{Kind: fault.Status, Status: 502, Commit: &commit}, problem.Unknown, 1},
		{fault.Fault{Kind: fault.Status, Status: 503}, problem.Unknown, 0},
		{fault.Fault{Kind: fault.Status, Status: 429}, problem.Unknown, 0},
	} {
		t.Run(fmt.Sprint(i, test.fault.Kind, test.fault.Status), func(t *testing.T) {
			t.Parallel()
			s, box := start(t)
			test.fault.System, test.fault.Operation, test.fault.Times = "smsc", "sendsms", 1
			box.Fault(t, test.fault)
			patience := 10 * time.Second
			if test.kind == problem.Timeout {
				patience = 500 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := s.Submit(ctx, pin("pin:1"))
			if e := problem.Of(err); e == nil || e.Kind != test.kind || smsc.Undone(err) {
				t.Fatal(err)
			}
			if got, err := s.Query(t.Context(), smsc.MessageQuery{ID: "pin:1"}); err != nil || got.State != smsc.StateUnknown {
				t.Errorf("%+v %v", got, err)
			}
			for range 3 {
				if _, err := s.Submit(t.Context(), pin("pin:1")); !errors.Is(err, problem.Unknown) {
					t.Errorf("again: %v", err)
				}
			}
			sent := func() int { return len(box.SMSC.Messages("")) }
			if test.fault.Kind == fault.LateCommit { // it works on after its caller left
				if _, err := box.Await(t.Context(), sandbox.Filter{System: "smsc"}, func([]sandbox.Request) bool { return sent() > 0 }); err != nil {
					t.Fatal(err)
				}
			}
			if n := sent(); n != test.sent {
				t.Errorf("sent %d times, want %d", n, test.sent)
			}
			if n := testutil.ToFloat64(s.unknownMessages()); n != 0 { // its time is not over
				t.Errorf("%v unknown at once", n)
			}
			execute(t, s, `UPDATE smsc.messages SET ends_at = clock_timestamp()`)
			if n := testutil.ToFloat64(s.unknownMessages()); n != 1 {
				t.Errorf("%v unknown", n)
			}
		})
	}
}

func TestMessageIsSentOnceHoweverManyAsk(t *testing.T) {
	s, box := start(t)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			_, err := s.Submit(context.Background(), pin("pin:1"))
			if e := problem.Of(err); err != nil && e.Code != smsc.CodeInProgress {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := box.SMSC.Messages(""); len(got) != 1 || got[0].Text != "Su PIN es 4711" || got[0].To != "56920000000" {
		t.Errorf("%+v", got)
	}
}

// The intent is written before the call: where it can not be, nothing is sent, and the caller knows it.
func TestNothingIsSentWithoutTheTable(t *testing.T) {
	s, box := start(t)
	execute(t, s, `DROP TABLE smsc.messages`)
	if _, err := s.Submit(t.Context(), pin("pin:1")); !errors.Is(err, problem.Unavailable) || len(box.SMSC.Messages("")) != 0 {
		t.Errorf("%v, sent %d", err, len(box.SMSC.Messages("")))
	}
}

// A report that is quicker than the answer is not undone by it.
func TestReportBeforeTheAnswer(t *testing.T) {
	s, box := start(t)
	c := beside(s)
	box.Fault(t, fault.Fault{System: "smsc", Operation: "sendsms", Kind: fault.HangAfterCommit, Times: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	done := make(chan error, 1)
	go func() { _, err := s.Submit(ctx, pin("pin:1")); done <- err }()
	if _, err := box.Await(t.Context(), sandbox.Filter{System: "smsc"}, func([]sandbox.Request) bool { return len(box.SMSC.Messages("")) == 1 }); err != nil {
		t.Fatal(err)
	}
	got, err := s.Query(t.Context(), smsc.MessageQuery{ID: "pin:1"})
	if err != nil || got.State != smsc.StateSending {
		t.Fatalf("%+v %v", got, err)
	}
	row, err := s.Query(t.Context(), smsc.MessageQuery{ID: "pin:1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Report(t.Context(), reportOf(t, s, row.MessageID, "1")); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := box.Reset(); err != nil { // ends what hangs
		t.Fatal(err)
	}
	if err := <-done; err == nil || smsc.Undone(err) {
		t.Error(err)
	}
	if got, err := s.Query(t.Context(), smsc.MessageQuery{ID: "pin:1"}); err != nil || got.State != smsc.StateDelivered {
		t.Errorf("%+v %v", got, err)
	}
	if out, err := s.Submit(t.Context(), pin("pin:1")); err != nil || out.MessageID != row.MessageID {
		t.Errorf("%+v %v", out, err)
	}
}
