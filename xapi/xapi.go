// Package xapi is the layer of experience APIs, one per channel: a line each. It alone listens
// publicly.
package xapi

import (
	"context"
	"time"

	"puente/contracts/sapi/oauth2"
	"puente/shared/hop"
	"puente/shared/policy"
	"puente/shared/server"
	"puente/xapi/landing"
	"puente/xapi/partnerhub"
	"puente/xapi/portabilities"
	"puente/xapi/reconexion"
	"puente/xapi/tmforum"
	"puente/xapi/validatetv"
)

// Layer is what a process hosts that runs this layer.
var Layer = server.Layer{
	Name: "xapi",
	APIs: []server.API{
		portabilities.API,
		reconexion.API,
		validatetv.API,
		validatetv.Normalize,
		tmforum.TroubleTicket,
		tmforum.ServiceOrdering,
		tmforum.ServiceTest,
		tmforum.ServiceActivation,
		partnerhub.API,
		landing.API,
	},
	Verifier: func(d hop.Dialer) policy.Verifier { return verifier{oauth2.NewClient(d)} },
}

// verifier asks the system API oauth2 about the tokens of the public edge.
type verifier struct{ tokens *oauth2.Client }

func (v verifier) Verify(ctx context.Context, q policy.Question) (policy.Verdict, error) {
	out, err := v.tokens.Verify(ctx, oauth2.Verification{Token: q.Token, Method: oauth2.Method(q.Method), Audience: q.Audience})
	if err != nil {
		return policy.Verdict{}, err
	}
	return policy.Verdict{Active: out.Active, Reason: out.Reason, Client: out.ClientID, Scopes: out.Scopes, Expires: time.Unix(out.Expires, 0)}, nil
}
