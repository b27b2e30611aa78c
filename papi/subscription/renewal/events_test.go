package renewal

import (
	"testing"
	"time"

	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/lifecycle"
	"puente/shared/database/databasetest"
	"puente/shared/problem"
)

func (l *lines) happened(line int, what subscriber.EventType, at time.Time, epoch string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, subscriber.LineEvent{ID: string(what), MSISDN: msisdn(line), Type: what, At: at, OwnerEpoch: epoch})
}

func TestLineEvents(t *testing.T) {
	began, after, before := at(t, "2026-03-01 10:00:00"), at(t, "2026-03-01 12:00:00"), at(t, "2026-02-01 10:00:00")
	for name, c := range map[string]struct {
		what  subscriber.EventType
		at    time.Time
		epoch string
		line  func(*subscriber.Line) // what the directory says of it then
		away  bool
		over  bool
	}{
		"terminated":                       {what: subscriber.EventTerminated, at: after, over: true},
		"ported out":                       {what: subscriber.EventPortedOut, at: after, over: true},
		"terminated before this owner":     {what: subscriber.EventTerminated, at: before},
		"terminated before, and is so now": {what: subscriber.EventTerminated, at: before, line: func(l *subscriber.Line) { l.State = subscriber.StateTerminated }, over: true},
		"owner changed":                    {what: subscriber.EventOwnerChanged, at: after, epoch: "e2", over: true},
		"became this owner's":              {what: subscriber.EventOwnerChanged, at: after, epoch: "e1"},
		"owner changed before":             {what: subscriber.EventOwnerChanged, at: before, epoch: "e0"},
		"barred":                           {what: subscriber.EventBarred, at: after},
		"other, and nothing came of it":    {what: subscriber.EventOther, at: after},
		"other, and it is another owner's": {what: subscriber.EventOther, at: after, line: func(l *subscriber.Line) { l.OwnerEpoch = "e2" }, over: true},
		"other, and the directory is away": {what: subscriber.EventOther, at: after, away: true},
	} {
		t.Run(name, func(t *testing.T) {
			db := databasetest.New(t, migrations)
			w := newWorld(t, db, "2026-03-01 13:00:00")
			w.product(100, catalogue.Week, 990)
			w.product(101, catalogue.Week, 990)
			first, second, another := w.subscribe(1, 100, 990, began), w.subscribe(1, 101, 990, began), w.subscribe(2, 100, 990, began)
			if c.line != nil {
				w.lines.change(msisdn(1), c.line)
			}
			if c.away {
				w.lines.fail(problem.Unavailable)
			}
			w.lines.happened(3, subscriber.EventTerminated, after, "") // nobody's
			w.lines.happened(1, c.what, c.at, c.epoch)
			s := w.scheduler(db, testConfig())
			s.Log = quiet()
			for range 2 { // the second time nothing is new
				if err := s.FollowLines(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for _, id := range []int64{first, second} {
				if row := w.subscription(id); (row.State == lifecycle.Cancelled) != c.over || c.over && (row.CancelReason != lifecycle.ReasonLifecycle || row.CancelCause != lifecycle.CauseLine) {
					t.Errorf("%s %s %s", row.State, row.CancelReason, row.CancelCause)
				}
			}
			if state := w.subscription(another).State; state != lifecycle.Active {
				t.Errorf("another line's is %s", state)
			}
			want := 0
			if c.over {
				want = 2
			}
			if n := w.count(`select count(*) from test.notices where kind = 1`); n != want {
				t.Errorf("%d notices", n)
			}
			if n := w.count(`select count(*) from test.messages where purpose = 'CANCELLED'`); n != 0 {
				t.Errorf("%d messages to a number that is another's", n)
			}
		})
	}
}

// Where the directory has forgotten the cursor, its events are read from the oldest on.
func TestLineEventsCursor(t *testing.T) {
	db := databasetest.New(t, migrations)
	w := newWorld(t, db, "2026-03-01 13:00:00")
	w.product(100, catalogue.Week, 990)
	began, after := at(t, "2026-03-01 10:00:00"), at(t, "2026-03-01 12:00:00")
	ids := map[int]int64{}
	for n := range 7 {
		ids[n] = w.subscribe(n, 100, 990, began)
	}
	s := w.scheduler(db, testConfig())
	s.Log = quiet()
	follow := func(want ...int) {
		t.Helper()
		if err := s.FollowLines(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := w.count(`select count(*) from subscription.subscriptions where state = 'CANCELLED'`); n != len(want) {
			t.Errorf("%d are over", n)
		}
		for _, n := range want {
			if state := w.subscription(ids[n]).State; state != lifecycle.Cancelled {
				t.Errorf("line %d: %s", n, state)
			}
		}
	}
	for n := range 5 {
		w.lines.happened(n, subscriber.EventTerminated, after, "")
	}
	follow(0, 1, 2, 3, 4)
	w.lines.happened(5, subscriber.EventTerminated, after, "")
	w.lines.oldest = 6 // it has lost that event and the cursor: what it still has counts
	w.lines.happened(6, subscriber.EventTerminated, after, "")
	follow(0, 1, 2, 3, 4, 6)
	w.lines.fail(nil)
	if n := w.count(`select value::int from subscription.cursors`); n != 7 {
		t.Errorf("cursor %d", n)
	}
}
