package server

import (
	"context"
	"strings"
	"testing"

	"puente/shared/hop"
)

const letters = `
openapi: 3.0.3
info: {title: Letters, version: 1.0.0, x-category: Post}
x-sla: {deadline: 1s, availability: 99.9}
paths:
  /v1/letters:
    post:
      operationId: send
      security: []
      requestBody:
        content:
          application/json:
            schema:
              oneOf:
                - $ref: '#/components/schemas/Letter'
                - type: object
                  x-envelope: true
                  properties: {header: {type: object}, letter: {$ref: '#/components/schemas/Letter'}}
      responses:
        '200': {description: Sent, content: {application/json: {schema: {type: object}}}}
components:
  schemas:
    Letter:
      type: object
      properties: {phone: {type: string}, text: {type: string}}
`

// A policy of an API or member that does not exist would never be in force.
func TestMisspeltPoliciesAreRefused(t *testing.T) {
	post := hop.Contract{Layer: "xapi", Name: "letters", Spec: []byte(letters)}
	send := hop.Operation[map[string]any, map[string]any]{Contract: &post, ID: "send"}
	edge := Layer{Name: "xapi", APIs: []API{{Contract: &post, Mount: func(env *Env) error {
		Handle(env, send, func(context.Context, map[string]any) (map[string]any, error) { return nil, nil })
		return nil
	}}}}
	subject := func(member string) string {
		return "policies: {apis: {letters: {subjects: [{name: phone, member: " + member + ", requests: 1, window: 1s}]}}}"
	}
	for text, want := range map[string]string{
		"policies: {apis: {letters: {method: jwt}}}": "",
		"policies: {apis: {leters: {method: jwt}}}":  "policies.apis.leters: no such public API; there are letters",
		subject("phone"):  "",
		subject("phon"):   "policies.apis.letters.subjects[0].member: no body of the API has a member phon",
		subject("header"): "policies.apis.letters.subjects[0].member",
	} {
		if err := checked(t, alone+text+"\n", edge); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if err := checked(t, alone+"policies: {apis: {letters: {method: jwt}}}\n"); err != nil {
		t.Errorf("without the edge: %v", err)
	}
}
