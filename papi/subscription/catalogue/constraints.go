package catalogue

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"puente/papi/subscription/messaging/keyword"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/problem"
)

// fits refuses a document that does not fit what else is in the catalogue, or that would change what people
// have agreed to.
func (s *Store) fits(ctx context.Context, now *Snapshot, id string, old sql.SubscriptionCatalogue, spec any) error {
	var r rules
	number, _ := identifier(id)
	switch next := spec.(type) {
	case *PartnerSpec:
		next.fits(&r, now, number)
	case *ShortCodeSpec:
		next.fits(&r, now, id)
	case *ServiceSpec:
		next.fits(&r, now, number)
	case *ProductSpec:
		next.fits(&r, now, number)
	}
	s.reachable(&r, spec)
	if err := r.err(); err != nil {
		return err
	}
	changed, products := changes(now, number, old, spec)
	if len(changed) == 0 {
		return nil
	}
	for _, product := range products {
		open, err := sql.New(s.db).HasOpenSubscriptions(ctx, product)
		if err != nil {
			return database.Problem(err)
		}
		if open {
			return &problem.Error{Kind: problem.Conflict, Detail: fmt.Sprintf("%s: must stay as it is while product %d has open subscriptions", strings.Join(changed, ", "), product)}
		}
	}
	return nil
}

// changes names the members that a document changes of what subscribers have agreed to, and the products that
// it concerns: who is charged how often, and in whose name. A row that cannot be read may be put right.
func changes(now *Snapshot, id int64, old sql.SubscriptionCatalogue, spec any) (changed []string, products []int64) {
	note := func(differs bool, path string) {
		if differs {
			changed = append(changed, path)
		}
	}
	switch next := spec.(type) {
	case *PartnerSpec:
		was := PartnerSpec{}
		note(json.Unmarshal(old.Spec, &was) == nil && was.Country != next.Country, "country")
		products = now.productsOf(func(p *Product) bool { return p.Partner().ID == id })
	case *ServiceSpec:
		was := ServiceSpec{}
		note(json.Unmarshal(old.Spec, &was) == nil && was.Partner != next.Partner, "partner")
		products = now.productsOf(func(p *Product) bool { return p.Service.ID == id })
	case *ProductSpec:
		was := ProductSpec{}
		if json.Unmarshal(old.Spec, &was) != nil {
			return nil, nil
		}
		note(was.Type != next.Type, "type")
		note(was.period() != next.period(), "period")
		note(was.Service != next.Service, "service")
		products = []int64{id}
	}
	return changed, products
}

func (p *ProductSpec) period() Period {
	if p.Period == nil {
		return Period{}
	}
	return *p.Period
}

func (s *Snapshot) productsOf(which func(*Product) bool) (ids []int64) {
	for id, p := range s.products {
		if which(p) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// fits: what a partner's products say of their endpoints is as strict as what it says itself.
func (p *PartnerSpec) fits(r *rules, now *Snapshot, id int64) {
	if p.Environment == Staging {
		return
	}
	product := now.plain(func(p *Product) bool { return p.Partner().ID == id })
	r.must(product == 0, "environment", fmt.Sprintf("must not be PROD while product %d has a notification URL that is not https", product))
}

// plain is a product, of some, with a notification URL that a partner in PROD may not have; zero: none has.
func (s *Snapshot) plain(which func(*Product) bool) int64 {
	for _, id := range s.productsOf(which) {
		var wrong rules
		if s.products[id].endpoints(&wrong, Production); len(wrong) > 0 {
			return id
		}
	}
	return 0
}

// fits: no product of the short code has a keyword that one of its words would hide.
func (c *ShortCodeSpec) fits(r *rules, now *Snapshot, code string) {
	for _, p := range now.Products(code) {
		if p.Keyword != "" {
			r.must(keyword.Check(c.OptOutWords, c.AllWord, []string{p.Keyword}) == nil, "optOutWords", fmt.Sprintf("must not hold %s, the keyword of product %d, nor may allWord be it", p.Keyword, p.ID))
		}
	}
}

// fits: on each of its short codes the keywords of its products are their own, and its partner may have their
// endpoints.
func (s *ServiceSpec) fits(r *rules, now *Snapshot, id int64) {
	number, _ := identifier(s.Partner)
	if partner, ok := now.Partner(number); ok && partner.Environment != Staging {
		r.must(now.plain(func(p *Product) bool { return p.Service.ID == id }) == 0, "partner", "must not be in PROD while a product of the service has a notification URL that is not https")
	}
	for i, name := range s.ShortCodes {
		code, ok := now.ShortCode(name)
		if !ok {
			continue
		}
		for _, p := range now.products {
			if p.Service.ID == id {
				r.keyword(now, code, fmt.Sprintf("shortCodes[%d]", i), p.ID, p.Keyword)
			}
		}
	}
}

func (p *ProductSpec) fits(r *rules, now *Snapshot, id int64) {
	number, _ := identifier(p.Service)
	service, ok := now.Service(number)
	if !ok {
		return
	}
	p.endpoints(r, service.Partner.Environment)
	for _, name := range service.ShortCodes {
		if code, ok := now.ShortCode(name); ok {
			r.keyword(now, code, "keyword", id, p.Keyword)
		}
	}
}

// endpoints wants notification URLs that the environment allows.
func (p *ProductSpec) endpoints(r *rules, in Environment) {
	r.endpoint("notifySubscriptionUrl", p.NotifySubscriptionURL, in == Staging)
	r.endpoint("notifyChargeUrl", p.NotifyChargeURL, in == Staging)
}

// reachable wants notification URLs that would be called: one that is refused each time it is due is noticed days after.
func (s *Store) reachable(r *rules, spec any) {
	check := func(path, address string) {
		if s.reach == nil || address == "" {
			return
		}
		if err := s.reach(address); err != nil {
			r.must(false, path, "must be https on port 443 of a public address, or be among papi.subscription.notifications.allow: "+err.Error())
		}
	}
	switch next := spec.(type) {
	case *PartnerSpec:
		check("notify.subscriptionUrl", next.Notify.SubscriptionURL)
		check("notify.chargeUrl", next.Notify.ChargeURL)
	case *ProductSpec:
		check("notifySubscriptionUrl", next.NotifySubscriptionURL)
		check("notifyChargeUrl", next.NotifyChargeURL)
	}
}

// keyword wants a product's keyword to name it, and nothing else, on a short code: package keyword could not
// tell otherwise what a message means.
func (r *rules) keyword(now *Snapshot, code *ShortCode, path string, product int64, word string) {
	if word == "" {
		return
	}
	check := func(words ...string) bool { return keyword.Check(code.OptOutWords, code.AllWord, words) == nil }
	if !check(word) {
		r.must(false, path, fmt.Sprintf("must not have %s on %s, which reads it as the wish to end subscriptions", word, code.Code))
		return
	}
	for _, other := range now.Products(code.Code) { // another that is wrong by itself is put right by itself
		if other.ID != product && other.Keyword != "" && check(other.Keyword) {
			r.must(check(word, other.Keyword), path, fmt.Sprintf("must not have %s on %s, where it names product %d", word, code.Code, other.ID))
		}
	}
}
