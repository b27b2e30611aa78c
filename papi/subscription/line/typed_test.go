package line_test

import (
	"testing"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue/cataloguetest"
	"puente/papi/subscription/line"
	"puente/shared/problem"
)

// What a person typed and what a program sent are read by the partner's country; numbers that break the
// plan are the partner's own, in STAGING.
func TestParseTyped(t *testing.T) {
	c := cataloguetest.Sample(t)
	c.Apply("partners", "60000", `{"name":"Ensayos","country":"CL","environment":"STAGING","notify":{},"redirect":{},"sandboxMsisdns":["5611111111"]}`)
	for _, test := range []struct {
		partner                int64
		text, typed, programme string
	}{
		{52272, "9 1234-5678", "56912345678", ""}, {52272, "+56912345678", "56912345678", "56912345678"}, {52272, "51912345678", "", ""},
		{52272, "5611111111", "", ""}, {60000, "5611111111", "5611111111", "5611111111"}, {60000, " 5611111111 ", "5611111111", ""}, {60000, "5611111112", "", ""},
		{60000, "+5611111111", "5611111111", "5611111111"}, {60000, "005611111111", "5611111111", "5611111111"}, {60000, "+005611111111", "", ""},
	} {
		partner, ok := c.Snapshot().Partner(test.partner)
		if !ok {
			t.Fatal(test.partner)
		}
		typed, typedErr := line.ParseTyped(partner, test.text)
		sent, sentErr := line.Parse(partner, test.text)
		if typed != test.typed || sent != test.programme {
			t.Errorf("%q: typed %q, sent %q", test.text, typed, sent)
		}
		for _, err := range []error{typedErr, sentErr} {
			if err != nil && (problem.Of(err).Kind != problem.Invalid || problem.Of(err).Code != contract.CodeMSISDNInvalid) {
				t.Errorf("%q: %v", test.text, err)
			}
		}
		if (typedErr == nil) != (test.typed != "") || (sentErr == nil) != (test.programme != "") {
			t.Errorf("%q: %v, %v", test.text, typedErr, sentErr)
		}
	}
}
