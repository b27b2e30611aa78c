package server

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"puente/shared/hop"
	"puente/shared/policy"
	"puente/shared/problem"
)

const desk = `
openapi: 3.0.3
info: {title: Desk, version: 1.0.0, x-category: Shop}
x-sla: {deadline: 2s, availability: 99.9}
x-origin: optional
security: []
paths:
  /desk/oauth2/token:
    post:
      operationId: issue
      x-max-body: 200
      requestBody: {required: true, content: {application/x-www-form-urlencoded: {schema: {$ref: '#/components/schemas/Grant'}}}}
      responses:
        '200': {description: A token, content: {application/json: {schema: {$ref: '#/components/schemas/Token'}}}}
        default: {description: None, content: {application/json: {schema: {type: object}}}}
  /desk/pages/{name}:
    get:
      operationId: page
      parameters: [{name: name, in: path, required: true, schema: {type: string, maxLength: 20}}, {name: tid, in: query, schema: {type: string, maxLength: 8}}]
      responses:
        '200': {description: A page, content: {text/html: {schema: {type: string}}}}
        '302': {description: Gone elsewhere}
        default: {description: None, content: {application/json: {schema: {type: object}}}}
components:
  schemas:
    Grant:
      type: object
      required: [client_id, client_secret, grant_type]
      properties:
        client_id: {type: string, maxLength: 20, x-audit-key: true}
        client_secret: {type: string, x-pii: drop}
        grant_type: {type: string}
    Token:
      type: object
      required: [token_type, access_token]
      properties: {token_type: {type: string}, access_token: {type: string, x-pii: drop}}
`

type grant struct {
	Client string `json:"client_id"`
	Secret string `json:"client_secret"`
	Type   string `json:"grant_type"`
}

type pageAsked struct {
	Name string `uri:"name" json:"-"`
	TID  string `form:"tid" json:"-"`
}

// An operation that writes its own answers is one of the contract all the same: it has the chain before
// it, the dialect for its errors, and a record without its secrets.
func TestOperationsThatWriteTheirOwnAnswers(t *testing.T) {
	const secret, token = "the-secret-of-acme", "the-token-that-was-issued"
	contract := hop.Contract{Layer: "xapi", Name: "desk", Spec: []byte(desk)}
	at, _ := hosting(t, "admin: {tokens: {test: {secret: the-token-of-an-operator, role: admin}}}\npolicies: {answers: {sample: 1}}\n", API{
		Contract: &contract, Fault: tongue{},
		Mount: func(env *Env) error {
			HandleRaw(env, hop.Operation[grant, hop.Raw]{Contract: &contract, ID: "issue"}, func(x *policy.Exchange, in grant) error {
				x.SetHeader("Cache-Control", "no-store")
				if in.Type != "client_credentials" {
					return &problem.Error{Kind: problem.Invalid, Code: "unsupported_grant_type"}
				}
				if in.Client != "acme" || in.Secret != secret {
					return problem.Unauthenticated
				}
				x.Respond(http.StatusOK, "application/json", []byte(`{"token_type":"bearer","access_token":"`+token+`"}`))
				return nil
			})
			HandleRaw(env, hop.Operation[pageAsked, hop.Raw]{Contract: &contract, ID: "page"}, func(x *policy.Exchange, in pageAsked) error {
				switch in.Name {
				case "old":
					x.SetHeader("Location", "/desk/pages/new?tid="+in.TID)
					x.Respond(http.StatusFound, "", nil)
				case "new":
					x.Answer.Header.Add("Set-Cookie", "a=1")
					x.Answer.Header.Add("Set-Cookie", "b=2")
					x.Respond(http.StatusOK, "text/html; charset=utf-8", []byte("<p>hello "+in.TID+" at "+x.Address))
				case "silent":
				default:
					return problem.NotFound
				}
				return nil
			})
			return nil
		},
	})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	do := func(method, target, media, body string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequest(method, target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Correlation-ID", "case-1")
		req.Header.Set("Authorization", "Bearer the-token-of-an-operator") // of no meaning to a public operation
		if media != "" {
			req.Header.Set("Content-Type", media)
		}
		resp, err := client.Do(req)
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
	const form, fault = "application/x-www-form-urlencoded", `{"why":"invalid","operation":"issue","manner":""}`
	good := url.Values{"client_id": {"acme"}, "client_secret": {secret}, "grant_type": {"client_credentials"}, "password": {secret}}.Encode()
	for _, c := range []struct{ name, method, target, media, body, want string }{
		{"a token", "POST", "oauth2/token", form, good, `200 application/json no-store {"token_type":"bearer","access_token":"` + token + `"}`},
		{"its charset", "POST", "oauth2/token", form + "; charset=UTF-8", good, `200 application/json no-store {"token_type":"bearer","access_token":"` + token + `"}`},
		{"a wrong secret", "POST", "oauth2/token", form, strings.Replace(good, secret, "guess", 1), `401 application/json no-store {"why":"unauthenticated","operation":"issue","manner":""}`},
		{"another grant", "POST", "oauth2/token", form, "client_id=a&client_secret=b&grant_type=implicit", `400 application/json no-store ` + fault},
		{"a parameter that is missing", "POST", "oauth2/token", form, "client_id=acme&grant_type=client_credentials", `400 application/json  ` + fault},
		{"one without a value", "POST", "oauth2/token", form, "client_id=acme&client_secret=&grant_type=client_credentials", `400 application/json  ` + fault},
		{"one given twice", "POST", "oauth2/token", form, good + "&client_id=acme", `400 application/json  ` + fault},
		{"no form", "POST", "oauth2/token", form, "a=%", `400 application/json  ` + fault},
		{"what breaks the contract", "POST", "oauth2/token", form, "client_id=" + strings.Repeat("a", 21) + "&client_secret=b&grant_type=c", `400 application/json  ` + fault},
		{"too large a form", "POST", "oauth2/token", form, good + "&x=" + strings.Repeat("a", 200), `413 application/json  {"why":"too_large","operation":"issue","manner":""}`},
		{"JSON", "POST", "oauth2/token", "application/json", `{}`, `415 application/json  {"why":"unsupported_media","operation":"issue","manner":""}`},
		{"credentials in the query", "POST", "oauth2/token?" + good, form, "", `400 application/json  ` + fault},
		{"a redirect", "GET", "pages/old?tid=Q", "", "", `302   `},
		{"a page", "GET", "pages/new?tid=Q", "", "", `200 text/html; charset=utf-8  <p>hello Q at 127.0.0.1`},
		{"a page that there is not", "GET", "pages/none", "", "", `404 application/json  {"why":"not_found","operation":"page","manner":""}`},
		{"a parameter that breaks the contract", "GET", "pages/new?tid=123456789", "", "", `400 application/json  {"why":"invalid","operation":"page","manner":""}`},
		{"no answer at all", "GET", "pages/silent", "", "", `500 application/json  {"why":"internal","operation":"page","manner":""}`},
	} {
		resp, text := do(c.method, "http://"+at.Public+"/desk/"+c.target, c.media, c.body)
		if got := strings.Join([]string{resp.Status[:3], resp.Header.Get("Content-Type"), resp.Header.Get("Cache-Control"), text}, " "); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
		switch cookies := resp.Header.Values("Set-Cookie"); {
		case c.name == "a page" && len(cookies) != 2:
			t.Errorf("cookies %v", cookies)
		case c.name == "a redirect" && resp.Header.Get("Location") != "/desk/pages/new?tid=Q":
			t.Errorf("to %s", resp.Header.Get("Location"))
		}
	}

	_, records := do("GET", "http://"+at.Operations+"/admin/v1/audit/case-1", "", "")
	for _, want := range []string{`"issue"`, `"page"`, "client_credentials", "token_type", "acme"} {
		if !strings.Contains(records, want) {
			t.Errorf("the records lack %s: %s", want, records)
		}
	}
	for _, hidden := range []string{secret, token, "password", "hello"} {
		if strings.Contains(records, hidden) {
			t.Errorf("the records hold %s: %s", hidden, records)
		}
	}
	_, metrics := do("GET", "http://"+at.Operations+"/metrics", "", "")
	for _, want := range []string{
		`http_server_request_duration_seconds_count{api="desk",layer="xapi",operation="issue",outcome="ok",status="200"} 2`,
		`http_server_request_duration_seconds_count{api="desk",layer="xapi",operation="page",outcome="ok",status="302"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(metrics, "contract_response_breaches_total{") {
		t.Error("a page was held to the contract of an error")
	}
}

// Only who is sent what callers send writes what they receive.
func TestInnerAPIsDoNotWriteTheirOwnAnswers(t *testing.T) {
	inner := hop.Contract{Layer: "papi", Name: "desk", Spec: []byte(desk)}
	err := checked(t, alone, Layer{Name: "papi", APIs: []API{{Contract: &inner, Mount: func(env *Env) error {
		HandleRaw(env, hop.Operation[pageAsked, hop.Raw]{Contract: &inner, ID: "page"}, func(*policy.Exchange, pageAsked) error { return nil })
		Handle(env, hop.Operation[grant, sold]{Contract: &inner, ID: "issue"}, func(context.Context, grant) (sold, error) { return sold{}, nil })
		return nil
	}}}})
	for _, want := range []string{"operation page: only a public API writes its own answers", "operation issue: a form is for the public listener"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
