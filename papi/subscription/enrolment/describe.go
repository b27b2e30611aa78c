package enrolment

import (
	"context"
	"maps"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue"
	"puente/shared/problem"
)

// DescribeOffer is the operation of that name.
func (f *Flows) DescribeOffer(_ context.Context, in contract.OfferQuery) (contract.Terms, error) {
	now := f.catalogue.Snapshot()
	o, err := offered(now, in.Campaign, in.PartnerID, in.ServiceID, in.ProductID, in.Channel)
	if err != nil {
		return contract.Terms{}, err
	}
	code, ok := now.ShortCode(o.shortCode)
	if !ok { // services name short codes that there are
		return contract.Terms{}, refuse(problem.Conflict, contract.CodeShortCode)
	}
	p := o.product
	terms := contract.Terms{
		Partner: p.Partner().Name, Service: p.Service.Name, Product: p.Name, OneShot: p.Type == catalogue.OneShot,
		Amount: o.point.Amount, Currency: p.Country().Currency, Country: p.Country().Code, Operator: f.config.Operators[string(p.Country().Code)],
		ShortCode: code.Code, OptOutWord: code.OptOutWord(), Keyword: p.Keyword, ContactPhone: code.ContactPhone,
		Texts: maps.Clone(o.campaign.Texts), Colours: maps.Clone(o.campaign.Colours),
		SuccessURL: p.Partner().Redirect.SuccessURL, ErrorURL: p.Partner().Redirect.ErrorURL,
	}
	if p.Period != nil {
		terms.Period = &contract.Period{Unit: contract.PeriodUnit(p.Period.Unit), Count: p.Period.Count}
	}
	return terms, nil
}
