package reconnection

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"puente/contracts/papi/reconnection"
	"puente/contracts/sapi/inventory"
	"puente/contracts/sapi/orders"
	"puente/shared/problem"
)

var (
	atWill = []inventory.Reason{inventory.ReasonVoluntary, inventory.ReasonTheft, inventory.ReasonLoss}
	fixed  = []inventory.Technology{inventory.TechnologyFTTH, inventory.TechnologyHFC, inventory.TechnologyCOBRE}
)

// strategyFor is how a suspension for that reason ends with that technology, if it may be ended here
// at all.
func strategyFor(reason inventory.Reason, technology inventory.Technology) (orders.Strategy, bool) {
	switch {
	case reason == inventory.ReasonNonPayment:
		return orders.StrategyPayment, true
	case slices.Contains(atWill, reason) && technology == inventory.TechnologyLTE:
		return orders.StrategyVoluntaryLTE, true
	case slices.Contains(atWill, reason) && slices.Contains(fixed, technology):
		return orders.StrategyVoluntary, true
	}
	return "", false
}

// holds reports whether the request's document is the holder's. Punctuation, spaces and leading zeros
// do not count, nor does the case of the type.
func holds(h inventory.Holder, in reconnection.Request) bool {
	number := significant(in.DocumentNumber)
	return number != "" && number == significant(h.DocumentNumber) &&
		strings.EqualFold(significant(in.DocumentType), significant(h.DocumentType))
}

// significant is what counts of a document's type or number.
func significant(text string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, text)
	return strings.TrimLeft(plain, "0")
}

// complete is the part of the contract's check without which the process would go wrong: a typed
// caller passes none.
func complete(in reconnection.Request) error {
	e := &problem.Error{Kind: problem.Invalid}
	for _, f := range []struct{ name, value string }{
		{"connection", in.Connection}, {"documentType", in.DocumentType}, {"documentNumber", in.DocumentNumber},
	} {
		if f.value == "" {
			e.Fields = append(e.Fields, problem.Field{Path: f.name, Rule: "is required"})
		}
	}
	if e.Fields == nil {
		return nil
	}
	return e
}

// refused is a refusal by one of the document's rules.
func refused(code, detail string, cause error) error {
	return &problem.Error{Kind: problem.Rejected, Code: code, Detail: detail, Err: cause}
}

// technical is err of a system as the process's. What a system has against our call is no fault of
// the caller's, who is only told the refusals of the contract.
func technical(doing string, err error) error {
	e := problem.Of(err)
	outcome := e.Kind.Outcome()
	if e.Kind != problem.Abandoned && (outcome == "client" || outcome == "quota") {
		return &problem.Error{Kind: problem.BadUpstream, Trail: e.Trail, Err: fmt.Errorf("reconnect: %s: %w", doing, unkind{err})}
	}
	return fmt.Errorf("reconnect: %s: %w", doing, err)
}

// unkind is an error for the log whose kind is none of the callers' business.
type unkind struct{ error }

// budget is how a request's time is shared out.
type budget struct {
	calls  time.Time // by then no system is called any more
	answer time.Time // by then the caller is answered, whatever is still to be written
}

// sla is the contract's; a typed caller or a test may come without a deadline.
const sla = 5 * time.Second

// newBudget leaves time to write an outcome, and to answer.
func newBudget(ctx context.Context) budget {
	now := time.Now()
	end := now.Add(sla)
	if given, ok := ctx.Deadline(); ok && given.Before(end) {
		end = given
	}
	part := min(100*time.Millisecond, end.Sub(now)/10)
	return budget{calls: end.Add(-3 * part), answer: end.Add(-2 * part)}
}
