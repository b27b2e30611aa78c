package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"puente/shared/hop"
	"puente/shared/problem"
)

const mailbox = `
openapi: 3.0.3
info: {title: Mailbox, version: 1.0.0, x-category: Post}
x-sla: {deadline: 2s, availability: 99.9}
security: []
paths:
  /callbacks/mailbox/letters:
    get:
      operationId: receiveLetter
      parameters:
        - {name: text, in: query, schema: {type: string}}
      responses:
        '200': {description: Received}
        default: {description: An error, content: {application/problem+json: {schema: {type: object}}}}
`

// letter is what a third-party system sends.
type letter struct {
	Text string `form:"text" json:"-"`
}

var errTorn = errors.New("the letter is torn")

// post is a layer whose one API is called back.
func post() Layer {
	box := hop.Contract{Layer: "sapi", Name: "mailbox", Spec: []byte(mailbox)}
	receive := hop.Operation[letter, struct{}]{Contract: &box, ID: "receiveLetter"}
	return Layer{Name: "sapi", APIs: []API{{Contract: &box, Listener: Callbacks, Mount: func(env *Env) error {
		Handle(env, receive, func(ctx context.Context, in letter) (struct{}, error) {
			if p := hop.PrincipalOf(ctx); p.System != "" || p.Channel != "" {
				return struct{}{}, errors.New("somebody is vouched for: " + p.System)
			}
			if in.Text == "torn" {
				return struct{}{}, &problem.Error{Kind: problem.Rejected, Err: errTorn}
			}
			return struct{}{}, nil
		})
		return nil
	}}}}
}

// Who calls back has neither token nor system and reaches nothing else. What it is answered has no body:
// some take that for something to pass on.
func TestCallbacks(t *testing.T) {
	at, _ := run(t, "", post())
	const path = "/callbacks/mailbox/letters"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+at.Callbacks+path+"?text=hello", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-System-Name", "TIENDA") // whatever it says of itself
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 || len(text) > 0 || resp.Header.Get("Content-Type") != "" || resp.ContentLength != 0 {
		t.Errorf("%d %q %v %v", resp.StatusCode, text, resp.Header, err)
	}
	for url, want := range map[string]int{
		at.Callbacks + path + "?text=torn": 422, at.Callbacks + "/callbacks/mailbox/parcels": 404, at.Callbacks + "/": 404,
		at.Internal + path: 404, at.Operations + path: 404,
	} {
		if status, body := asked(t, "http://"+url); status != want {
			t.Errorf("%s: %d %s", url, status, body)
		}
	}
	if at.Public != "" {
		t.Error("channels are listened to")
	}
	if _, metrics := asked(t, "http://"+at.Operations+"/metrics"); !strings.Contains(metrics, `http_server_request_duration_seconds_count{api="mailbox",layer="sapi",operation="receiveLetter",outcome="ok",status="200"} 1`) {
		t.Error("the metrics do not count the call")
	}
}

// Policies of an API that is called back are in force as those of channels are.
func TestPoliciesOfCallbacks(t *testing.T) {
	at, _ := run(t, "policies: {apis: {mailbox: {allow: [192.0.2.0/24]}}}\n", post())
	if status, body := asked(t, "http://"+at.Callbacks+"/callbacks/mailbox/letters"); status != 403 {
		t.Errorf("%d %s", status, body)
	}
	if err := checked(t, alone+"policies: {apis: {mailbocks: {allow: [192.0.2.0/24]}}}\n", post()); err == nil || !strings.Contains(err.Error(), "policies.apis.mailbocks: no such") {
		t.Errorf("misspelt: %v", err)
	}
}

// Where nothing is called back there is no listener for it.
func TestNoCallbacks(t *testing.T) {
	at, _ := edge(t, "policies: {modes: {origin: off}}\n", func(context.Context, struct{}) (forecast, error) { return forecast{"3000000019"}, nil })
	if at.Callbacks != "" {
		t.Errorf("listens at %s", at.Callbacks)
	}
}
