// Package partnerhub is the experience API of content partners: they charge, message and unsubscribe the
// lines of an operator with it (source document: Partner Hub Platform, v1.7). It speaks the document's
// field names and result codes and the words of OAuth; what is allowed, and what came of it, the
// subscription process decides.
//
// A partner's client is known twice. The process has it with its secret, its partner and the APIs that it
// may call; its tokens are the process's. The platform's access entities have it under the same id, with a
// contract for this API, for that is what gives a caller its request limits and its addresses:
//
//	kind: Client
//	id: acme
//	spec: {name: Acme, contracts: [{api: partnerhub, tier: default}]}
//
// It has no systems (x-origin: optional).
package partnerhub

import (
	"context"
	"time"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/partnerhub"
	"puente/shared/hop"
	"puente/shared/policy"
	"puente/shared/server"
)

// API is the declaration that the layer lists.
var API = server.API{
	Contract: &partnerhub.Contract,
	Mount:    mount,
	Fault:    dialect{},
	Verifier: func(d hop.Dialer) policy.Verifier { return verifier{subscription.NewClient(d)} },
}

// process is what this channel needs of the subscription process.
type process interface {
	IssueToken(context.Context, subscription.TokenRequest) (subscription.Token, error)
	Charge(context.Context, subscription.ChargeRequest) (subscription.ChargeResult, error)
	QueryCharge(context.Context, subscription.ChargeQuery) (subscription.ChargeStatus, error)
	SendMessage(context.Context, subscription.MessageRequest) (subscription.MessageResult, error)
	OptOut(context.Context, subscription.OptOutRequest) (subscription.OptOutResult, error)
	VerifyRedirect(context.Context, subscription.RedirectQuery) (subscription.RedirectClaims, error)
}

type channel struct{ hub process }

func mount(env *server.Env) error {
	c := &channel{hub: subscription.NewClient(env)}
	server.HandleRaw(env, partnerhub.IssueChargeToken, c.issue(subscription.APICharge))
	server.HandleRaw(env, partnerhub.IssueSendMTToken, c.issue(subscription.APISendMT))
	server.HandleRaw(env, partnerhub.IssueSubOptOutToken, c.issue(subscription.APISubOptOut))
	server.HandleRaw(env, partnerhub.Charge, c.Charge)
	server.Handle(env, partnerhub.GetCharge, c.ChargeStatus)
	server.HandleRaw(env, partnerhub.SendMT, c.SendMT)
	server.HandleRaw(env, partnerhub.SubOptOut, c.OptOut)
	server.Handle(env, partnerhub.VerifyToken, c.VerifyRedirect)
	return nil
}

// verifier asks the process about the tokens that it issued.
type verifier struct{ tokens tokens }

type tokens interface {
	VerifyToken(context.Context, subscription.TokenQuery) (subscription.TokenVerdict, error)
}

// Verify implements policy.Verifier. The scope of an operation is the API whose endpoint issues its tokens;
// an operation without one takes any. A token has one scope, so that none opens an operation of several.
func (v verifier) Verify(ctx context.Context, q policy.Question) (policy.Verdict, error) {
	query := subscription.TokenQuery{Token: q.Token}
	if len(q.Scopes) == 1 {
		query.API = subscription.API(q.Scopes[0])
	}
	out, err := v.tokens.VerifyToken(ctx, query)
	if err != nil || !out.Active {
		return policy.Verdict{Reason: out.Reason}, err
	}
	verdict := policy.Verdict{Active: true, Client: out.Client, Expires: time.Unix(out.Expires, 0), Manner: out.Manner}
	if query.API != "" {
		verdict.Scopes = q.Scopes
	}
	return verdict, nil
}
