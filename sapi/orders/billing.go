package orders

import (
	"context"
	"fmt"
	"math"
	"strings"

	"puente/contracts/sapi/orders"
	"puente/shared/httpclient"
)

// invoicing is the order management's billing view of a line.
type invoicing struct {
	Settled  *bool  `json:"alDia"`
	Balance  string `json:"saldo"` // decimal
	Currency string `json:"moneda"`
}

// decimals are the digits of a currency's minor unit (ISO 4217). An amount of another currency cannot be
// told in minor units.
var decimals = map[string]int{"COP": 2, "USD": 2, "EUR": 2}

// Billing tells what a line owes.
func (s *system) Billing(ctx context.Context, in orders.BillingQuery) (orders.Billing, error) {
	var found invoicing
	if err := s.billing.Call(ctx, httpclient.Ask{Path: []string{in.Connection}}, &found); err != nil {
		return orders.Billing{}, fmt.Errorf("orders: get billing: %w", err)
	}
	digits, known := decimals[found.Currency]
	balance, exact := minorUnits(found.Balance, digits)
	if found.Settled == nil || !known || !exact {
		return orders.Billing{}, malformed(billingTarget, "no exact amount, or does not tell whether it is settled")
	}
	return orders.Billing{Settled: *found.Settled, Balance: balance, Currency: found.Currency}, nil
}

// minorUnits is a decimal number, such as 85900.00 or -0.5, in units of its last of so many digits. It
// reports whether that is the very number.
func minorUnits(text string, digits int) (int64, bool) {
	magnitude, negative := strings.CutPrefix(text, "-")
	whole, fraction, point := strings.Cut(magnitude, ".")
	if whole == "" || point && fraction == "" || len(fraction) > digits {
		return 0, false
	}
	var n int64
	for _, c := range []byte(whole + fraction + strings.Repeat("0", digits-len(fraction))) {
		digit := int64(c - '0')
		if c < '0' || c > '9' || n > (math.MaxInt64-digit)/10 {
			return 0, false
		}
		n = n*10 + digit
	}
	if negative {
		n = -n
	}
	return n, true
}
