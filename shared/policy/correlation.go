package policy

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/trace"

	"puente/shared/hop"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// recover turns a panic into the answer 500. Reads nothing.
func (e *Edge) recover(c *gin.Context) {
	defer func() {
		if p := recover(); p != nil {
			e.Log.ErrorContext(c.Request.Context(), "panic in a policy", "panic", fmt.Sprint(p))
			c.AbortWithStatus(500)
		}
	}()
	c.Next()
}

// correlate reads X-Correlation-ID and traceparent. Without the first, one is made as soon as
// the system is known (see origin); until then the request goes by its trace.
func (e *Edge) correlate(c *gin.Context) {
	x := of(c)
	parent, ok := telemetry.ParseTraceparent(c.Request.Header.Get("Traceparent"))
	if ok {
		x.trace = parent.Child()
	} else {
		x.trace = e.Tracer.Root(telemetry.NewTrace())
	}
	x.correlation = x.trace.String()
	if given := c.Request.Header.Get(hop.CorrelationHeader); wellFormed(given) {
		x.correlation = given
	}
	end := e.Tracer.Start(x.Context(), "xapi/"+x.Route.API, trace.SpanKindServer, parent)
	c.Next()
	if x.Err != nil && x.Err.Kind.Outcome() == "server" {
		end(x.Err)
		return
	}
	end(nil)
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

// made is a new correlation ID in the documented pattern <SYSTEM>-<ddMMyyyyHHmm>-<10 digits>.
func made(system string, now time.Time) string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%s-%s-%010d", strings.ToUpper(system), now.Format("020120061504"), binary.BigEndian.Uint64(b[:])%1e10)
}
