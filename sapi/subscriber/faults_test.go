package subscriber

import (
	"context"
	"errors"
	"testing"
	"time"

	"puente/contracts/sapi/subscriber"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/test/sandbox"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/sandboxtest"
	directory "puente/test/sandbox/subscriber"
)

// start makes a system in front of the sandbox's directory.
func start(t *testing.T) (*system, *sandboxtest.Sandbox) {
	t.Helper()
	box := sandboxtest.Start(t, sandbox.Config{})
	cfg := defaults()
	cfg.HTTP.URL, cfg.Events.URL = box.URL+"/subscriber", box.URL+"/subscriber"
	out, events := httpclient.New(target, cfg.HTTP, httpclient.Deps{}), httpclient.New(eventsTarget, cfg.Events, httpclient.Deps{})
	t.Cleanup(out.Close)
	t.Cleanup(events.Close)
	return newSystem(cfg.Operator, out, events), box
}

// A directory that misbehaves costs its callers no more than its time, retry and all, and never a line
// that it did not tell.
func TestFaults(t *testing.T) {
	for operation, test := range map[string]struct {
		most time.Duration
		ask  func(context.Context, *system) (told bool, err error)
	}{
		"line": {4 * time.Second, func(ctx context.Context, s *system) (bool, error) {
			got, err := s.Line(ctx, subscriber.LineQuery{MSISDN: "56920000000"})
			return got != subscriber.Line{}, err
		}},
		"events": {8 * time.Second, func(ctx context.Context, s *system) (bool, error) {
			got, err := s.LineEvents(ctx, subscriber.LineEventsQuery{After: "1"})
			return got.Events != nil || got.Next != "", err
		}},
	} {
		for _, f := range []struct {
			fault fault.Fault
			kind  problem.Kind
		}{
			{fault.Fault{Kind: fault.Hang}, problem.Timeout},
			{fault.Fault{Kind: fault.Drip}, problem.Timeout},
			{fault.Fault{Kind: fault.Reset}, problem.BadUpstream},
			{fault.Fault{Kind: fault.Truncate}, problem.BadUpstream},
			{fault.Fault{Kind: fault.Garbage}, problem.BadUpstream},
			{fault.Fault{Kind: fault.GzipBomb}, problem.BadUpstream},
			{fault.Fault{Kind: fault.Status, Status: 500}, problem.BadUpstream},
			{fault.Fault{Kind: fault.Status, Status: 404, Body: "<html>"}, problem.BadUpstream},
			{fault.Fault{Kind: fault.Status, Status: 200, Body: `{"MSISDN":"56920000001","OPERADOR":"ENTEL","ESTADO":"ACTIVA"}`}, problem.BadUpstream}, // another line, no events
		} {
			t.Run(operation+"/"+string(f.fault.Kind), func(t *testing.T) {
				t.Parallel()
				s, box := start(t)
				f.fault.System, f.fault.Operation = "subscriber", operation
				box.Fault(t, f.fault)
				began := time.Now()
				told, err := test.ask(t.Context(), s)
				if took := time.Since(began); told || !errors.Is(err, f.kind) || took > test.most {
					t.Errorf("%t %v after %v", told, err, took)
				}
			})
		}
	}
}

// The sandbox and this package mean the same by what they say to each other.
func TestAgainstTheSandbox(t *testing.T) {
	t.Parallel()
	s, box := start(t)
	box.Fault(t, fault.Fault{System: "subscriber", Operation: "line", Kind: fault.Hang, Times: 1}) // the second attempt answers
	own := subscriber.Line{
		Operator: "ENTEL", Own: true, UserType: subscriber.UserTypePrepaid, Segment: subscriber.SegmentPerson, Access: subscriber.AccessMobile,
		State: subscriber.StateActive, OwnerEpoch: "T-1",
	}
	with := func(change func(*subscriber.Line)) subscriber.Line {
		l := own
		change(&l)
		return l
	}
	for msisdn, want := range map[string]subscriber.Line{
		"56920010000": own,
		"56912345678": own,
		"56910010000": with(func(l *subscriber.Line) { l.UserType = subscriber.UserTypeControlled }),
		"56900011403": with(func(l *subscriber.Line) { l.UserType, l.ContentBarred = subscriber.UserTypePostpaid, true }),
		"56920011405": {Operator: "MOVISTAR", State: subscriber.StateActive},
	} {
		want.MSISDN = msisdn
		if got, err := s.Line(t.Context(), subscriber.LineQuery{MSISDN: msisdn}); err != nil || got != want {
			t.Errorf("%s: %+v %v", msisdn, got, err)
		}
	}
	for _, msisdn := range []string{"56920011404", "5611111111", "560000000000"} {
		if _, err := s.Line(t.Context(), subscriber.LineQuery{MSISDN: msisdn}); !errors.Is(err, problem.NotFound) {
			t.Errorf("%s: %v", msisdn, err)
		}
	}
	for _, msisdn := range []string{"", "..", "+56920010000", "56920010000/"} {
		if _, err := s.Line(t.Context(), subscriber.LineQuery{MSISDN: msisdn}); !errors.Is(err, problem.Invalid) {
			t.Errorf("%q: %v", msisdn, err)
		}
	}
}

// Page by page every event comes once, in order, and the lines are as the events say.
func TestEventsAgainstTheSandbox(t *testing.T) {
	t.Parallel()
	s, box := start(t)
	none, err := s.LineEvents(t.Context(), subscriber.LineEventsQuery{})
	if err != nil || len(none.Events) != 0 || none.Events == nil || none.Next != "" {
		t.Fatalf("%+v %v", none, err)
	}
	steps := []struct {
		happens string
		want    subscriber.EventType
		line    func(subscriber.Line) bool
	}{
		{directory.EventOwnerChanged, subscriber.EventOwnerChanged, func(l subscriber.Line) bool { return l.OwnerEpoch != "T-1" && l.State == subscriber.StateActive }},
		{directory.EventBarred, subscriber.EventBarred, func(l subscriber.Line) bool { return l.ContentBarred }},
		{"CAMBIO_PLAN", subscriber.EventOther, func(l subscriber.Line) bool { return l.Own }},
		{directory.EventTerminated, subscriber.EventTerminated, func(l subscriber.Line) bool { return l.Own && l.State == subscriber.StateTerminated }},
		{directory.EventPortedOut, subscriber.EventPortedOut, func(l subscriber.Line) bool { return !l.Own && l.State == subscriber.StatePortedOut }},
	}
	const msisdn = "56920010000"
	for _, step := range steps {
		if _, err := box.Subscriber.Happen(directory.Happening{MSISDN: msisdn, Type: step.happens}); err != nil {
			t.Fatal(err)
		}
		if l, err := s.Line(t.Context(), subscriber.LineQuery{MSISDN: msisdn}); err != nil || !step.line(l) {
			t.Errorf("after %s %+v %v", step.happens, l, err)
		}
	}
	var got []subscriber.EventType
	for cursor := ""; ; {
		page, err := s.LineEvents(t.Context(), subscriber.LineEventsQuery{After: cursor, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Events) == 0 {
			if page.Next != cursor {
				t.Errorf("an empty page moves the cursor from %s to %s", cursor, page.Next)
			}
			break
		}
		for _, e := range page.Events {
			if got = append(got, e.Type); e.MSISDN != msisdn || e.OwnerEpoch == "T-1" || len(got) > len(steps) {
				t.Fatalf("%+v", e)
			}
		}
		cursor = page.Next
	}
	for i, step := range steps {
		if i >= len(got) || got[i] != step.want {
			t.Fatalf("events %v", got)
		}
	}
	if _, err := s.LineEvents(t.Context(), subscriber.LineEventsQuery{Limit: subscriber.MaxLimit + 1}); !errors.Is(err, problem.Invalid) {
		t.Error(err)
	}
	var expired *problem.Error
	box.Fault(t, fault.Fault{System: "subscriber", Operation: "events", Kind: fault.Status, Status: 410, Body: `{"codigo":"CURSOR_VENCIDO"}`})
	if _, err := s.LineEvents(t.Context(), subscriber.LineEventsQuery{After: "1"}); !errors.As(err, &expired) || expired.Kind != problem.Rejected || expired.Code != subscriber.CodeCursorExpired {
		t.Error(err)
	}
}
