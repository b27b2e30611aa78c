// Package reconexion is the experience API that reconnects suspended services. It takes the documented
// envelope, asks the process that decides, and answers in the documented shape, in the words of the
// typologies.
package reconexion

import (
	"context"
	"time"

	"puente/contracts/papi/reconnection"
	"puente/contracts/xapi/reconexion"
	"puente/shared/envelope"
	"puente/shared/problem"
	"puente/shared/server"
	"puente/shared/typology"
)

// API is the declaration that the layer lists.
var API = server.API{
	Contract: &reconexion.Contract,
	Mount:    mount,
	Texts:    &texts,
	Fault:    envelope.Dialect{Before: problem.Mule{Origin: "bot-xapi-services"}, Shape: shape},
}

// reconnector is what this channel needs of the process.
type reconnector interface {
	Reconnect(context.Context, reconnection.Request) (reconnection.Outcome, error)
	StartBatch(context.Context, reconnection.BatchRequest) (reconnection.Batch, error)
	Batch(context.Context, reconnection.BatchQuery) (reconnection.Batch, error)
}

type channel struct {
	process  reconnector
	instance string
	text     func(system, code string, values typology.Values) problem.Text
	now      func() time.Time
}

func mount(env *server.Env) error {
	c := &channel{process: reconnection.NewClient(env), instance: env.Instance(), text: env.Text, now: env.Now}
	server.Handle(env, reconexion.Reconnect, c.Reconnect)
	server.Handle(env, reconexion.StartBatch, c.StartBatch)
	server.Handle(env, reconexion.GetBatch, c.GetBatch)
	return nil
}

// Reconnect reconnects a service. The codes of the process are the document's own.
func (c *channel) Reconnect(ctx context.Context, in reconexion.Request) (reconexion.Response, error) {
	out, err := c.process.Reconnect(ctx, reconnection.Request{
		Connection: in.Phone, DocumentType: string(in.DocumentType), DocumentNumber: in.DocumentNumber,
	})
	if err != nil {
		return reconexion.Response{}, err
	}
	code := envelope.CodeOK
	if out.Kind == reconnection.KindPQR {
		code = textPQR
	}
	header, status := c.header(ctx, in.Caller, code, in.Phone, in.DocumentNumber, out.PQRNumber)
	return reconexion.Response{Status: status, Header: header, Body: reconexion.Result{
		CUN: given(out.CUN), OrderNumber: given(out.OrderNumber), PQRNumber: given(out.PQRNumber),
	}}, nil
}

// given is a text that is there, or null.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
