package partnerhub

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/partnerhub"
	"puente/shared/contract"
	"puente/shared/hop"
	"puente/shared/policy"
	"puente/shared/problem"
)

func document(t testing.TB, c *hop.Contract) *contract.Document {
	t.Helper()
	d, err := c.Document()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The operations of the process that partners call, by those of this API.
var asked = map[string]string{"charge": "charge", "getCharge": "queryCharge", "sendMT": "sendMessage", "subOptOut": "optOut", "verifyToken": "verifyRedirect"}

// What the process may say is in this contract, too, and answered with the status that the contract says.
func TestEveryCodeOfTheProcessHasAResult(t *testing.T) {
	below, here := document(t, &subscription.Contract), document(t, &partnerhub.Contract)
	statuses := map[string]int{}
	for _, op := range here.Operations {
		for _, e := range op.Errors {
			if !issues[op.ID] {
				statuses[e.Code] = e.Status
			}
		}
	}
	for id, inner := range asked {
		for _, code := range below.Operation(inner).Codes {
			if code == "INVALID_ENCRYPTION" || id == "subOptOut" && code == subscription.CodeShortCode { // it is sent none
				continue
			}
			if !slices.Contains(here.Operation(id).Codes, code) {
				t.Errorf("%s: the contract lacks %s", id, code)
			}
			if _, ok := byCode[code]; !ok && code != "NOT_FOUND" {
				t.Errorf("%s has no row", code)
			}
		}
	}
	for code, row := range byCode {
		if statuses[code] != row.http {
			t.Errorf("%s is answered %d, and %d in the contract", code, row.http, statuses[code])
		}
	}
	for _, code := range []string{subscription.CodeInsufficientBalance, subscription.CodeBlacklisted, subscription.CodeLimitExceeded, subscription.CodeDeclined} {
		if statuses[code] != declined.http {
			t.Errorf("%s: %d in the contract", code, statuses[code])
		}
	}
}

func TestWireNamesAreThoseOfTheContract(t *testing.T) {
	d, known := document(t, &partnerhub.Contract), map[string]bool{}
	for id := range asked {
		op := d.Operation(id)
		if op.Body == nil {
			continue
		}
		schema := d.OpenAPI.Paths.Value(op.Path).GetOperation(op.Method).RequestBody.Value.Content[jsonType].Schema.Value.OneOf[0].Value
		for _, name := range op.Body.Members() {
			spellings := []any{name, strings.ToUpper(name), strings.ToLower(name)}
			aliases, _ := extension(schema.Properties[name], "x-aliases").([]any)
			for _, spelling := range append(spellings, aliases...) {
				if got := wireName(spelling.(string)); got != name {
					t.Errorf("%s is told as %s, want %s", spelling, got, name)
				}
			}
			known[name] = true
		}
	}
	for _, name := range wireNames {
		if !known[name] {
			t.Errorf("no request has %s", name)
		}
	}
	if got := wireName("header.Idempotency-Key"); got != "Idempotency-Key" {
		t.Error(got)
	}
}

func extension(ref *openapi3.SchemaRef, name string) any {
	if v, ok := ref.Extensions[name]; ok {
		return v
	}
	return ref.Value.Extensions[name]
}

// Whatever fails, and wherever: the body has its shape, the header can be sent, and compat differs from rest
// in the HTTP status alone, which is then 200.
func TestPairingsDifferInTheStatusOnly(t *testing.T) {
	codes := []string{"", "SOMETHING_NEW"}
	for code := range byCode {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	beforehand := []int{400, 404, 405, 413, 414, 415, 429, 431, 499, 500, 503}
	rapid.Check(t, func(t *rapid.T) {
		e := &problem.Error{Kind: problem.Kind(rapid.IntRange(0, int(problem.Unknown)).Draw(t, "kind")), Code: rapid.SampledFrom(codes).Draw(t, "code")}
		if e.Kind == problem.Unauthenticated {
			return
		}
		for range rapid.IntRange(0, 2).Draw(t, "fields") {
			e.Fields = append(e.Fields, problem.Field{
				Path: rapid.OneOf(rapid.SampledFrom([]string{"userIdentifier", "body", "header.external-tx-id"}), rapid.String()).Draw(t, "path"),
				Rule: rapid.SampledFrom([]string{"is required", "must be a string"}).Draw(t, "rule"), Breach: problem.Breach(rapid.IntRange(0, 2).Draw(t, "breach")),
			})
		}
		if rapid.Bool().Draw(t, "declined") {
			e.Err = errDeclined
		}
		at := problem.Occurrence{
			Operation: rapid.SampledFrom([]string{"", "charge", "getCharge", "sendMT", "subOptOut", "verifyToken"}).Draw(t, "operation"),
			Policy:    rapid.SampledFrom([]string{"", policy.Transport, policy.Body, policy.Origin, policy.Switch, policy.Limits}).Draw(t, "policy"),
		}
		language := rapid.SampledFrom([]string{"es", "en"}).Draw(t, "language")
		at.Manner = "rest/" + language
		rest := dialect{}.Render(e, at)
		at.Manner = "compat/" + language
		compat := dialect{}.Render(e, at)
		if rest.Status < 400 || compat.Status != 200 && (compat.Status != rest.Status || !slices.Contains(beforehand, compat.Status)) {
			t.Fatalf("%v: %d and %d", e, rest.Status, compat.Status)
		}
		if string(rest.Body) != string(compat.Body) || rest.Header.Get(reasonHeader) != compat.Header.Get(reasonHeader) {
			t.Fatalf("%v: %s and %s", e, rest.Body, compat.Body)
		}
		reason := rest.Header.Get(reasonHeader)
		if reason == "" || len(reason) > 256 || strings.ContainsFunc(reason, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%v: reason %q", e, reason)
		}
		var said struct {
			InError         *bool
			Status, Message string
		}
		if err := json.Unmarshal(rest.Body, &said); err != nil || (said.InError == nil) != (at.Operation == "subOptOut") || said.Message == "" {
			t.Fatalf("%v: %s", e, rest.Body)
		}
		if !slices.Contains([]string{"14", "15", "-1"}, said.Status) {
			t.Fatalf("%v is answered as if it were done: %s", e, rest.Body)
		}
	})
}

// Nothing that a partner sent as a value comes back, in whatever way it is wrong.
func TestErrorsHoldNoValue(t *testing.T) {
	d := document(t, &partnerhub.Contract)
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.SampledFrom([]string{"charge", "sendMT", "subOptOut", "verifyToken"}).Draw(t, "operation")
		const value = "56900990099"
		var members []string
		for _, name := range d.Operation(id).Body.Members() {
			wrong := rapid.SampledFrom([]string{`"%s"`, `%s`, `-%s`, `[%s]`, `{"a":"%s"}`, `"%s`, `"\u00zz%s"`}).Draw(t, name)
			members = append(members, fmt.Sprintf(`%q:`+wrong, name, value))
		}
		_, broken := d.Operation(id).Body.Read([]byte("{"+strings.Join(members, ",")+"}"), contract.Limits{})
		if len(broken) == 0 {
			return
		}
		answer := dialect{}.Render(&problem.Error{Kind: problem.Invalid, Fields: broken}, problem.Occurrence{Operation: id})
		if said := string(answer.Body) + answer.Header.Get(reasonHeader); strings.Contains(said, "0099") {
			t.Fatalf("%v: %s", members, said)
		}
	})
}
