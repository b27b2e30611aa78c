// Package portabilities is the experience API for number portability. It derives the intent from
// the documented fields, speaks to the sales order system (no process layer, as documented), and
// answers in the documented shape.
package portabilities

import (
	"context"
	"time"

	"puente/contracts/sapi/salesorder"
	"puente/contracts/xapi/portabilities"
	"puente/shared/hop"
	"puente/shared/problem"
	"puente/shared/server"
	"puente/shared/telemetry"
)

// API is the declaration that the layer lists.
var API = server.API{
	Contract: &portabilities.Contract,
	Mount:    mount,
	NotFound: "OPERATION_NOT_FOUND",
	Fault: problem.Mule{
		Origin:  "bot-xapi-services",
		Origins: map[string]string{"salesorder": "bot-sapi-services"},
	},
}

// submitter is what this channel needs of the sales order system.
type submitter interface {
	Submit(context.Context, salesorder.Submission) (salesorder.Outcome, error)
}

type channel struct {
	orders submitter
	now    func() time.Time
}

func mount(env *server.Env) error {
	c := &channel{orders: salesorder.NewClient(env), now: env.Now}
	server.Handle(env, portabilities.CreatePortability, c.Create)
	server.Handle(env, portabilities.GetPortabilityStatus, c.Status)
	return nil
}

// Create requests a NIP, sends it again or files the port-in.
func (c *channel) Create(ctx context.Context, in portabilities.Request) (portabilities.Response, error) {
	intent, err := intentOf(in)
	if err != nil {
		return portabilities.Response{}, err
	}
	_, err = c.orders.Submit(ctx, salesorder.Submission{
		Intent: intent, Key: requestKey(ctx, in.IdempotencyKey),
		Phone: in.Phone, NumOrder: in.NumOrder, NIP: in.NIP, Date: in.Date, Operator: in.Operator,
		OperatorCode: in.OperatorCode, PlanType: in.PlanType, ExtendedMonth: in.ExtendedMonth, Flow: in.Order.Flow,
	})
	if err != nil {
		return portabilities.Response{}, documented(err)
	}
	return c.success(ctx, messages[intent], portabilities.Property{Name: "FLUJO", Value: in.Order.Flow}), nil
}

// documented is err with the codes that the document has: a limit is a limit, whoever counts it.
func documented(err error) error {
	if e := problem.Of(err); e.Code == salesorder.CodeNIPLimit {
		limited := *e
		limited.Code = ""
		return &limited
	}
	return err
}

// requestKey names a request over all its repetitions, as its client and system name it.
func requestKey(ctx context.Context, given string) string {
	if given == "" {
		given = telemetry.Correlation(ctx)
	}
	return hop.PrincipalOf(ctx).Scoped(given)
}

// intentOf reads the intent from the fields (nip, resend).
func intentOf(in portabilities.Request) (salesorder.Intent, error) {
	switch {
	case in.NIP != "" && in.Resend:
		return "", &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "resend", Rule: "must be false when nip is given"}}}
	case in.NIP != "":
		return salesorder.IntentPortIn, nil
	case in.Resend:
		return salesorder.IntentResendNIP, nil
	}
	return salesorder.IntentRequestNIP, nil
}

// Status tells how far the portability of a phone has come.
func (c *channel) Status(ctx context.Context, in portabilities.StatusRequest) (portabilities.Response, error) {
	out, err := c.orders.Submit(ctx, salesorder.Submission{Intent: salesorder.IntentStatus, Phone: in.Phone, NumOrder: in.NumOrder})
	if err != nil {
		return portabilities.Response{}, err
	}
	return c.success(ctx, messages[salesorder.IntentStatus], portabilities.Property{Name: "ESTADO", Value: string(out.State)}), nil
}
