package partnerhub

import (
	"fmt"
	"strings"
	"testing"

	"puente/shared/contract"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// body is that of an operation with the member given in place of its own; an empty value leaves it out.
func body(operation, member, value string) string {
	members := map[string][][2]string{
		"charge": {{"userIdentifier", `"56912345678"`}, {"userIdentifierType", `"00"`}, {"pricepointId", "201507"}, {"partnerId", "2272"}, {"serviceId", "2000001784"},
			{"productId", "1000000001"}, {"entryChannel", `"WEB"`}, {"shortCode", `"8888"`}, {"date", `"20220101100000"`}, {"tid", `"QWERT"`}},
		"sendMT": {{"userIdentifier", `"56912345678"`}, {"userIdentifierType", `""`}, {"partnerId", "2272"}, {"serviceId", "2000001784"},
			{"productId", "1000000001"}, {"entryChannel", `"WEB"`}, {"date", `"20220101100000"`}, {"text", `"¡Hola mundo!"`}, {"shortCode", `"8888"`}},
		"subOptOut": {{"userIdentifier", `"56912345678"`}, {"userIdentifierType", `"00"`}, {"partnerId", "2272"}, {"serviceId", "2000001784"},
			{"productId", "1000000001"}, {"entryChannel", `"WEB"`}, {"date", `"20220101100000"`}},
	}[operation]
	var all []string
	for _, m := range members {
		if m[0] == member {
			m[1] = value
		}
		if m[1] != "" {
			all = append(all, `"`+m[0]+`":`+m[1])
		}
	}
	return "{" + strings.Join(all, ",") + "}"
}

func read(t *testing.T, operation, body string) (canonical []byte, broken []problem.Field) {
	t.Helper()
	d, err := Contract.Document()
	if err != nil {
		t.Fatal(err)
	}
	return d.Operation(operation).Body.Read([]byte(body), contract.Limits{})
}

var operations = []string{"charge", "sendMT", "subOptOut"}

// The tables of specification §4.
func TestFields(t *testing.T) {
	const digits = "must be an integer in digits only"
	ids := [][2]string{{"1", ""}, {"9223372036854775807", ""}, {`"2272"`, ""}, {`"0001"`, ""}, {"0", "must be at least 1"}, {`"0"`, "must be at least 1"},
		{"-5", digits}, {`"-5"`, digits}, {`"+5"`, digits}, {`" 5"`, digits}, {"5.0", digits}, {`"5.0"`, digits}, {"5e0", digits}, {`"5e0"`, digits}, {`"five"`, digits}, {`"٥"`, digits},
		{"9223372036854775808", "must fit 64 bits"}, {`"9223372036854775808"`, "must fit 64 bits"}, {"true", digits}, {"[1]", digits}}
	const choice = "must be one of 00, 0, MSISDN"
	kinds := [][2]string{{`"00"`, ""}, {`"0"`, ""}, {"0", ""}, {`"MSISDN"`, ""}, {`"01"`, choice}, {"1", choice}, {`"msisdn"`, choice}, {`" "`, choice}, {"-0", "must be a string, or an integer in digits only"}}
	const date, code, tid = "must match ^[0-9]{14}$", "must match ^[0-9]{3,6}$", "must match ^[A-Za-z0-9._~-]{1,64}$"
	rules := map[string][][2]string{
		"userIdentifier": {{`"+56912345678"`, ""}, {`"abc"`, ""}, {"56912345678", "must be a string"}, {"{}", "must be a string"}},
		"pricepointId":   ids, "partnerId": ids, "serviceId": ids, "productId": ids,
		"entryChannel": {{`"wap"`, ""}, {`"USSD"`, ""}, {"7", "must be a string"}, {`"` + strings.Repeat("W", 17) + `"`, "must have at most 16 characters"}},
		"shortCode":    {{`"888"`, ""}, {`"888888"`, ""}, {`"88"`, code}, {`"8888888"`, code}, {`"88a8"`, code}, {"8888", "must be a string"}},
		"date":         {{`"20220101"`, date}, {`"2022-01-01T10:00"`, date}, {`""`, date}, {"20220101100000", "must be a string"}, {"null", "must not be null"}},
		"tid":          {{`"` + strings.Repeat("t", 64) + `"`, ""}, {`"a.b_c~d-9"`, ""}, {`"a#b"`, tid}, {`""`, tid}, {`"` + strings.Repeat("t", 65) + `"`, tid}, {"7", "must be a string"}},
		"text": {{`"` + strings.Repeat("ñ", 4096) + `"`, ""}, {`"` + strings.Repeat("a", 4097) + `"`, "must have at most 4096 characters"}, {"7", "must be a string"},
			{`"a\nb"`, ""}, {`"a\u0000b"`, `must match ^[^\x00]*$`}}, // PostgreSQL has no text with it
	}
	for _, operation := range operations {
		d, _ := Contract.Document()
		for _, member := range d.Operation(operation).Body.Members() {
			cases := rules[member]
			if member == "userIdentifierType" {
				cases = kinds
			}
			for _, c := range cases {
				if operation == "sendMT" {
					c[1] = strings.Replace(c[1], "of 00", "of , 00", 1)
				}
				_, broken := read(t, operation, body(operation, member, c[0]))
				want := "[]"
				if c[1] != "" {
					want = "[" + member + " " + c[1] + "]"
				}
				if got := fmt.Sprint(broken); got != want {
					t.Errorf("%s: %s %s: %s, want %s", operation, member, c[0], got, want)
				}
			}
		}
	}
	if _, broken := read(t, "sendMT", body("sendMT", "userIdentifierType", `""`)); broken != nil {
		t.Errorf("the document's own empty type: %v", broken)
	}
}

// Each mandatory field, in the order of its table; what is told first is what a partner reads.
func TestMandatoryFields(t *testing.T) {
	for operation, table := range map[string]string{
		"charge":    "userIdentifier userIdentifierType pricepointId partnerId serviceId productId entryChannel",
		"sendMT":    "userIdentifier userIdentifierType partnerId serviceId productId entryChannel text shortCode",
		"subOptOut": "userIdentifier userIdentifierType serviceId productId entryChannel", // partnerId: the process says
	} {
		_, broken := read(t, operation, "{}")
		var told []string
		for _, f := range broken {
			told = append(told, f.Path)
		}
		if got := strings.Join(told, " "); got != table {
			t.Errorf("%s: %s, want %s", operation, got, table)
		}
		for _, member := range strings.Fields(table) {
			for _, value := range []string{"", "null", `""`} {
				if operation == "sendMT" && member == "userIdentifierType" && value == `""` {
					continue
				}
				_, broken := read(t, operation, body(operation, member, value))
				if len(broken) != 1 || broken[0].Path != member || broken[0].Breach != problem.Missing {
					t.Errorf("%s: %s is %q: %v", operation, member, value, broken)
				}
			}
		}
	}
}

// What stays of a request in log and audit names no line, holds no text, no secret and no token.
func TestRecordsHoldNothingPersonal(t *testing.T) {
	d, err := Contract.Document()
	if err != nil {
		t.Fatal(err)
	}
	masked := func(check *contract.Check, body string) string {
		return string(check.Mask(nil, []byte(body), contract.Masking{Mask: telemetry.Mask}))
	}
	var all strings.Builder
	for _, operation := range operations {
		all.WriteString(masked(d.Operation(operation).Body, body(operation, "", "")))
	}
	all.WriteString(masked(d.Operation("verifyToken").Body, `{"token":"v2.k1.secret-1"}`))
	all.WriteString(masked(d.Operation("verifyToken").Answers[200], `{"inError":false,"status":"0","message":"m","userIdentifier":"56912345678","productId":1}`))
	for _, operation := range []string{"issueChargeToken", "issueSendMTToken", "issueSubOptOutToken"} {
		all.WriteString(masked(d.Operation(operation).Body, `{"client_id":"acme","client_secret":"secret-2","grant_type":"client_credentials"}`))
		all.WriteString(masked(d.Operation(operation).Answers[200], `{"token_type":"bearer","access_token":"secret-3","expires_in":3600}`))
	}
	for _, hidden := range []string{"56912345678", "Hola", "secret"} {
		if strings.Contains(strings.ReplaceAll(all.String(), "client_secret", ""), hidden) {
			t.Errorf("%s is in %s", hidden, all.String())
		}
	}
	for _, kept := range []string{"201507", "QWERT", "acme", "client_credentials", "5678"} {
		if !strings.Contains(all.String(), kept) {
			t.Errorf("%s is not in %s", kept, all.String())
		}
	}
}
