// Package validatetv is the channel of those who support television: it compares the platforms with the
// inventory, and has those changed that differ. It takes the documented envelope, asks the process, and
// answers in the documented shape, in the words of the typologies.
package validatetv

import (
	"context"
	"time"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/xapi/normalizetv"
	"puente/contracts/xapi/validatetv"
	"puente/shared/envelope"
	"puente/shared/hop"
	"puente/shared/problem"
	"puente/shared/server"
	"puente/shared/typology"
)

// API is validatetv: it only compares.
var API = server.API{
	Contract: &validatetv.Contract, Texts: &texts, Fault: fault,
	Mount: func(env *server.Env) error {
		server.Handle(env, validatetv.ValidateTV, newChannel(env).Validate)
		return nil
	},
}

// Normalize is normalizetv, its successor: it changes what differs.
var Normalize = server.API{
	Contract: &normalizetv.Contract, Texts: &texts, Fault: fault,
	Mount: func(env *server.Env) error {
		server.Handle(env, normalizetv.NormalizeTV, newChannel(env).Normalize)
		return nil
	},
}

var fault = envelope.Dialect{Before: problem.Mule{Origin: "bot-xapi-services"}, Shape: envelope.Failed}

// validator is what this channel needs of the process.
type validator interface {
	Validate(context.Context, tvvalidation.Request) (tvvalidation.Verification, error)
	Normalize(context.Context, tvvalidation.NormalizationRequest) (tvvalidation.Normalization, error)
}

type channel struct {
	process validator
	text    func(system, code string, values typology.Values) problem.Text
	now     func() time.Time
}

func newChannel(env *server.Env) *channel {
	return &channel{process: tvvalidation.NewClient(env), text: env.Text, now: env.Now}
}

// Validate compares. The codes of the process are the document's own.
func (c *channel) Validate(ctx context.Context, in validatetv.Request) (validatetv.Response, error) {
	out, err := c.process.Validate(ctx, tvvalidation.Request{Connection: in.Phone})
	if err != nil {
		return validatetv.Response{}, err
	}
	header, status := c.header(ctx, in.Caller, in.Phone)
	return validatetv.Response{Status: status, Header: header, Body: validatetv.Result{
		Channels: checked(out.Channels, channels), Services: checked(out.Services, services), Phone: in.Phone,
		Devices: checked(out.Devices, devices), Account: out.Account,
		Subscriber: checked(out.Subscriber, subscriber), Technology: string(out.Technology),
	}}, nil
}

// header is that of a success, with the HTTP status that the typologies give it.
func (c *channel) header(ctx context.Context, caller envelope.Header, phone string) (envelope.ResponseHeader, int) {
	text := c.text(hop.PrincipalOf(ctx).System, envelope.CodeOK, typology.Values{Correlation: caller.Correlation, Phone: phone})
	return envelope.Response(caller, c.now(), text), text.Status
}

// checked is one comparison as the document shows it, in words.
func checked(c tvvalidation.Check, words describe) validatetv.Check {
	return validatetv.Check{
		ExecutionDate: envelope.Date(c.AskedAt), Semaphore: validatetv.Semaphore(semaphores[c.Semaphore]), Description: words(c),
	}
}

// semaphores are the document's names of the process's.
var semaphores = map[tvvalidation.Semaphore]string{tvvalidation.Green: "Green", tvvalidation.Red: "Red", tvvalidation.Yellow: "Yellow"}
