package web

import (
	"strconv"
	"strings"

	"puente/contracts/papi/subscription"
)

// currency is how amounts are written: digits after the point (ISO 4217), and the sign in front.
type currency struct {
	decimals int
	sign     string
	english  bool // the points and commas of English are those of the country's Spanish, too
}

// currencies are those with a sign of their own; any other has two decimals and its code in front.
var currencies = map[string]currency{
	"CLP": {0, "$", false},
	"PEN": {2, "S/\u00a0", true},
}

// money writes an amount of minor units: $1.990 and S/ 9.90, as is usual where either is used; in English, whose readers may take
// the sign for that of another currency, $1,990 CLP and S/ 9.90 PEN.
func money(l Language, minor int64, code string) string {
	c, known := currencies[code]
	if !known {
		c = currency{decimals: 2, sign: code + "\u00a0"}
	}
	thousands, point := ".", ","
	if l == English || c.english {
		thousands, point = ",", "."
	}
	digits := strconv.FormatInt(minor, 10)
	if missing := c.decimals + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	whole, rest := digits[:len(digits)-c.decimals], digits[len(digits)-c.decimals:]
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + thousands + whole[i:]
	}
	if rest != "" {
		whole += point + rest
	}
	if known && l == English {
		return c.sign + whole + "\u00a0" + code
	}
	return c.sign + whole
}

// every says a period after an amount: semanal, every 2 weeks.
func (t *Texts) every(p *subscription.Period) string {
	if p == nil {
		return ""
	}
	one, many := t.Monthly, t.Months
	switch p.Unit {
	case subscription.UnitDay:
		one, many = t.Daily, t.Days
	case subscription.UnitWeek:
		one, many = t.Weekly, t.Weeks
	}
	if p.Count == 1 {
		return one
	}
	return sprintf(many, p.Count)
}
