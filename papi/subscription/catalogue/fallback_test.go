package catalogue

import (
	"fmt"
	"slices"
	"testing"

	"puente/shared/problem"
)

func named(err error, path string) bool {
	return slices.ContainsFunc(problem.Of(err).Fields, func(f problem.Field) bool { return f.Path == path })
}

func TestFallbacks(t *testing.T) {
	points := []PricePoint{{ID: 1, Amount: 990}, {ID: 2, Amount: 490}, {ID: 3, Amount: 190}, {ID: 4, Amount: 980}, {ID: 5, Amount: 100, Status: StatusSuspended}, {ID: 6}}
	for name, c := range map[string]struct {
		unit  string
		ids   []int64
		point PricePoint
		want  string
	}{
		"off":                        {Week, nil, points[0], "[]"},
		"the highest first":          {Week, []int64{3, 2}, points[0], "[{2 490 4} {3 190 2}]"},
		"of a lower price":           {Week, []int64{3, 2}, points[1], "[{3 190 3}]"},
		"of what was agreed to once": {Week, []int64{3, 2}, PricePoint{ID: 1, Amount: 600}, "[{2 490 6} {3 190 3}]"},
		"not a day less":             {Week, []int64{4}, points[0], "[]"},
		"suspended":                  {Week, []int64{5}, points[0], "[]"},
		"of a month":                 {Month, []int64{2}, points[0], "[{2 490 16}]"},
	} {
		p := &Product{ProductSpec: ProductSpec{PricePoints: points, FallbackPricepoints: c.ids, Type: Subscription, Period: &Period{Unit: c.unit}}}
		p.Normalize()
		if got := p.Fallbacks(c.point); fmt.Sprint(got) != c.want && (got != nil || c.want != "[]") {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

func TestFallbacksAreLower(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ProductSpec)
		path   string
	}{
		"lower":                {func(*ProductSpec) {}, ""},
		"of no price point":    {func(p *ProductSpec) { p.FallbackPricepoints[0] = 9 }, "fallbackPricepoints[0]"},
		"given twice":          {func(p *ProductSpec) { p.FallbackPricepoints = []int64{2, 2} }, "fallbackPricepoints[1]"},
		"the highest":          {func(p *ProductSpec) { p.FallbackPricepoints[0] = 1 }, "fallbackPricepoints[0]"},
		"free":                 {func(p *ProductSpec) { p.PricePoints[1].Amount = 0 }, "fallbackPricepoints[0]"},
		"a day is the least":   {func(p *ProductSpec) { p.Period.Unit = Day }, "fallbackPricepoints[0]"},
		"not of a one-shot":    {func(p *ProductSpec) { p.Type, p.Period, p.ActivationMode = OneShot, nil, "" }, "fallbackPricepoints"},
		"begins with neither":  {func(p *ProductSpec) { p.ActivationMode = "later" }, "activationMode"},
		"sub-first":            {func(p *ProductSpec) { p.ActivationMode = SubFirst }, ""},
		"a one-shot begins no": {func(p *ProductSpec) { p.Type, p.Period, p.FallbackPricepoints = OneShot, nil, nil }, "activationMode"},
	} {
		p := ProductSpec{
			Service: "1", Name: "x", Kind: KindVAS, Type: Subscription, Period: &Period{Unit: Week}, PricePoints: []PricePoint{{ID: 1, Amount: 990}, {ID: 2, Amount: 490}},
			FallbackPricepoints: []int64{2},
		}
		p.Normalize()
		c.change(&p)
		p.Normalize()
		err := p.Validate()
		if (err == nil) != (c.path == "") || err != nil && !named(err, c.path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
