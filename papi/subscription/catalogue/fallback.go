package catalogue

import (
	"cmp"
	"fmt"
	"slices"

	"puente/papi/subscription/period"
)

// Fallback is a lower price, with the days that it pays for (specification §10 F5).
type Fallback struct {
	PricePoint int64 `json:"pricePoint"`
	Amount     int64 `json:"amount"`
	Days       int   `json:"days"`
}

// Within reports whether who agreed to a fallback agreed to this one: it costs no more, and pays for as many days.
func (f Fallback) Within(agreed Fallback) bool {
	return f.PricePoint == agreed.PricePoint && f.Amount <= agreed.Amount && f.Days >= agreed.Days
}

// Fallbacks are the product's for who pays the price of a point, the highest first: those that are sold, cost
// less, and pay for fewer days than a period has.
func (p *Product) Fallbacks(point PricePoint) []Fallback {
	var all []Fallback
	for _, id := range p.FallbackPricepoints {
		lower, ok := p.PricePoint(id)
		if !ok {
			continue
		}
		if days, ok := p.shortened(point.Amount, lower.Amount); ok {
			all = append(all, Fallback{id, lower.Amount, days})
		}
	}
	slices.SortFunc(all, func(a, b Fallback) int {
		return cmp.Or(cmp.Compare(b.Amount, a.Amount), cmp.Compare(a.PricePoint, b.PricePoint))
	})
	return all
}

// shortened is how many days a lower price pays for; false: it is not lower, or the period cannot be shortened.
func (p *ProductSpec) shortened(price, lower int64) (int, bool) {
	whole := period.Period{Unit: period.Unit(p.Period.Unit), Count: p.Period.Count}
	days, err := whole.Shortened(price, lower)
	return days, err == nil && days < whole.Days()
}

func (p *ProductSpec) validateFallbacks(r *rules) {
	if len(p.FallbackPricepoints) == 0 {
		return
	}
	if p.Type != Subscription || p.Period == nil {
		r.must(false, "fallbackPricepoints", "must be of a subscription")
		return
	}
	amounts, highest := map[int64]int64{}, int64(0)
	for _, point := range p.PricePoints {
		amounts[point.ID], highest = point.Amount, max(highest, point.Amount)
	}
	for i, id := range p.FallbackPricepoints {
		at := fmt.Sprintf("fallbackPricepoints[%d]", i)
		amount, ok := amounts[id]
		r.must(ok, at, "must be one of pricePoints")
		r.must(!slices.Contains(p.FallbackPricepoints[:i], id), at, "is given twice")
		if !ok {
			continue
		}
		_, shorter := p.shortened(highest, amount)
		r.must(shorter, at, "must cost something, less than another price point, and as much less as makes the period a day shorter at least")
	}
}
