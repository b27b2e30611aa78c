package enrolment

import (
	"context"
	"maps"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/redirect"
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
		Amount: o.point.Amount, Currency: p.Country().Currency, Country: p.Country().Code, TimeZone: p.Country().Zone.String(), Operator: f.config.Operators[string(p.Country().Code)],
		ShortCode: code.Code, OptOutWord: code.OptOutWord(), Keyword: p.Keyword, ContactPhone: code.ContactPhone,
		Texts: maps.Clone(o.campaign.Texts), Colours: maps.Clone(o.campaign.Colours),
	}
	registered := p.Partner().Redirect
	if terms.SuccessURL, err = location(p.Partner(), in.SuccessURL, registered.SuccessURL); err == nil {
		terms.ErrorURL, err = location(p.Partner(), in.ErrorURL, registered.ErrorURL)
	}
	if err != nil {
		f.metrics.step(in.PartnerID, in.ProductID, "", stepRedirect)
		return contract.Terms{}, err
	}
	if p.Period != nil {
		terms.Period = &contract.Period{Unit: contract.PeriodUnit(p.Period.Unit), Count: p.Period.Count}
	}
	for _, lower := range p.Fallbacks(o.point) {
		terms.Fallbacks = append(terms.Fallbacks, contract.Fallback{Amount: lower.Amount, Days: lower.Days})
	}
	return terms, nil
}

// location is where a visitor may be sent: to the URL that it brought, or else to the registered one.
func location(p *catalogue.Partner, brought, registered string) (string, error) {
	if brought == "" {
		return registered, nil
	}
	at, err := redirect.Location(p, brought)
	if err != nil {
		return "", &problem.Error{Kind: problem.Rejected, Code: contract.CodeRedirectNotAllowed, Err: err}
	}
	return at, nil
}
