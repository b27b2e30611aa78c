package server

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"puente/shared/hop"
	"puente/shared/policy"
	"puente/shared/problem"
)

const tolerant = `
openapi: 3.0.3
info: {title: Charges, version: 1.0.0, x-category: Shop}
x-sla: {deadline: 2s, availability: 99.9}
x-origin: optional
paths:
  /charge:
    post:
      operationId: charge
      security: []
      x-subjects: [{name: point, member: pricepointId, requests: 1, window: 1m}]
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Charge'}}}}
      responses:
        '200': {description: Done, content: {application/json: {schema: {type: object}}}}
        default: {description: Not done, content: {application/json: {schema: {type: object}}}}
components:
  schemas:
    Charge:
      x-fold-names: true
      type: object
      required: [userIdentifier, pricepointId]
      properties:
        userIdentifier: {type: string, minLength: 1, maxLength: 20}
        pricepointId: {type: integer, format: int64, minimum: 1, x-digits: true, x-aliases: [pricePointId]}
        shortCode: {type: string, pattern: '^[0-9]{3,6}$', x-aliases: [shortcode, largeAccount]}
`

// clerk is a dialect that tells the first field only, and how it is broken.
type clerk struct{}

func (clerk) Render(e *problem.Error, _ problem.Occurrence) problem.Answer {
	body := `{"kind":"` + e.Kind.String() + `"}`
	if len(e.Fields) > 0 {
		body = fmt.Sprintf(`{"first":%q,"breach":%d}`, e.Fields[0].Path, e.Fields[0].Breach)
	}
	return problem.Answer{Status: e.Kind.Status(), Header: problem.Header(e, "application/json"), Body: []byte(body)}
}

// Whatever spelling a body came in, the operation and the policies see the contract's; a dialect is told
// first what is missing.
func TestTolerantBodies(t *testing.T) {
	type charge struct {
		User      string `json:"userIdentifier"`
		Point     int64  `json:"pricepointId"`
		ShortCode string `json:"shortCode,omitempty"`
	}
	contract := hop.Contract{Layer: "xapi", Name: "charges", Spec: []byte(tolerant)}
	at, _ := hosting(t, "", API{Contract: &contract, Fault: clerk{}, Verifier: func(hop.Dialer) policy.Verifier { return &till{} }, Mount: func(env *Env) error {
		Handle(env, hop.Operation[charge, charge]{Contract: &contract, ID: "charge"}, func(_ context.Context, in charge) (charge, error) { return in, nil })
		return nil
	}})
	for _, c := range []struct{ body, want string }{
		{`{"userIdentifier":"1","pricepointId":7}`, `200 {"userIdentifier":"1","pricepointId":7}`},
		{`{"USERIDENTIFIER":"1","pricePointId":"8","largeAccount":"8888","new":[]}`, `200 {"userIdentifier":"1","pricepointId":8,"shortCode":"8888"}`},
		{`{"USERIDENTIFIER":"1","pricePointId":"007"}`, `429 {"kind":"quota"}`}, // the point of the first
		{`{"shortCode":1,"pricepointId":"x"}`, `400 {"first":"userIdentifier","breach":1}`},
		{`{"shortCode":1,"pricepointId":"","userIdentifier":"1"}`, `400 {"first":"pricepointId","breach":1}`},
		{`{"shortCode":"1","pricepointId":-1,"userIdentifier":"1"}`, `400 {"first":"pricepointId","breach":0}`},
		{`{"shortCode":"888","shortcode":"888"}`, `400 {"first":"shortcode","breach":2}`},
		{`{"userIdentifier":`, `400 {"first":"body","breach":2}`},
	} {
		resp, text := sent(t, "http://"+at.Public+"/charge", "", c.body)
		if got := resp.Status[:3] + " " + strings.TrimSpace(text); got != c.want {
			t.Errorf("%s: %s, want %s", c.body, got, c.want)
		}
	}
}
