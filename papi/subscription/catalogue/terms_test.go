package catalogue

import "testing"

func TestTerms(t *testing.T) {
	for name, c := range map[string]struct {
		partner, service, product, point Status
		id                               int64
		want                             Status
	}{
		"sold":                               {id: 1, want: StatusActive},
		"price point not there":              {id: 2, want: StatusSuspended},
		"price point suspended":              {id: 1, point: StatusSuspended, want: StatusSuspended},
		"price point withdrawn":              {id: 1, point: StatusWithdrawn, want: StatusWithdrawn},
		"product suspended":                  {id: 1, product: StatusSuspended, want: StatusSuspended},
		"product withdrawn":                  {id: 1, product: StatusWithdrawn, want: StatusWithdrawn},
		"product withdrawn, no price point":  {id: 2, product: StatusWithdrawn, want: StatusWithdrawn},
		"service suspended":                  {id: 1, service: StatusSuspended, want: StatusSuspended},
		"partner suspended":                  {id: 1, partner: StatusSuspended, want: StatusSuspended},
		"partner suspended, point withdrawn": {id: 1, partner: StatusSuspended, point: StatusWithdrawn, want: StatusWithdrawn},
	} {
		t.Run(name, func(t *testing.T) {
			p := &Product{
				ProductSpec: ProductSpec{Status: or(c.product, StatusActive), PricePoints: []PricePoint{{ID: 1, Amount: 990, Status: or(c.point, StatusActive)}}},
				Service: &Service{
					ServiceSpec: ServiceSpec{Status: or(c.service, StatusActive)},
					Partner:     &Partner{PartnerSpec: PartnerSpec{Status: or(c.partner, StatusActive)}},
				},
			}
			if _, status := p.Terms(c.id); status != c.want {
				t.Errorf("%s, want %s", status, c.want)
			}
		})
	}
}
