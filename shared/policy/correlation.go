package policy

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"puente/shared/audit"
	"puente/shared/hop"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// recover turns a panic of what stands around record, which recovers all that it surrounds, into the
// answer 500 in the API's dialect. Reads nothing.
func (e *Edge) recover(x *Exchange) {
	defer func() {
		if p := recover(); p != nil {
			if x.Record == nil {
				x.Record = audit.NewRecord("request") // for its ID: no audit has heard of the request
			}
			e.Log.ErrorContext(x.Request.Context(), "panic in a policy", "incident", x.Record.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			x.apologize()
		}
	}()
	x.next()
}

// apologize answers a defect, unless an answer was already sent. Where it is the dialect's own, nothing
// is left but the status.
func (x *Exchange) apologize() {
	if x.writer.Written() {
		return
	}
	defer func() {
		if recover() != nil {
			x.writer.WriteHeader(http.StatusInternalServerError)
		}
	}()
	x.Err = &problem.Error{Kind: problem.Internal}
	x.render()
	x.write()
}

// correlate reads X-Correlation-ID and traceparent. Without the first, one is made as soon as
// the system is known (see origin); until then the request goes by its trace.
func (e *Edge) correlate(x *Exchange) {
	parent, ok := telemetry.ParseTraceparent(x.Request.Header.Get("Traceparent"))
	if ok {
		x.trace = parent.Child()
	} else {
		x.trace = e.Tracer.Root(telemetry.NewTrace())
	}
	x.traceID = x.trace.String()
	x.correlation = x.traceID
	if given := x.Request.Header.Get(hop.CorrelationHeader); wellFormed(given) {
		x.correlation = given
	}
	if !x.trace.Sampled { // nobody needs a context yet
		x.next()
		return
	}
	span, rest := e.Tracer.Start(x.Context(), x.Route.layer()+"/"+x.Route.API, trace.SpanKindServer, parent), x.rest
	x.next()
	x.tell(span, rest[:len(rest)-len(x.rest)])
}

// maxCorrelation bounds a correlation ID, in bytes.
const maxCorrelation = 128

// wellFormed reports whether id may be a correlation ID: visible ASCII and spaces inside, so that
// it can be echoed in a header and stand in one line of a log.
func wellFormed(id string) bool {
	if id == "" || len(id) > maxCorrelation || strings.TrimSpace(id) != id {
		return false
	}
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

var errCorrelation = &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{
	Path: "correlationID", Rule: fmt.Sprintf("must be 1 to %d visible ASCII characters", maxCorrelation)}}}

// made is a new correlation ID in the documented pattern <SYSTEM>-<ddMMyyyyHHmm>-<10 digits>; where no
// system is known it has the API's name in its place.
func made(system string, now time.Time) string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%s-%s-%010d", strings.ToUpper(system), now.Format("020120061504"), binary.BigEndian.Uint64(b[:])%1e10)
}
