package policy

import (
	"context"
	"maps"
	"net/http"
	"net/netip"

	"github.com/gin-gonic/gin"

	"puente/shared/access"
	"puente/shared/audit"
	"puente/shared/contract"
	"puente/shared/envelope"
	"puente/shared/hop"
	"puente/shared/problem"
	"puente/shared/telemetry"
	"puente/shared/typology"
)

// Exchange is a request on its way in and its answer on its way out.
type Exchange struct {
	Route     *Route
	Settings  *Settings        // the snapshot that governs this request
	Access    *access.Snapshot // likewise
	Request   *http.Request
	Record    *audit.Record
	Address   string // of the client, by the trusted proxies if there are any
	Principal hop.Principal
	Client    *access.Client
	Manner    string          // how the client wants to be answered, as the verifier of its token says
	Body      []byte          // canonical; nil until it was read and found to be JSON
	Header    envelope.Header // the caller context that came in an envelope

	Answer problem.Answer // the success, or the rendered error
	Err    *problem.Error // why there is none

	params      gin.Params
	writer      gin.ResponseWriter
	rest        []step // of the chain
	typologies  *typology.Store
	instance    string
	peer        netip.Addr // Address, parsed
	correlation string
	trace       telemetry.Trace
	traceID     string          // of trace
	ctx         context.Context // deadline and end; the values are added by Context
	made        context.Context // by Context, until something of it changes
	refusedBy   string
	masked      []byte // the record's bodies
	read        bool   // whether nothing of the request is left to be read
	retold      string // code of the refusal that is told again
	limit       string // name of the limit that was reached
}

// open makes the exchange that the policies of chain work on.
func (e *Edge) open(c *gin.Context, r *Route, chain []step) *Exchange {
	x := &Exchange{
		Route: r, Settings: e.Settings.Load(), Access: e.Access.Snapshot(), Request: c.Request,
		params: c.Params, writer: c.Writer, ctx: c.Request.Context(), rest: chain, typologies: e.Texts, instance: e.Instance,
	}
	x.Answer.Header = c.Writer.Header()
	if r.Operation != nil && r.Operation.Deprecation != nil { // whatever comes of the request
		x.Answer.Header.Set("Deprecation", r.Operation.Deprecation.Date())
		if link := r.Operation.Deprecation.Link(); link != "" {
			x.Answer.Header.Set("Link", link)
		}
	}
	return x
}

// next runs the rest of the chain.
func (x *Exchange) next() {
	step := &x.rest[0]
	x.rest = x.rest[1:]
	step.take(x)
}

// Param is a parameter of the path.
func (x *Exchange) Param(name string) string { return x.params.ByName(name) }

// Context is what the API's operation and the policies' own calls run in.
func (x *Exchange) Context() context.Context {
	if x.made == nil {
		ctx := telemetry.WithIdentity(x.ctx, x.correlation, x.trace)
		x.made = audit.WithRecord(hop.WithPrincipal(ctx, x.Principal), x.Record)
		if x.Manner != "" {
			x.made = context.WithValue(x.made, mannerKey{}, x.Manner)
		}
	}
	return x.made
}

// changed says that Context is to be made anew.
func (x *Exchange) changed() { x.made = nil }

// Refuse ends the request with err.
func (x *Exchange) Refuse(err error) {
	x.Err = problem.Of(err)
}

// wouldRefuse is the verdict of a policy in shadow.
const wouldRefuse = "would_refuse"

// judge applies a policy's verdict as its mode says. It reports whether the request goes on.
func (x *Exchange) judge(policy string, err error) bool {
	if err == nil {
		return true
	}
	mode := x.mode(policy)
	if mode == Off {
		return true
	}
	if mode == Shadow {
		x.decide(policy, wouldRefuse, problem.Of(err).Kind.String())
		return true
	}
	x.refusedBy = policy
	x.decide(policy, "refused", problem.Of(err).Kind.String())
	x.Refuse(err)
	return false
}

func (x *Exchange) mode(policy string) Mode {
	if x.Route.Operation != nil && off(policy, x.Route.Operation) {
		return Off
	}
	return x.Settings.Mode(x.Route.API, policy)
}

// render makes the answer of x's error.
func (x *Exchange) render() {
	caller := x.Caller()
	at := problem.Occurrence{
		Incident: x.Record.ID, System: caller.System, Correlation: caller.Correlation,
		Read: x.read, Policy: x.refusedBy, Manner: x.Manner, Language: x.Request.Header.Get("Accept-Language"), Now: x.Record.Started,
		Instance: x.instance, ProcessingServer: caller.ProcessingServer, Property: caller.Property,
	}
	if x.Route.Operation != nil {
		at.Operation = x.Route.Operation.ID
	}
	at.Text = x.texts(plain)
	answer := x.Route.Dialect.Render(x.Err, at)
	if at.Text != nil { // texts and properties may name the caller's customer
		at.Text, at.Property = x.texts(telemetry.Mask), nil
		answer.Recorded = x.Route.Dialect.Render(x.Err, at).Body
	}
	x.Answer.Status, x.Answer.Body, x.Answer.Recorded = answer.Status, answer.Body, answer.Recorded
	maps.Copy(x.Answer.Header, answer.Header)
}

// SetHeader sets a header of the answer, whatever the answer will be.
func (x *Exchange) SetHeader(name, value string) { x.Answer.Header.Set(name, value) }

// Respond is the answer of an operation that writes its own: its status, of what mediaType its body is,
// and the body; the headers are set apart. A body of no media type is none.
func (x *Exchange) Respond(status int, mediaType string, body []byte) {
	x.Answer.Status, x.Answer.Body = status, body
	if mediaType != "" {
		x.SetHeader("Content-Type", mediaType)
	}
}

// recorded is the check of the answer by which it is masked for the record; nil: it is not recorded. Of
// an operation that writes its own answers it is that of the status, and only JSON is recorded.
func (x *Exchange) recorded() *contract.Check {
	op := x.Route.Operation
	if op == nil || x.Route.Raw && !x.answersJSON() {
		return nil
	}
	if x.Route.Raw {
		return op.Answers[x.Answer.Status]
	}
	return op.Answers[op.Status]
}

func (x *Exchange) answersJSON() bool {
	return contract.CarriesJSON(x.Answer.Header.Get("Content-Type"))
}

// write sends the answer; its headers lie in x.writer already.
func (x *Exchange) write() {
	x.writer.WriteHeader(x.Answer.Status)
	_, _ = x.writer.Write(x.Answer.Body) // the caller may have gone; the record says what it was to get
}
