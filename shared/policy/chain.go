// Package policy is the way in: what every request to an experience API passes before it reaches
// the API. One file per policy says which parts of the request it reads and what it costs; Chain
// is the only place that says their order.
package policy

import (
	"cmp"
	"encoding/hex"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"puente/shared/access"
	"puente/shared/audit"
	"puente/shared/contract"
	"puente/shared/idempotency"
	"puente/shared/keyring"
	"puente/shared/problem"
	"puente/shared/ratelimit"
	"puente/shared/shed"
	"puente/shared/telemetry"
	"puente/shared/typology"
)

// Edge is the public edge: the policies and what they need.
type Edge struct {
	Settings *atomic.Pointer[Settings]
	Instance string // opaque label of this replica
	Access   *access.Store
	Texts    *typology.Store
	Verifier Verifier
	Limiter  *ratelimit.Limiter
	Shedder  *shed.Shedder
	Answers  *idempotency.Store
	Audit    *audit.Log
	Ring     *keyring.Ring
	Metrics  *Metrics
	Breaches *Breaches
	Tracer   *telemetry.Tracer
	Log      *slog.Logger

	verdicts *verdicts
	masking  contract.Masking
}

// Open prepares the edge for its first request; settings are loaded by then.
func (e *Edge) Open() {
	e.verdicts = newVerdicts(e.Settings.Load().Token.Entries)
	e.masking = contract.Masking{Mask: telemetry.Mask, Document: telemetry.MaskDocument, Hash: func(s string) string {
		sum := e.Ring.MAC("audit", []byte(s))
		return hex.EncodeToString(sum[:8])
	}}
}

// Route is one operation at the public edge, or the place where none is.
type Route struct {
	Layer     string // the contract's; empty: xapi
	API       string // the contract's name
	Operation *contract.Operation
	Raw       bool // the operation writes its own answers, of several media types
	Dialect   problem.Dialect
	Verifier  Verifier              // of the API's own tokens; nil: the edge's
	Texts     *typology.Declaration // of the result codes; nil: the API has none
	Class     string                // of load shedding: api, webhook
	NotFound  string                // code of the error where the path names an operation that is none
	bind      sync.Once
	metrics   *OperationMetrics
	bindLog   sync.Once
	log       *slog.Logger
}

// layer is the name by which the route's layer is logged, counted and recorded.
func (r *Route) layer() string { return cmp.Or(r.Layer, "xapi") }

// step is a policy, or what is served behind them all. What does not call next ends the chain.
type step struct {
	policy string // its name, where it has a mode
	take   func(*Exchange)
}

// Chain is what a request to route passes, outermost first.
func (e *Edge) Chain(r *Route, serve func(*Exchange)) gin.HandlerFunc {
	chain := []step{
		{take: e.recover},            //  1 a defect becomes an answer, too
		{take: e.correlate},          //  2 correlation and trace: all that follows is logged under them
		{take: e.observe},            //  3 access log and metrics: see every answer
		{take: e.record},             //  4 audit: the record is written before the answer's last byte
		{Transport, e.transport},     //  5 transport limits: cheap, before anything is kept
		{Shed, e.shed},               //  6 load shedding: before anything is computed
		{take: e.deadline},           //  7 deadline: all that follows is bounded by it
		{Address, e.address},         //  8 allowed and denied addresses
		{Token, e.token},             //  9 token, scope
		{Client, e.client},           // 10 client contract: who may call this API at all
		{ClientLimit, e.clientLimit}, // 11 limit by the client's tier; the last that costs no read of the body
		{Body, e.body},               // 12 body: read once; limits, envelope, contract
		{Origin, e.origin},           // 13 system, channel and their binding to the client
		{Limits, e.limits},           // 14 limits by system and subject
		{Switch, e.switches},         // 15 switch
		{Idempotency, e.once},        // 16 idempotency: after it nothing refuses but the API itself
		{take: serve},
	}
	return func(c *gin.Context) { e.open(c, r, chain).next() }
}

// Unmatched is the chain of requests that no operation takes: kind is NotFound or MethodNotAllowed.
func (e *Edge) Unmatched(r func(path string) *Route, kind problem.Kind, code func(path string) string) gin.HandlerFunc {
	refuse := func(x *Exchange) {
		x.Refuse(&problem.Error{Kind: kind, Code: code(x.Request.URL.Path)})
	}
	chain := []step{{take: e.recover}, {take: e.correlate}, {take: e.observe}, {take: e.record}, {Transport, e.transport}, {Shed, e.shed}, {take: refuse}}
	return func(c *gin.Context) { e.open(c, r(c.Request.URL.Path), chain).next() }
}

// Order lists the policies of Chain with their modes for an API, for people.
func Order(s *Settings, api string, op *contract.Operation) []InForce {
	chain := make([]InForce, 0, len(names))
	for _, name := range names {
		mode := s.Mode(api, name)
		if off(name, op) {
			mode = Off
		}
		chain = append(chain, InForce{Policy: name, Mode: mode})
	}
	return chain
}

// InForce is a policy as an operation has it.
type InForce struct {
	Policy string `json:"policy"`
	Mode   Mode   `json:"mode"`
}

// off tells which policies the contract itself leaves out.
func off(name string, op *contract.Operation) bool {
	switch name {
	case Token, Client, ClientLimit, Origin: // who needs no token speaks for no system
		return op.Public
	case Idempotency:
		return op.Idempotency == "" || op.Idempotency == "none"
	}
	return false
}
