package policy

import (
	"time"

	"github.com/gin-gonic/gin"

	"puente/shared/problem"
)

// shed takes a place among the requests in flight of the route's class. Reads nothing; when
// there is no place it answers at once.
func (e *Edge) shed(c *gin.Context) {
	x := of(c)
	if x.mode(Shed) == Off {
		c.Next()
		return
	}
	place, ok := e.Shedder.Acquire(x.Route.Class)
	if !ok {
		if !x.judge(c, Shed, &problem.Error{Kind: problem.Shed, RetryAfter: time.Second}) {
			return
		}
	} else {
		defer place.Done()
	}
	c.Next()
}
