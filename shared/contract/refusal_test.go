package contract

import (
	"fmt"
	"strings"
	"testing"
)

// skeleton is a document with one operation; the arguments are the document's extensions, the
// operation's members and the schema of its request body.
const skeleton = `
openapi: 3.0.3
info: {title: t, version: '1'%s}
%s
paths:
  /p:
    post:
      %s
      requestBody: {content: {application/json: {schema: %s}}}
      %s
components:
  securitySchemes: {a: {type: http, scheme: bearer}, b: {type: http, scheme: bearer}}
  schemas:
    Named: {type: object, properties: {a: {type: string}}}
    Closed: {type: object, additionalProperties: false}
    Other: {type: object, properties: {a: {type: integer}}}
`

func TestLoadRefuses(t *testing.T) {
	const (
		sla       = "x-sla: {deadline: 1s, availability: 99}\nsecurity: []"
		operation = "operationId: p"
		responses = "responses: {'204': {description: d}}"
	)
	document := func(info, document, operation, schema, responses string) string {
		return fmt.Sprintf(skeleton, info, document, operation, schema, responses)
	}
	body := func(schema string) string { return document("", sla, operation, schema, responses) }
	const at = "#/paths/~1p/post/requestBody/content/application~1json/schema"

	if _, err := Load([]byte(body("{type: object}"))); err != nil {
		t.Fatalf("the document that all others are derived from: %v", err)
	}
	for _, test := range []struct{ name, spec, want string }{
		{"no YAML", "{", "yaml"},
		{"not 3.0", strings.Replace(body("{}"), "3.0.3", "3.1.0", 1), "only 3.0"},
		{"no operationId", document("", sla, "summary: s", "{}", responses), "#/paths/~1p/post: operationId is missing"},
		{"no 2xx", document("", sla, operation, "{}", "responses: {'404': {description: d}}"), "post/responses: has no 2xx"},
		{"two 2xx", document("", sla, operation, "{}", "responses: {'200': {description: d}, '204': {description: d}}"), "responses/204: is a second 2xx beside 200"},
		{"a range of statuses", document("", sla, operation, "{}", "responses: {'204': {description: d}, 4XX: {description: d}}"), "responses/4XX: is not a status"},
		{"no x-sla", document("", "security: []", operation, "{}", responses), "x-sla.deadline is missing"},
		{"half an x-sla", document("", "x-sla: {deadline: 1s}\nsecurity: []", operation, "{}", responses), "x-sla.availability is missing"},
		{"x-sla misspelt", document("", "x-sla: {dedline: 1s}\nsecurity: []", operation, "{}", responses), "x-sla.dedline is not known"},
		{"a deadline without unit", document("", "x-sla: {deadline: '5', availability: 99}\nsecurity: []", operation, "{}", responses), "must be a duration"},
		{"no security", document("", "x-sla: {deadline: 1s, availability: 99}", operation, "{}", responses), "security is missing"},
		{"alternatives of security", document("", sla, operation+"\n      security: [{a: []}, {b: []}]", "{}", responses), "exactly one scheme"},
		{"x-idempotency", document("", sla, operation+"\n      x-idempotency: keys", "{}", responses), "x-idempotency must be one of"},
		{"x-audit", document("", sla, operation+"\n      x-audit: yes", "{}", responses), "x-audit must be one of"},
		{"x-origin", document("", sla, operation+"\n      x-origin: none", "{}", responses), "x-origin must be one of"},
		{"x-max-body", document("", sla, operation+"\n      x-max-body: 1.5", "{}", responses), "x-max-body must be"},
		{"x-subjects", document("", sla, operation+"\n      x-subjects: [{name: phone, member: a, requests: 1}]", "{type: object, properties: {a: {type: string}}}", responses), "x-subjects must be a list"},
		{"x-subjects of what no body has", document("", sla, operation+"\n      x-subjects: [{name: phone, member: b, requests: 1, window: 1m}]", "{type: object, properties: {a: {type: string}}}", responses), "the body has no member b"},
		{"x-subjects without a name", document("", sla, operation+"\n      x-subjects: [{requests: 1, window: 1m}]", "{}", responses), "x-subjects must be a list"},
		{"x-fold-names of an operation", document("", sla, operation+"\n      x-fold-names: 1", "{}", responses), "x-fold-names must be true or false"},
		{"names that fold into each other", document("", sla, operation+"\n      x-fold-names: true\n      parameters: [{name: a, in: query, schema: {type: string}}, {name: A, in: query, schema: {type: string}}]", "{}", responses), "differ in case only"},
		{"x-plain of what writes", document("", sla, operation+"\n      x-plain: true", "{}", responses), "x-plain is for open operations that are read"},
		{"x-deprecation of what is not deprecated", document("", sla, operation+"\n      x-deprecation: {since: '2025-08-04'}", "{}", responses), "go together"},
		{"deprecated since nobody knows", document("", sla, operation+"\n      deprecated: true", "{}", responses), "go together"},
		{"x-deprecation", document("", sla, operation+"\n      deprecated: true\n      x-deprecation: {since: yesterday}", "{}", responses), "x-deprecation must be"},
		{"x-errors", document("", sla, operation+"\n      x-errors: A", "{}", responses), "x-errors must be a list"},
		{"x-errors half explained", document("", sla, operation+"\n      x-errors: [{code: A, status: 409, meaning: B, acts: caller}]", "{}", responses), "x-errors must be a list"},
		{"x-errors with a retry that is none", document("", sla, operation+"\n      x-errors: [{code: A, status: 409, meaning: B, acts: caller, retry: maybe}]", "{}", responses), "x-errors must be a list"},
		{"x-category", document(", x-category: [a]", sla, operation, "{}", responses), "x-category must be a string"},
		{"an unknown extension of the operation", document("", sla, operation+"\n      x-idempotence: key", "{}", responses), "post: extension x-idempotence is not known"},
		{"an unknown extension of the document", document("", sla+"\nx-slo: {}", operation, "{}", responses), "#: extension x-slo is not known"},
		{"an unknown extension of a schema", body("{type: string, x-pi: mask}"), at + ": extension x-pi is not known"},
		{"x-pii", body("{type: string, x-pii: hide}"), at + ": x-pii must be one of"},
		{"keep-unknown of a string", body("{type: string, x-pii: keep-unknown}"), "keep-unknown is for objects"},
		{"x-fold-names", body("{type: object, x-fold-names: 1}"), "x-fold-names must be true or false"},
		{"x-aliases", body("{type: object, properties: {a: {type: string, x-aliases: b}}}"), "properties/a: x-aliases must be a list of names"},
		{"an alias that is another member", body("{type: object, properties: {a: {type: string, x-aliases: [b]}, b: {}}}"), "properties/a: x-aliases has the name of another member"},
		{"an alias that folds to another member", body("{type: object, x-fold-names: true, properties: {a: {type: string, x-aliases: [B]}, b: {}}}"), "properties/a: x-aliases has the name of another member"},
		{"an alias of two members", body("{type: object, properties: {a: {type: string, x-aliases: [c]}, b: {x-aliases: [c]}}}"), "properties/b: x-aliases has the name of another member"},
		{"aliases of what is no property", body("{type: array, items: {type: string, x-aliases: [b]}}"), "x-aliases belongs to a property"},
		{"x-digits of a boolean", body("{type: boolean, x-digits: true}"), "x-digits is for integers and strings"},
		{"x-digits without end", body("{type: integer, x-digits: true}"), "x-digits needs format int32 or int64"},
		{"unique items that may be respelt", body("{type: array, uniqueItems: true, items: {type: integer, format: int64, x-digits: true}}"), "uniqueItems is not supported where"},
		{"unique items with aliases below", body("{type: array, uniqueItems: true, items: {type: object, properties: {a: {type: string, x-aliases: [b]}}}}"), "uniqueItems is not supported where"},
		{"names that fold alike", body("{type: object, x-fold-names: true, properties: {a: {}, A: {}}}"), "the same member as another"},
		{"a keyword nobody knows", body("{type: string, maxLenght: 3}"), "maxLenght"},
		{"oneOf", body("{oneOf: [{type: string}, {type: integer}]}"), at + ": oneOf is not supported"},
		{"anyOf", body("{type: array, items: {anyOf: [{type: string}]}}"), at + "/items: anyOf is not supported"},
		{"not", body("{type: object, properties: {a/b: {not: {type: string}}}}"), at + "/properties/a~1b: not is not supported"},
		{"readOnly", body("{type: string, readOnly: true}"), "readOnly is not supported"},
		{"a constraint without type", body("{minLength: 1}"), "minLength needs a type"},
		{"a constraint of another type", body("{type: integer, minLength: 1}"), "minLength means nothing for type integer"},
		{"a format", body("{type: string, format: hostname}"), "format hostname is not supported"},
		{"a format of another type", body("{type: integer, format: double}"), "double"},
		{"a pattern that Go does not know", body("{type: string, pattern: '(?!a)'}"), "(?!"},
		{"a bound beyond 2^53", body("{type: integer, maximum: 9007199254740993}"), "maximum is beyond 2^53"},
		{"exclusiveMinimum alone", body("{type: number, exclusiveMinimum: true}"), "exclusiveMinimum needs minimum"},
		{"multipleOf of fractions", body("{type: number, multipleOf: 0.01}"), "multipleOf is supported for integers only"},
		{"an enum of another type", body("{type: string, enum: [1]}"), "enum has a value that is not a string"},
		{"a required member without schema", body("{type: object, required: [a]}"), "required names a"},
		{"a closed part of allOf", body("{allOf: [{$ref: '#/components/schemas/Closed'}, {$ref: '#/components/schemas/Named'}]}"), "#/components/schemas/Closed: allOf: additionalProperties is not supported"},
		{"a closed allOf", body("{additionalProperties: false, allOf: [{$ref: '#/components/schemas/Named'}]}"), "allOf: additionalProperties is not supported"},
		{"allOf of one name twice", body("{allOf: [{$ref: '#/components/schemas/Other'}, {$ref: '#/components/schemas/Named'}]}"), "property a is declared twice"},
		{"allOf of strings", body("{allOf: [{type: string}, {type: object}]}"), "only objects can be merged"},
		{"envelope of three", body("{oneOf: [{type: string}, {type: object}, {type: object, x-envelope: true}]}"), "exactly one other alternative"},
		{"an envelope without the body", body("{type: object, x-envelope: true, properties: {WSRequestHeader: {type: object}}}"), at + ": x-envelope needs the property WSRequestBody"},
		{"an envelope that breaks the rules", body("{type: object, x-envelope: true, properties: {WSRequestBody: {type: object}, WSRequestHeader: {not: {}}}}"), "WSRequestHeader: not is not supported"},
		{"x-fault of two others", document("", sla, operation, "{}", "responses: {'200': {description: d, content: {application/json: {schema: {oneOf: [{type: string}, {type: integer}, {type: object, x-fault: true}]}}}}}"), "more than one other alternative"},
		{"x-fault", body("{type: object, x-fault: 1}"), "x-fault must be true or false"},
		{"a form that is no object", strings.Replace(body("{type: string}"), "application/json", FormMedia, 1), "the schema of a form must be an object"},
		{"a form of numbers", strings.Replace(body("{type: object, properties: {a: {type: integer}}}"), "application/json", FormMedia, 1), "a form holds strings only, and a is none"},
		{"a form beside JSON", strings.Replace(body("{type: object}"), "{application/json:", "{application/x-www-form-urlencoded: {schema: {type: object}}, application/json:", 1), "more than one media type"},
		{"a cookie", document("", sla, operation+"\n      parameters: [{name: a, in: cookie, schema: {type: string}}]", "{}", responses), "parameters in cookie are not supported"},
		{"an object in the query", document("", sla, operation+"\n      parameters: [{name: a, in: query, schema: {type: object}}]", "{}", responses), "a parameter is a string"},
		{"an ignored header", document("", sla, operation+"\n      parameters: [{name: accept, in: header, schema: {type: string}}]", "{}", responses), "is not a parameter"},
		{"an example that breaks its schema", body("{type: string, example: 1}"), "example"},
		{"unique objects with folded names", body("{type: array, x-fold-names: true, uniqueItems: true, items: {type: object}}"), "uniqueItems"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Load([]byte(test.spec))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want …%s…", err, test.want)
			}
		})
	}
}

func TestLoadNamesAllFaultsAtOnce(t *testing.T) {
	_, err := Load(fmt.Appendf(nil, skeleton, "", "", "summary: s", "{not: {}}", "responses: {'404': {description: d}}"))
	for _, want := range []string{"operationId", "2xx", "deadline", "availability", "security", "not is not supported"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
}

func TestLoadForgetsServers(t *testing.T) {
	spec := "servers: [{url: 'https://example.org/api'}]\n" + fmt.Sprintf(skeleton, "",
		"x-sla: {deadline: 1s, availability: 99}\nsecurity: []", "operationId: p\n      servers: [{url: /x}]", "{}", "responses: {'204': {description: d}}")
	d, err := Load([]byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	if op := d.OpenAPI.Paths.Value("/p").Post; d.OpenAPI.Servers != nil || op.Servers != nil {
		t.Errorf("servers are left: %v, %v", d.OpenAPI.Servers, op.Servers)
	}
}
