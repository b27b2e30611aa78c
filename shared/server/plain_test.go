package server

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"puente/shared/hop"
	"puente/shared/policy"
)

const entrance = `
openapi: 3.0.3
info: {title: Entrance, version: 1.0.0, x-category: Shop}
x-sla: {deadline: 2s, availability: 99.9}
security: []
paths:
  /door/{name}:
    get:
      operationId: door
      x-fold-names: true
      x-plain: true
      x-subjects: [{name: address, requests: 6, window: 1m}]
      parameters:
        - {name: name, in: path, required: true, schema: {type: string}}
        - {name: partnerId, in: query, required: true, schema: {type: integer, format: int64}}
        - {name: SuccessUrl, in: query, schema: {type: string}}
      responses: {'200': {description: Open, content: {text/plain: {schema: {type: string}}}}, default: {description: Shut}}
  /door/{name}/inside:
    get:
      operationId: inside
      parameters: [{name: name, in: path, required: true, schema: {type: string}}]
      responses: {'200': {description: Open, content: {text/plain: {schema: {type: string}}}}, default: {description: Shut}}
`

type guest struct {
	Name    string `uri:"name" json:"-"`
	Partner string `form:"partnerId" json:"-"`
	URL     string `form:"SuccessUrl" json:"-"`
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Get(url)
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

// The listener for plain HTTP serves what contracts mark for it and nothing else; names of query
// parameters match without regard to case where the contract says so; an address has its own limit.
func TestPlainListener(t *testing.T) {
	contract := hop.Contract{Layer: "xapi", Name: "entrance", Spec: []byte(entrance)}
	at, _ := hosting(t, "plain: {addr: '127.0.0.1:0'}\n", API{Contract: &contract, Fault: tongue{}, Mount: func(env *Env) error {
		say := func(x *policy.Exchange, in guest) error {
			x.Respond(http.StatusOK, "text/plain", []byte(in.Name+" "+in.Partner+" "+in.URL))
			return nil
		}
		HandleRaw(env, hop.Operation[guest, hop.Raw]{Contract: &contract, ID: "door"}, say)
		HandleRaw(env, hop.Operation[guest, hop.Raw]{Contract: &contract, ID: "inside"}, say)
		return nil
	}})
	for _, c := range []struct{ host, target, want string }{
		{at.Plain, "/door/a?partnerId=1&SuccessUrl=u", "200 a 1 u"},
		{at.Plain, "/door/a?PARTNERID=1&successurl=u%26v", "200 a 1 u&v"},
		{at.Public, "/door/a?partnerid=1", "200 a 1 "},
		{at.Public, "/door/a?partnerid=1&partnerId=1", "400"}, // one parameter, twice
		{at.Public, "/door/a?partner=1", "400"},
		{at.Plain, "/door/a/inside", "404"},
		{at.Public, "/door/a/inside", "200 a  "},
		{at.Plain, "/", "404"},
		{at.Public, "/door/a?partnerId=2", "200 a 2 "},
		{at.Plain, "/door/a?partnerId=2", "200 a 2 "},
		{at.Public, "/door/a?partnerId=2", "200 a 2 "},
		{at.Public, "/door/a?partnerId=2", "429"}, // of both listeners together; what broke the contract was free
		{at.Public, "/door/a/inside", "200 a  "},
	} {
		resp, text := get(t, "http://"+c.host+c.target)
		if got := resp.Status[:3] + " " + text; !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s, want %s", c.target, got, c.want)
		}
	}
}
