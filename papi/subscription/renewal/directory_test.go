package renewal

import (
	"context"
	"strconv"
	"sync"

	"puente/contracts/sapi/subscriber"
	"puente/shared/problem"
)

// lines is the operator's directory.
type lines struct {
	mu     sync.Mutex
	known  map[string]subscriber.Line
	err    error
	asked  int
	events []subscriber.LineEvent
	oldest int // the first event that it still has
}

func newLines() *lines { return &lines{known: map[string]subscriber.Line{}} }

func (l *lines) add(msisdn string) {
	l.change(msisdn, func(s *subscriber.Line) {
		*s = subscriber.Line{MSISDN: msisdn, Operator: "entel", Own: true, UserType: subscriber.UserTypePrepaid, Segment: subscriber.SegmentPerson, Access: subscriber.AccessMobile, State: subscriber.StateActive, OwnerEpoch: "e1"}
	})
}

func (l *lines) change(msisdn string, f func(*subscriber.Line)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.known[msisdn]
	f(&s)
	l.known[msisdn] = s
}

func (l *lines) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func (l *lines) Line(_ context.Context, q subscriber.LineQuery) (subscriber.Line, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	s, ok := l.known[q.MSISDN]
	switch {
	case l.err != nil:
		return s, l.err
	case !ok:
		return s, problem.NotFound
	}
	return s, nil
}

// slow is a directory that takes so long that something happens meanwhile.
type slow struct {
	directory
	meanwhile func()
}

func (s slow) Look(ctx context.Context, msisdn string) (subscriber.Line, error) {
	s.meanwhile()
	return s.directory.Look(ctx, msisdn)
}

func (l *lines) LineEvents(_ context.Context, q subscriber.LineEventsQuery) (subscriber.LineEvents, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := l.oldest
	if q.After != "" {
		n, err := strconv.Atoi(q.After)
		if err != nil || n < l.oldest {
			return subscriber.LineEvents{}, &problem.Error{Kind: problem.Rejected, Code: subscriber.CodeCursorExpired}
		}
		from = n
	}
	to := min(from+2, len(l.events)) // a page has two
	return subscriber.LineEvents{Events: l.events[from:to], Next: strconv.Itoa(to)}, nil
}
