package messaging

import (
	"strconv"
	"strings"

	"puente/papi/subscription/catalogue"
)

// notation is how a currency is written.
type notation struct{ symbol, thousands, point string }

var notations = map[string]notation{
	"CLP": {"$", ".", ","},
	"PEN": {"S/ ", ",", "."},
}

// price writes an amount of minor units as a country does: $1.990, S/ 9.90.
func price(c *catalogue.Country, minor int64) string {
	n, ok := notations[c.Currency]
	if !ok {
		n = notation{c.Currency + " ", "", "."}
	}
	digits := strconv.FormatInt(minor, 10)
	if missing := c.Decimals + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	whole, rest := digits[:len(digits)-c.Decimals], digits[len(digits)-c.Decimals:]
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + n.thousands + whole[i:]
	}
	if rest != "" {
		whole += n.point + rest
	}
	return n.symbol + whole
}
