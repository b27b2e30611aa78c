package reconnection

import (
	"testing"

	"puente/contracts/papi/reconnection"
	"puente/contracts/sapi/inventory"
	"puente/contracts/sapi/orders"
	"puente/shared/problem"
)

// The table of the specification (3.2).
func TestStrategy(t *testing.T) {
	technologies := []inventory.Technology{
		inventory.TechnologyLTE, inventory.TechnologyFTTH, inventory.TechnologyHFC, inventory.TechnologyCOBRE, inventory.TechnologyIPTV, inventory.TechnologyOther,
	}
	const lte, voluntary, payment, none = orders.StrategyVoluntaryLTE, orders.StrategyVoluntary, orders.StrategyPayment, orders.Strategy("")
	for reason, want := range map[inventory.Reason][6]orders.Strategy{
		inventory.ReasonNonPayment: {payment, payment, payment, payment, payment, payment},
		inventory.ReasonVoluntary:  {lte, voluntary, voluntary, voluntary, none, none},
		inventory.ReasonTheft:      {lte, voluntary, voluntary, voluntary, none, none},
		inventory.ReasonLoss:       {lte, voluntary, voluntary, voluntary, none, none},
		inventory.ReasonFraud:      {},
		inventory.ReasonLegal:      {},
		inventory.ReasonOther:      {},
		"NEW":                      {},
	} {
		for i, technology := range technologies {
			got, ok := strategyFor(reason, technology)
			if got != want[i] || ok != (want[i] != none) {
				t.Errorf("%s %s: %q %v, want %q", reason, technology, got, ok, want[i])
			}
		}
	}
}

func TestHolder(t *testing.T) {
	for _, c := range []struct {
		heldType, heldNumber, askedType, askedNumber string
		want                                         bool
	}{
		{"CC", "1026578508", "CC", "1026578508", true},
		{"CC", "1026578508", "cc", "1.026.578.508", true},
		{"CC", "1026578508", "C.C.", " 001026578508 ", true},
		{"NIT", "0900123456-1", "NIT", "900.123.456-1", true},
		{"PA", "AB-12 34", "PA", "AB1234", true},
		{"CC", "1026578508", "CE", "1026578508", false},
		{"CC", "1026578508", "CC", "1026578509", false},
		{"CC", "1026578508", "CC", "10265785080", false},
		{"PA", "AB1234", "PA", "ab1234", false},
		{"CC", "", "CC", "", false},
		{"CC", "000", "CC", "0", false}, // nothing is left that could be equal
		{"CC", "1026578508", "CC", "１０２６５７８５０８", false},
	} {
		got := holds(inventory.Holder{DocumentType: c.heldType, DocumentNumber: c.heldNumber},
			reconnection.Request{DocumentType: c.askedType, DocumentNumber: c.askedNumber})
		if got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// Who hangs up during a look-up is no fault of the system that was asked, nor of ours.
func TestTechnical(t *testing.T) {
	for err, want := range map[problem.Kind]problem.Kind{
		problem.Abandoned: problem.Abandoned, problem.Timeout: problem.Timeout, problem.Unavailable: problem.Unavailable,
		problem.Forbidden: problem.BadUpstream, problem.Quota: problem.BadUpstream, problem.NotFound: problem.BadUpstream,
	} {
		if got := problem.Of(technical("ask", &problem.Error{Kind: err})).Kind; got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}
