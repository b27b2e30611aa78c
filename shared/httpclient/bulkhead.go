package httpclient

import (
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/problem"
)

var errFull = errors.New("too many calls under way")

// bulkhead bounds the attempts to a target that are under way at once.
type bulkhead struct {
	places chan struct{}
	wait   time.Duration
	inUse  prometheus.Gauge
}

func newBulkhead(cfg Bulkhead, inUse prometheus.Gauge) *bulkhead {
	return &bulkhead{places: make(chan struct{}, cfg.Max), wait: cfg.Wait, inUse: inUse}
}

// compartment is the bulkhead's link: a bounded wait for a place, held until the answer is complete.
func (o *operation) compartment(next link) link {
	b := o.bulkhead
	return func(c *call) (*http.Response, *fault) {
		if f := b.enter(c); f != nil {
			if f.reason == reasonFull {
				o.metrics.refusedFull.Inc()
				c.span.Event("bulkhead full")
			}
			return nil, f
		}
		defer b.leave()
		return next(c)
	}
}

func (b *bulkhead) enter(c *call) *fault {
	select {
	case b.places <- struct{}{}:
		b.inUse.Inc()
		return nil
	default:
	}
	timer := time.NewTimer(min(b.wait, c.deadline.Sub(c.clock)))
	defer timer.Stop()
	defer func() { c.clock = time.Now() }()
	select {
	case b.places <- struct{}{}:
		b.inUse.Inc()
		return nil
	case <-c.ctx.Done():
		return gone(c.ctx.Err())
	case <-timer.C:
		return &fault{reason: reasonFull, kind: problem.Unavailable, retryAfter: time.Second, err: errFull}
	}
}

func (b *bulkhead) leave() {
	b.inUse.Dec()
	<-b.places
}
