package renewal

import (
	"slices"

	"github.com/go-json-experiment/json"

	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/lifecycle"
)

// price is what a subscription is charged next, and for how many days; zero: for a whole period. After each refusal
// for want of balance it is the next lower price, as far down as there is one, until something was paid.
func (c *candidate) price(s *lifecycle.Subscription) catalogue.Fallback {
	price := catalogue.Fallback{PricePoint: s.PricepointID, Amount: c.amount}
	short := s.Short()
	if short == 0 || s.Unpaid() { // of a first charge there are no lower prices
		return price
	}
	lower := slices.DeleteFunc(s.Product.Fallbacks(catalogue.PricePoint{ID: s.PricepointID, Amount: c.amount}), func(f catalogue.Fallback) bool {
		return !slices.ContainsFunc(c.lower, f.Within)
	})
	if len(lower) == 0 {
		return price
	}
	return lower[min(short, len(lower))-1]
}

// fallbacks are those that a consent names.
func fallbacks(text []byte) (all []catalogue.Fallback) {
	if err := json.Unmarshal(text, &all); err != nil { // written by us: none is certain, so none is charged
		return nil
	}
	return all
}
