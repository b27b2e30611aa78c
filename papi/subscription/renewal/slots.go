package renewal

import (
	"context"
	"time"
)

// slots bounds the calls of a process. They are taken before a group is opened, as many as it will call, so that
// none of its orders waits for a call to begin.
type slots struct {
	free      chan struct{}
	gathering chan struct{} // one group at a time, lest each takes a slot and opens it alone
}

const gather = 10 * time.Millisecond // in which a group waits for more slots than one

func newSlots(n int) *slots {
	s := &slots{free: make(chan struct{}, n), gathering: make(chan struct{}, 1)}
	for range n {
		s.free <- struct{}{}
	}
	return s
}

// take waits for a slot and takes up to n.
func (s *slots) take(ctx context.Context, n int) (taken int, err error) {
	select {
	case s.gathering <- struct{}{}:
		defer func() { <-s.gathering }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case <-s.free:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	limit := time.NewTimer(gather)
	defer limit.Stop()
	for taken = 1; taken < n; taken++ {
		select {
		case <-s.free:
		case <-limit.C:
			return taken, nil
		case <-ctx.Done():
			return taken, nil
		}
	}
	return taken, nil
}

func (s *slots) give(n int) {
	for range n {
		s.free <- struct{}{}
	}
}
