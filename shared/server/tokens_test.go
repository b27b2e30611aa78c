package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"puente/shared/hop"
	"puente/shared/policy"
	"puente/shared/problem"
)

const kiosk = `
openapi: 3.0.3
info: {title: Kiosk, version: 1.0.0, x-category: Shop}
x-sla: {deadline: 2s, availability: 99.9}
paths:
  /kiosk/charge: {post: {operationId: charge, security: [{own: [charge]}], requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Sale'}}}}, responses: {'200': {description: Done, content: {application/json: {schema: {$ref: '#/components/schemas/Done'}}}}}}}
  /kiosk/sendmt: {post: {operationId: sendmt, security: [{own: [sendmt]}], requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Sale'}}}}, responses: {'200': {description: Done, content: {application/json: {schema: {$ref: '#/components/schemas/Done'}}}}}}}
  /kiosk/any: {post: {operationId: any, security: [{own: []}], requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Sale'}}}}, responses: {'200': {description: Done, content: {application/json: {schema: {$ref: '#/components/schemas/Done'}}}}}}}
components:
  securitySchemes: {own: {type: oauth2, flows: {clientCredentials: {tokenUrl: /kiosk/oauth2/token, scopes: {charge: Charge, sendmt: Send}}}}}
  schemas:
    Sale: {type: object, required: [item], properties: {item: {type: string}}}
    Done: {type: object, required: [manner, client], properties: {manner: {type: string}, client: {type: string}}}
`

type (
	sale struct {
		Item string `json:"item"`
	}
	sold struct {
		Manner string `json:"manner"`
		Client string `json:"client"`
	}
)

// till verifies tokens of the kiosk's own: by token, what it opens. It counts how often it is asked.
type till struct {
	mu    sync.Mutex
	open  map[string]policy.Verdict
	asked int
	away  bool
}

// Verify implements policy.Verifier.
func (k *till) Verify(_ context.Context, q policy.Question) (policy.Verdict, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	if k.away {
		return policy.Verdict{}, errors.New("the till is away")
	}
	v := k.open[q.Token]
	for _, scope := range q.Scopes {
		v.Active = v.Active && v.Scopes[0] == scope
	}
	return v, nil
}

// tongue is a dialect that says what it is told.
type tongue struct{}

func (tongue) Render(e *problem.Error, at problem.Occurrence) problem.Answer {
	why := e.Kind.String()
	switch {
	case errors.Is(e, policy.ErrNoToken):
		why = "invalid_request"
	case errors.Is(e, policy.ErrInvalidToken):
		why = "invalid_token"
	}
	return problem.Answer{Status: e.Kind.Status(), Header: problem.Header(e, "application/json"), Body: []byte(`{"why":"` + why + `","operation":"` + at.Operation + `","manner":"` + at.Manner + `"}`)}
}

// An API's own verifier decides in place of the layer's, at once and for each operation apart; what it
// says of how the client wants to be answered reaches operation and dialect.
func TestTokensOfAnAPIsOwn(t *testing.T) {
	const chargeToken, sendToken = "the-token-of-the-first-shop", "the-token-of-the-second-shop"
	keys := &till{open: map[string]policy.Verdict{
		chargeToken: {Active: true, Client: "first", Scopes: []string{"charge"}, Manner: "compat/es"},
		sendToken:   {Active: true, Client: "second", Scopes: []string{"sendmt"}},
	}}
	contract := hop.Contract{Layer: "xapi", Name: "kiosk", Spec: []byte(kiosk)}
	sell := func(ctx context.Context, in sale) (sold, error) {
		if in.Item == "out" {
			return sold{}, problem.NotFound
		}
		return sold{policy.MannerOf(ctx), hop.PrincipalOf(ctx).Client}, nil
	}
	at, _ := hosting(t, "policies: {modes: {origin: off, client: off}}\n", API{
		Contract: &contract, Fault: tongue{}, Verifier: func(hop.Dialer) policy.Verifier { return keys },
		Mount: func(env *Env) error {
			for _, id := range []string{"charge", "sendmt", "any"} {
				Handle(env, hop.Operation[sale, sold]{Contract: &contract, ID: id}, sell)
			}
			return nil
		},
	})
	said := func(operation, token, body string) string {
		t.Helper()
		resp, text := sent(t, "http://"+at.Public+"/kiosk/"+operation, token, body)
		return strings.Join(append(resp.Header.Values("WWW-Authenticate"), resp.Status[:3], text), " ")
	}
	const good, invalid = `{"item":"a"}`, `Bearer realm="puente", error="invalid_token" 401 {"why":"invalid_token","operation":`
	for _, c := range []struct{ name, operation, token, body, want string }{
		{"good", "charge", chargeToken, good, `200 {"manner":"compat/es","client":"first"}`},
		{"good, without a manner", "sendmt", sendToken, good, `200 {"manner":"","client":"second"}`},
		{"of another operation", "sendmt", chargeToken, good, invalid + `"sendmt","manner":""}`},
		{"any, where no scope is asked for", "any", chargeToken, good, `200 {"manner":"compat/es","client":"first"}`},
		{"another, likewise", "any", sendToken, good, `200 {"manner":"","client":"second"}`},
		{"none", "charge", "", good, `Bearer realm="puente" 401 {"why":"invalid_request","operation":"charge","manner":""}`},
		{"unknown", "charge", "the-token-of-nobody", good, invalid + `"charge","manner":""}`},
		{"a body that is refused", "charge", chargeToken, `{}`, `400 {"why":"invalid","operation":"charge","manner":"compat/es"}`},
		{"a body that cannot be read", "charge", chargeToken, `{`, `400 {"why":"invalid","operation":"charge","manner":"compat/es"}`},
		{"an operation that refuses", "charge", chargeToken, `{"item":"out"}`, `404 {"why":"not_found","operation":"charge","manner":"compat/es"}`},
		{"no operation", "nothing", chargeToken, good, `404 {"why":"not_found","operation":"","manner":""}`},
	} {
		if got := said(c.operation, c.token, c.body); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
	}

	keys.mu.Lock()
	asked := keys.asked
	delete(keys.open, chargeToken)
	keys.mu.Unlock()
	if got := said("charge", chargeToken, good); !strings.HasPrefix(got, invalid) {
		t.Errorf("after the client was disabled: %s", got)
	}
	keys.mu.Lock()
	keys.open[chargeToken] = policy.Verdict{Active: true, Client: "first", Scopes: []string{"charge"}}
	keys.mu.Unlock()
	if got := said("charge", chargeToken, good); !strings.HasPrefix(got, "200 ") {
		t.Errorf("after it was enabled again: %s", got)
	}
	keys.mu.Lock()
	if keys.asked != asked+2 {
		t.Errorf("asked %d times for two requests", keys.asked-asked)
	}
	keys.away = true
	keys.mu.Unlock()
	if got := said("charge", chargeToken, good); !strings.HasPrefix(got, "503 ") {
		t.Errorf("while nobody can tell: %s", got)
	}
}

// sent is the answer to a POST of JSON; headers are names, each followed by its value.
func sent(t *testing.T, url, token, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// Nothing but a public API is sent tokens of its own.
func TestOnlyPublicAPIsHaveTokens(t *testing.T) {
	inner := hop.Contract{Layer: "papi", Name: "kiosk", Spec: []byte(kiosk)}
	err := checked(t, alone, Layer{Name: "papi", APIs: []API{{Contract: &inner, Verifier: func(hop.Dialer) policy.Verifier { return &till{} }, Mount: func(*Env) error { return nil }}}})
	if err == nil || !strings.Contains(err.Error(), "only a public API has tokens") {
		t.Errorf("%v", err)
	}
}
