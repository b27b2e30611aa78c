package server

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"puente/shared/contract"
	"puente/shared/envelope"
	"puente/shared/hop"
	"puente/shared/policy"
	"puente/shared/problem"
)

// Handle serves op: as a route of the API's listener and, for process and system APIs, as the
// typed hop of the layers in this process. Whichever way a call comes, serve sees the same values.
func Handle[In, Out any](env *Env, op hop.Operation[In, Out], serve func(context.Context, In) (Out, error)) {
	o, err := op.Lookup()
	if err != nil {
		env.fail(err)
		return
	}
	if !env.claim(o) {
		return
	}
	decoder := hop.NewDecoder[In]()
	switch env.api.listener() {
	case Public, Callbacks:
		env.publish(o, false, publicEndpoint(o, decoder, serve))
	case Internal:
		if o.Form {
			env.fail(fmt.Errorf("%s: operation %s: a form is for the public listener", env.api.Contract, o.ID))
		}
		hop.Provide(env.host.registry, op, withHopPolicies(env, o, false, serve))
		env.host.internal.Handle(o.Method, ginPath(o.Path), internalEndpoint(env, o, decoder, withHopPolicies(env, o, true, serve)))
	}
}

// HandleRaw serves op of a public API whose answers are its own: their status, media type, headers and
// body (see Exchange.Respond), as of a token endpoint, a redirect or a page. All else is as for Handle:
// the whole chain before it, the input bound by its tags, the request's form checked by the contract
// and given as JSON, and an error, which the API's dialect renders.
func HandleRaw[In any](env *Env, op hop.Operation[In, hop.Raw], serve func(x *policy.Exchange, in In) error) {
	o, err := op.Lookup()
	if err != nil {
		env.fail(err)
		return
	}
	if !env.claim(o) {
		return
	}
	if env.api.listener() != Public {
		env.fail(fmt.Errorf("%s: operation %s: only a public API writes its own answers", env.api.Contract, o.ID))
		return
	}
	decoder := hop.NewDecoder[In]()
	env.publish(o, true, func(x *policy.Exchange) {
		var in In
		err := decoder.Decode(&in, x.Param, x.Request, x.Body)
		if err == nil {
			err = serve(x, in)
		}
		if err != nil {
			x.Refuse(err)
		}
	})
}

// carrier is an input that holds the caller context of its request, for the answer to echo.
type carrier interface{ Carry(envelope.Header) }

// told is an answer whose HTTP status the typologies say.
type told interface{ HTTPStatus() int }

// publicEndpoint is the last of the policy chain: it decodes, calls and encodes.
func publicEndpoint[In, Out any](o *contract.Operation, decoder hop.Decoder[In], serve func(context.Context, In) (Out, error)) func(*policy.Exchange) {
	return func(x *policy.Exchange) {
		var in In
		var out Out // both are on the heap once: what takes one as an interface takes its address
		err := decoder.Decode(&in, x.Param, x.Request, x.Body)
		if input, ok := any(&in).(carrier); ok {
			input.Carry(x.Caller())
		}
		if err == nil {
			out, err = serve(x.Context(), in)
		}
		if err != nil {
			x.Refuse(err)
			return
		}
		x.Answer.Status = o.Status
		if _, nothing := any(out).(struct{}); nothing { // the answer is its status
			return
		}
		if answer, ok := any(&out).(told); ok {
			x.Answer.Status = answer.HTTPStatus()
		}
		if x.Answer.Body, err = json.Marshal(&out); err != nil {
			x.Refuse(problem.Errorf(problem.Internal, "encode answer: %w", err))
			return
		}
		x.Answer.Header["Content-Type"] = jsonType
		if made, ok := any(&out).(located); ok && (o.Status == http.StatusCreated || o.Status == http.StatusAccepted) {
			x.SetHeader("Location", made.Location())
		}
	}
}

// jsonType is the Content-Type of answers. Nothing changes it.
var jsonType = []string{"application/json"}

// located is an answer that says where what the request made is found (RFC 9110 §10.2.2).
type located interface{ Location() string }

// internalEndpoint is an HTTP hop's far side: transport limits, service token, seal and contract
// check, which a typed caller cannot fail, and then what every hop goes through.
func internalEndpoint[In, Out any](env *Env, o *contract.Operation, decoder hop.Decoder[In], serve func(context.Context, In) (Out, error)) gin.HandlerFunc {
	layer, name := env.api.Contract.Layer, env.api.Contract.Name
	metrics := env.host.metrics.Of(layer, name, o.ID)
	return func(c *gin.Context) {
		began := time.Now()
		call, err := env.host.receive(c.Request, c.Param, o, layer)
		ctx, cancel := call.context(c.Request.Context())
		defer cancel()
		var in In
		if err == nil {
			err = decoder.Decode(&in, c.Param, c.Request, call.body)
		}
		var body []byte
		if err != nil {
			record := newRefusal(err, began, c.Request.RemoteAddr)
			record.Layer, record.API, record.Operation = layer, name, o.ID
			describeHop(ctx, record, call.principal, call.trace)
			env.host.concludeHop(ctx, record, metrics, call.trace, err, o)
		} else {
			var out Out
			if out, err = serve(ctx, in); err == nil {
				body, err = json.Marshal(&out)
			}
		}
		if err == nil {
			body, err = env.host.seal(o, call.kid, body)
		}
		status, mediaType := o.Status, "application/json"
		if o.MediaType == hop.JOSE {
			mediaType = hop.JOSE
		}
		if err != nil {
			crossed := problem.Cross(err, name)
			status, mediaType, body = crossed.Kind.Status(), problem.MediaType, problem.Marshal(crossed)
		}
		c.Header("Content-Type", mediaType)
		c.Header(hop.ServiceHeader, env.host.services.Answer(call.nonce, status, body))
		c.Status(status)
		_, _ = bytes.NewReader(body).WriteTo(c.Writer) // the caller may have gone
	}
}

// ginPath is an OpenAPI path as gin writes it.
func ginPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// staticPrefix is the part of an OpenAPI path before its first parameter, or before its last segment. A path
// of one segment is its own: the API that has it is not that of whatever else nobody has.
func staticPrefix(path string) string {
	if i := strings.IndexByte(path, '{'); i > 1 {
		return path[:i]
	}
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i+1]
	}
	return path + "/"
}
