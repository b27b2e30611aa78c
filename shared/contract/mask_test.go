package contract

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

const maskedSpec = `
openapi: 3.0.3
info: {title: Masked, version: 1.0.0}
x-sla: {deadline: 5s, availability: 99.9}
security: []
paths:
  /p:
    post:
      operationId: put
      requestBody:
        content: {application/json: {schema: {$ref: '#/components/schemas/Person'}}}
      responses: {'204': {description: stored}}
components:
  schemas:
    Person:
      type: object
      properties:
        phone: {type: string, x-pii: mask}
        id: {type: integer, x-pii: mask}
        passport: {type: string, x-pii: mask-document}
        email: {type: string, x-pii: hash}
        pin: {type: string, x-pii: drop}
        plan: {type: string}
        size: {type: integer}
        address: {type: object, x-pii: mask, properties: {street: {type: string}}}
        others: {type: array, items: {type: string, x-pii: mask}}
        pins: {type: array, items: {type: string, x-pii: drop}}
        friend: {$ref: '#/components/schemas/Person'}
        secretFriend: {$ref: '#/components/schemas/Person', x-pii: drop}
        audit: {type: object, x-pii: keep-unknown, properties: {ip: {type: string, x-pii: mask}}}
        lines: {type: object, additionalProperties: {type: string, x-pii: mask}}
        open: {type: object, additionalProperties: true}
        any: {}
        folded: {type: object, x-fold-names: true, properties: {WhatsApp_Phone: {type: string, x-pii: mask}}}
`

func masked(t testing.TB) *Check {
	t.Helper()
	d, err := Load([]byte(maskedSpec))
	if err != nil {
		t.Fatal(err)
	}
	return d.Operations[0].Body
}

// lastFour and fixed stand for telemetry.Mask and the key ring's MAC.
var testMasking = Masking{
	Mask:     func(s string) string { return strings.Repeat("*", max(0, len(s)-4)) + s[max(0, len(s)-4):] },
	Hash:     func(string) string { return "hash" },
	Document: func(s string) string { return "document" + s[max(0, len(s)-3):] },
}

func TestMask(t *testing.T) {
	check := masked(t)
	for _, test := range []struct{ name, body, want string }{
		{"strings keep their end", `{"phone": "3000000019"}`, `{"phone":"******0019"}`},
		{"escapes are read", `{"ph\u006fne": "300000001\u0039"}`, `{"ph\u006fne":"******0019"}`},
		{"numbers become strings", `{"id": 1026578508}`, `{"id":"******8508"}`},
		{"a document keeps less", `{"passport": "1026578508"}`, `{"passport":"document508"}`},
		{"a pseudonym", `{"email": "a@b.c"}`, `{"email":"hash"}`},
		{"dropped", `{"pin": "1234", "plan": "x", "pin": "12"}`, `{"plan":"x"}`},
		{"null says nothing", `{"phone": null, "plan": null}`, `{"phone":null,"plan":null}`},
		{"objects whole", `{"address": {"street": "Calle 1"}}`, `{"address":"******"}`},
		{"another kind under mask", `{"phone": ["3000000019"], "id": true}`, `{"phone":"******","id":"******"}`},
		{"another kind than declared", `{"plan": {"phone": "3000000019"}, "size": "3000000019", "friend": "3000000019", "others": 3000000019}`,
			`{"plan":"******","size":"******","friend":"******","others":"******"}`},
		{"items", `{"others": ["3000000019", "3000000028"], "pins": ["1", "2"]}`, `{"others":["******0019","******0028"],"pins":[]}`},
		{"recursion", `{"friend": {"friend": {"phone": "3000000019"}}}`, `{"friend":{"friend":{"phone":"******0019"}}}`},
		{"beside $ref", `{"secretFriend": {"plan": "x"}, "size": 1}`, `{"size":1}`},
		{"undeclared", `{"Phone": "3000000019", "size": 1, "x": {}}`, `{"size":1}`},
		{"undeclared and kept", `{"audit": {"ip": "192.0.2.100", "Hour": "11", "deep": {"a": [1]}}}`, `{"audit":{"ip":"*******.100","Hour":"11","deep":{"a":[1]}}}`},
		{"a dictionary", `{"lines": {"a": "3000000019"}}`, `{"lines":{"a":"******0019"}}`},
		{"an open object vouches for nothing", `{"open": {"phone": "3000000019"}}`, `{"open":{}}`},
		{"the empty schema is anything", `{"any": [{"a": 1}, "b"]}`, `{"any":[{"a":1},"b"]}`},
		{"folded", `{"folded": {"WHATSAPP_PHONE": "3000000019"}}`, `{"folded":{"WHATSAPP_PHONE":"******0019"}}`},
		{"not an object", `"3000000019"`, `"******"`},
		{"not JSON", `{"phone": "3000000019"`, unreadable},
		{"more than JSON", `{} 3000000019`, unreadable},
		{"empty", ``, unreadable},
		{"too deep", strings.Repeat(`{"friend":`, 40) + `1` + strings.Repeat(`}`, 40), unreadable},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := string(check.Mask([]byte("> "), []byte(test.body), testMasking)); got != "> "+test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
	if got := string(check.Mask(nil, []byte(`{"phone":"3000000019","email":"a@b.c"}`), Masking{})); got != `{"phone":"******","email":"******"}` {
		t.Errorf("without functions: %s", got)
	}
}

// Whatever a caller sends, in whatever shape, the personal data in it does not get through.
func TestMaskLetsNothingThrough(t *testing.T) {
	check := masked(t)
	const canary = "3009998877"
	names := []string{"phone", "id", "email", "pin", "plan", "address", "street", "others", "pins", "friend", "secretFriend", "lines", "Phone", "x", "open"}
	var draw func(t *rapid.T, depth int) string
	draw = func(t *rapid.T, depth int) string {
		switch kind := rapid.IntRange(0, 5).Draw(t, "kind"); {
		case kind == 0 || depth > 4:
			return `"` + canary + `"`
		case kind == 1:
			return canary
		case kind == 2:
			return "[" + draw(t, depth+1) + ", " + draw(t, depth+1) + "]"
		default:
			a, b := rapid.SampledFrom(names).Draw(t, "name"), rapid.SampledFrom(names).Draw(t, "name")
			return `{"` + a + `": ` + draw(t, depth+1) + `, "` + b + `" : ` + draw(t, depth+1) + `}`
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		body := draw(t, 0)
		out := check.Mask(nil, []byte(body), testMasking)
		if !jsontext.Value(out).IsValid(repeatedNames) {
			t.Fatalf("%s\nis masked as %s", body, out)
		}
		if rest := strings.ReplaceAll(string(out), `"plan":"`+canary+`"`, ""); strings.Contains(rest, canary) {
			t.Fatalf("%s\nis masked as %s", body, out)
		}
	})
}
