package httpclient

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// The wait before retry n is drawn evenly from [0, min(longest, shortest·2ⁿ)): full jitter, so that
// callers that failed together do not come back together.
const (
	shortest = 50 * time.Millisecond
	longest  = time.Second
)

// retry repeats the failed attempts of Safe calls: those that brought no answer, a 502, 503 or 504,
// or a 429 that says when to come back, if that is soon enough. What a local rule refused (breaker,
// bulkhead, guard) is not tried again.
func (o *operation) retry(next link) link {
	if !o.repeats() {
		return next
	}
	return func(c *call) (*http.Response, *fault) {
		o.budget.deposit()
		resp, f := next(c)
		for n := range o.config.Retries {
			wait, again := o.pauseBefore(n, resp, f)
			if !again || !c.repeatable() {
				break
			}
			if !o.budget.withdraw() {
				o.metrics.retriesDenied.Inc()
				c.span.Event("retry denied by the budget")
				break
			}
			if !c.pause(wait) || !c.rewind() {
				break
			}
			o.metrics.retries.Inc()
			nextResp, nextFault := next(c)
			if nextFault != nil && !nextFault.counts && !nextFault.again {
				break // refused by ourselves, or the caller left: the first answer says more
			}
			resp, f = nextResp, nextFault
		}
		return resp, f
	}
}

// repeats reports whether a call may have a second attempt.
func (o *operation) repeats() bool { return o.mode == Safe && o.config.Retries > 0 }

// pauseBefore decides whether retry n may help, and after what wait.
func (o *operation) pauseBefore(n int, resp *http.Response, f *fault) (time.Duration, bool) {
	jitter := rand.N(min(longest, shortest<<n))
	if f != nil {
		return jitter, f.again
	}
	switch resp.StatusCode {
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return jitter, true
	case http.StatusServiceUnavailable:
		asked, _ := RetryAfter(resp.Header, time.Now())
		return max(jitter, asked), true
	case http.StatusTooManyRequests:
		asked, ok := RetryAfter(resp.Header, time.Now())
		return max(jitter, asked), ok
	}
	return 0, false
}

func (c *call) repeatable() bool {
	return c.req.Body == nil || c.req.Body == http.NoBody || c.req.GetBody != nil
}

// rewind makes the request body ready for another attempt.
func (c *call) rewind() bool {
	c.dropBody()
	if c.req.Body == nil || c.req.Body == http.NoBody {
		return true
	}
	body, err := c.req.GetBody()
	c.body = body
	return err == nil
}

// A budget lets retries be at most a tenth of the calls to a target, so that a system in trouble
// gets at most 1.1 times its load from us. Up to ten can be saved for later. The first retry is
// lent: the ten calls after a start pay for it.
type budget struct {
	mu     sync.Mutex
	tenths int // a retry costs ten
	lent   int
}

const (
	retryCost  = 10
	retrySaved = 10 * retryCost
)

func newBudget() *budget { return &budget{tenths: retryCost, lent: retryCost} }

func (b *budget) deposit() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lent > 0 {
		b.lent--
	} else if b.tenths < retrySaved {
		b.tenths++
	}
}

func (b *budget) withdraw() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tenths < retryCost {
		return false
	}
	b.tenths -= retryCost
	return true
}
