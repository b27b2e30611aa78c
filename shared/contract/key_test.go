package contract

import (
	"slices"
	"strings"
	"testing"
)

const keyedSpec = `
openapi: 3.0.3
info: {title: Keyed, version: 1.0.0}
x-sla: {deadline: 5s, availability: 99.9}
security: []
paths:
  /orders:
    post:
      operationId: put
      requestBody:
        content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}
      responses: {'204': {description: stored}}
components:
  schemas:
    Number: {type: string, x-pii: mask}
    Order:
      type: object
      x-fold-names: true
      properties:
        phone: {type: string, x-pii: mask, x-audit-key: true}
        other: {$ref: '#/components/schemas/Number', x-audit-key: true}
        plain: {$ref: '#/components/schemas/Number'}
        email: {type: string, x-pii: hash, x-audit-key: true}
        numOrder: {type: integer, nullable: true, x-audit-key: true}
        lines: {type: array, items: {type: string, x-audit-key: true}}
        parts: {type: array, items: {$ref: '#/components/schemas/Order'}}
        free: {type: object, additionalProperties: {type: string, x-audit-key: true}}
`

func TestKeysAreToldAsTheyAreMasked(t *testing.T) {
	d, err := Load([]byte(keyedSpec))
	if err != nil {
		t.Fatal(err)
	}
	check := d.Operations[0].Body
	for _, test := range []struct {
		name, body string
		want       []string
	}{
		{"none", `{"plain":"3000000019"}`, nil},
		{"masked", `{"phone":"3000000019"}`, []string{"phone=******0019"}},
		{"beside a reference", `{"other":"3000000019","plain":"3000000018"}`, []string{"other=******0019"}},
		{"hashed", `{"email":"a@b.c"}`, []string{"email=hash"}},
		{"a number", `{"numOrder":17}`, []string{"numOrder=17"}},
		{"as the schema spells it", `{"NUMORDER":17}`, []string{"numOrder=17"}},
		{"null, empty", `{"numOrder":null,"lines":["",""]}`, nil},
		{"items", `{"lines":["a","b"]}`, []string{"lines=a", "lines=b"}},
		{"escaped", `{"lines":["a\n\"b"]}`, []string{"lines=a\n\"b"}},
		{"below, in order", `{"numOrder":1,"parts":[{"phone":"3000000018"},{"numOrder":2}],"email":"x"}`, []string{"numOrder=1", "phone=******0018", "numOrder=2", "email=hash"}},
		{"of another kind", `{"phone":{"x":"3000000019"},"numOrder":"3000000019"}`, nil},
		{"a name that the caller chose", `{"free":{"3000000019":"x"}}`, nil},
		{"what comes before a fault", `{"phone":"3000000019",`, []string{"phone=******0019"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			with := testMasking
			with.Key = func(name, value string) { got = append(got, name+"="+value) }
			out := string(check.Mask(nil, []byte(test.body), with))
			if !slices.Equal(got, test.want) {
				t.Errorf("told %q, want %q", got, test.want)
			}
			if plain := string(check.Mask(nil, []byte(test.body), testMasking)); out != plain {
				t.Errorf("masked %s, without Key %s", out, plain)
			}
		})
	}
}

func TestHiddenValuesAreNoKeys(t *testing.T) {
	d, err := Load([]byte(keyedSpec))
	if err != nil {
		t.Fatal(err)
	}
	with := Masking{Key: func(name, value string) { t.Errorf("told %s=%s", name, value) }}
	d.Operations[0].Body.Mask(nil, []byte(`{"phone":"3000000019","email":"a@b.c"}`), with)
}

func TestKeysThatLoadRefuses(t *testing.T) {
	for _, schema := range []string{
		`{type: object, x-audit-key: true}`,
		`{type: array, items: {type: string}, x-audit-key: true}`,
		`{type: string, x-pii: drop, x-audit-key: true}`,
		`{type: string, x-audit-key: 'yes'}`,
		`{x-audit-key: true}`,
	} {
		spec := strings.Replace(keyedSpec, "{type: string, x-pii: hash, x-audit-key: true}", schema, 1)
		if _, err := Load([]byte(spec)); err == nil || !strings.Contains(err.Error(), "x-audit-key") {
			t.Errorf("%s: %v", schema, err)
		}
	}
}
