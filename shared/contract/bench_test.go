package contract

import (
	"bytes"
	"encoding/json"
	"testing"
)

// flatSpec has a request of 10 members against a schema like that of a port-in.
const flatSpec = `
openapi: 3.0.3
info: {title: Flat, version: 1.0.0}
x-sla: {deadline: 5s, availability: 99.9}
security: []
paths:
  /flat:
    post:
      operationId: putFlat
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [date, nip, operator, operatorCode, planType, phone, resend, extendedMonth, order]
              properties:
                date:
                  type: string
                  pattern: '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?$'
                nip: {type: string, maxLength: 16, pattern: '^[0-9]*$', x-pii: drop}
                numOrder: {type: string, minLength: 1, maxLength: 512}
                operator: {type: string, minLength: 1, maxLength: 64}
                operatorCode: {type: string, pattern: '^[0-9]{5}$'}
                planType: {type: string, minLength: 1, maxLength: 32}
                phone: {type: string, pattern: '^3[0-9]{9}$', x-pii: mask, x-audit-key: true}
                resend: {type: boolean}
                extendedMonth: {type: boolean}
                order:
                  type: object
                  required: [flow]
                  properties: {flow: {type: string, minLength: 1, maxLength: 512}}
      responses: {'204': {description: stored}}
`

// flat is that operation's check and a body of 600 bytes.
func flat(t testing.TB) (*Check, []byte) {
	t.Helper()
	d, err := Load([]byte(flatSpec))
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"date":"2025-05-25T00:00:00","nip":"12345","numOrder":"MDM-PLTE-022944` + string(bytes.Repeat([]byte("-x"), 100)) +
		`","operator":"FAKE","operatorCode":"00036","planType":"2","phone":"3000000019","resend":false,"extendedMonth":true,"order":{"flow":"` +
		string(bytes.Repeat([]byte("LTE "), 50)) + `"}}`)
	return d.Operations[0].Body, body
}

func BenchmarkRead(b *testing.B) {
	check, body := flat(b)
	if _, broken := check.Read(body, Limits{}); len(broken) > 0 {
		b.Fatal(broken)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		check.Read(body, Limits{})
	}
}

func BenchmarkMask(b *testing.B) {
	check, body := flat(b)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = check.Mask(dst[:0], body, Masking{})
	}
}

// BenchmarkMaskForRecord masks as the audit record of a request has it done.
func BenchmarkMaskForRecord(b *testing.B) {
	check, body := flat(b)
	found := 0
	with := Masking{Mask: testMasking.Mask, Hash: testMasking.Hash, Key: func(_, _ string) { found++ }}
	b.ReportAllocs()
	for b.Loop() {
		check.Mask(nil, body, with)
	}
}

// BenchmarkKin is what the check is compiled to avoid.
func BenchmarkKin(b *testing.B) {
	check, body := flat(b)
	b.ReportAllocs()
	for b.Loop() {
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		var value any
		if err := dec.Decode(&value); err != nil {
			b.Fatal(err)
		}
		if err := check.schema.VisitJSON(value); err != nil {
			b.Fatal(err)
		}
	}
}
