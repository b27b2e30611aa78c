package policy

import (
	"time"

	"puente/shared/problem"
)

// shed takes a place among the requests in flight of the route's class. Reads nothing; when
// there is no place it answers at once.
func (e *Edge) shed(x *Exchange) {
	if x.mode(Shed) == Off {
		x.next()
		return
	}
	place, ok := e.Shedder.Acquire(x.Route.Class)
	if !ok {
		if !x.judge(Shed, &problem.Error{Kind: problem.Shed, RetryAfter: time.Second}) {
			return
		}
	} else {
		defer place.Done()
	}
	x.next()
}
