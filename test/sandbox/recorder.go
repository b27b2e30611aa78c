package sandbox

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"puente/test/sandbox/fault"
)

const (
	maxRequests     = 100_000   // that the recorder remembers
	maxRecordedBody = 64 << 10  // bytes of one body
	maxRecorded     = 256 << 20 // bytes of all requests, roughly
)

// Request is a request as a system received it, credentials hidden.
type Request struct {
	Number        int64       `json:"number"` // counts every request since the start
	Time          time.Time   `json:"time"`   // of its arrival
	System        string      `json:"system"` // empty where no operation has its method and path
	Operation     string      `json:"operation"`
	Method        string      `json:"method"`
	Path          string      `json:"path"`
	Query         string      `json:"query,omitempty"`
	Headers       http.Header `json:"headers"` // canonical names: X-Correlation-Id
	CorrelationID string      `json:"correlationId,omitempty"`
	Body          string      `json:"body"`
	BodyCut       bool        `json:"bodyCut,omitempty"`   // longer than 64 KiB, of which these are the first
	Status        int         `json:"status"`              // of the answer; 0: none, or none that was whole
	Fault         fault.Kind  `json:"fault,omitempty"`     // that answered, set or of a magic input
	Abandoned     *time.Time  `json:"abandoned,omitempty"` // when the caller left before the answer's end
}

// Filter chooses requests; its zero value chooses all.
type Filter struct {
	System      string
	Operation   string
	Correlation string
	After       int64 // only requests with a greater number
	Limit       int   // only the newest so many; 0: all
}

func (f Filter) admits(r *Request) bool {
	return r.Number > f.After &&
		(f.System == "" || f.System == r.System) &&
		(f.Operation == "" || f.Operation == r.Operation) &&
		(f.Correlation == "" || f.Correlation == r.CorrelationID)
}

// record is r, its body cut and its credentials hidden.
func record(arrived time.Time, system, operation string, r *http.Request, body []byte) Request {
	whole := len(body)
	body = body[:min(whole, maxRecordedBody)]
	return Request{
		Time: arrived, System: system, Operation: operation,
		Method: r.Method, Path: r.URL.EscapedPath(), Query: hideForm(r.URL.RawQuery),
		Headers: hideHeaders(r.Header), CorrelationID: r.Header.Get("X-Correlation-ID"),
		Body: hideBody(r.Header.Get("Content-Type"), body), BodyCut: len(body) < whole,
	}
}

// recorder remembers the newest requests, bounded in number and size.
type recorder struct {
	limit int

	mu     sync.Mutex
	number int64
	newest []*entry      // oldest first
	size   int           // bytes, roughly
	change chan struct{} // closed at the next change; nil: nobody waits
}

// entry is a request in the recorder; its recorder's lock guards it.
type entry struct {
	recorder *recorder
	request  Request
	size     int
}

func newRecorder(limit int) *recorder {
	if limit <= 0 {
		limit = maxRequests
	}
	return &recorder{limit: limit}
}

// begin remembers a request that has just arrived.
func (rec *recorder) begin(r Request) *entry {
	e := &entry{recorder: rec, request: r, size: 512 + len(r.Body) + len(r.Path) + len(r.Query)}
	for name, values := range r.Headers {
		for _, value := range values {
			e.size += len(name) + len(value)
		}
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.number++
	e.request.Number = rec.number
	rec.newest = append(rec.newest, e)
	rec.size += e.size
	rec.tell()
	for len(rec.newest) > rec.limit || rec.size > maxRecorded {
		rec.size -= rec.newest[0].size
		rec.newest[0] = nil
		rec.newest = rec.newest[1:]
	}
	return e
}

func (rec *recorder) requests(match Filter) []Request {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.matching(match)
}

// await waits until the matching requests are enough.
func (rec *recorder) await(ctx context.Context, match Filter, enough func([]Request) bool) ([]Request, error) {
	for {
		rec.mu.Lock()
		found := rec.matching(match)
		if rec.change == nil {
			rec.change = make(chan struct{})
		}
		change := rec.change
		rec.mu.Unlock()
		if enough(found) {
			return found, nil
		}
		select {
		case <-change:
		case <-time.After(20 * time.Millisecond): // what a system did after it was asked is seen in its ledger only
		case <-ctx.Done():
			return found, fmt.Errorf("sandbox: await requests: %w", ctx.Err())
		}
	}
}

// tell wakes those who wait; the lock is held.
func (rec *recorder) tell() {
	if rec.change != nil {
		close(rec.change)
		rec.change = nil
	}
}

func (rec *recorder) matching(match Filter) []Request {
	found := []Request{}
	for _, e := range rec.newest {
		if match.admits(&e.request) {
			found = append(found, e.request)
		}
	}
	if match.Limit > 0 && len(found) > match.Limit {
		found = found[len(found)-match.Limit:]
	}
	return found
}

func (rec *recorder) clear() {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.newest, rec.size = nil, 0
}

func (e *entry) answered(status int) { e.change(func(r *Request) { r.Status = status }) }

func (e *entry) struck(k fault.Kind) { e.change(func(r *Request) { r.Fault = k }) }

func (e *entry) abandoned(at time.Time) { e.change(func(r *Request) { r.Abandoned = &at }) }

func (e *entry) change(set func(*Request)) {
	e.recorder.mu.Lock()
	defer e.recorder.mu.Unlock()
	set(&e.request)
	e.recorder.tell()
}
