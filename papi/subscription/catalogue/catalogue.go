// Package catalogue holds what the hub sells and for whom: partners with their clients, short codes,
// services, products with price points, and campaigns. Operators apply them as documents (puente apply)
// and read them back; every process works on an immutable Snapshot, which follows a change within a
// second.
//
// Secrets (webhook secrets, bearer tokens, token keys) go in by a document and do not come out again: what
// is shown of one is its fingerprint, and a document that names the fingerprint keeps the secret.
package catalogue

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // where the system has no zones

	"puente/papi/subscription/messaging/keyword"
	"puente/shared/phone"
)

// Snapshot is the catalogue as it was at one moment. It never changes.
type Snapshot struct {
	version    int64
	partners   map[int64]*Partner
	clients    map[string]*Client
	shortCodes map[string]*ShortCode
	services   map[int64]*Service
	products   map[int64]*Product
	campaigns  map[string]*Campaign
}

// Version is the number of the state that the snapshot shows; zero: nothing was loaded yet.
func (s *Snapshot) Version() int64 { return s.version }

// Partner is one who sells through the hub.
type Partner struct {
	ID int64
	PartnerSpec
	Country *Country
}

// Client is a program of a partner's: what is authenticated.
type Client struct {
	ID string
	ClientSpec
	Partner *Partner
}

// ShortCode is a number that messages come from and go to.
type ShortCode struct {
	Code string
	ShortCodeSpec
	Country *Country
}

// Service is what a partner offers, under one brand: it has products and short codes.
type Service struct {
	ID int64
	ServiceSpec
	Partner *Partner
}

// Product is what is subscribed to or bought.
type Product struct {
	ID int64
	ProductSpec
	Service *Service
}

// Campaign is a way to a product: a landing page with its texts.
type Campaign struct {
	Name string
	CampaignSpec
	Product *Product
}

// Country is what differs by operator: a second one is a second row here, not a second way through the code.
type Country struct {
	Code     phone.Country
	Zone     *time.Location
	Currency string // ISO 4217
	Decimals int    // of the currency: 990 minor units are $990 in CLP, S/ 9.90 in PEN
}

// countries that the hub serves (spec: phase 1 and 2).
var countries = map[phone.Country]*Country{
	phone.Chile: {Code: phone.Chile, Zone: zone("America/Santiago"), Currency: "CLP"},
	phone.Peru:  {Code: phone.Peru, Zone: zone("America/Lima"), Currency: "PEN", Decimals: 2},
}

func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil { // embedded below: cannot happen
		panic(err)
	}
	return z
}

// Partner finds a partner.
func (s *Snapshot) Partner(id int64) (*Partner, bool) { p, ok := s.partners[id]; return p, ok }

// Partners are the ids of all of them.
func (s *Snapshot) Partners() []int64 { return slices.Sorted(maps.Keys(s.partners)) }

// Client finds a partner's client.
func (s *Snapshot) Client(id string) (*Client, bool) { c, ok := s.clients[id]; return c, ok }

// ShortCode finds a short code.
func (s *Snapshot) ShortCode(code string) (*ShortCode, bool) {
	c, ok := s.shortCodes[code]
	return c, ok
}

// Service finds a service.
func (s *Snapshot) Service(id int64) (*Service, bool) { v, ok := s.services[id]; return v, ok }

// Product finds a product.
func (s *Snapshot) Product(id int64) (*Product, bool) { p, ok := s.products[id]; return p, ok }

// Campaign finds a campaign, in any case.
func (s *Snapshot) Campaign(name string) (*Campaign, bool) {
	c, ok := s.campaigns[strings.ToLower(name)]
	return c, ok
}

// Offer finds the product of a partner's service. It is false where the three do not belong together.
func (s *Snapshot) Offer(partner, service, product int64) (*Product, bool) {
	p, ok := s.products[product]
	if !ok || p.Service.ID != service || p.Service.Partner.ID != partner {
		return nil, false
	}
	return p, true
}

// Keyword finds the product that a keyword names on a short code.
func (s *Snapshot) Keyword(code, keyword string) (*Product, bool) {
	for _, p := range s.products {
		if p.Keyword != "" && p.Keyword == keyword && p.Service.Has(code) {
			return p, true
		}
	}
	return nil, false
}

// Keywords are those of a short code's products, sorted.
func (s *Snapshot) Keywords(code string) []string {
	var all []string
	for _, p := range s.products {
		if p.Keyword != "" && p.Service.Has(code) {
			all = append(all, p.Keyword)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Products are those of a short code, in the order of their ids.
func (s *Snapshot) Products(code string) []*Product {
	var all []*Product
	for _, p := range s.products {
		if p.Service.Has(code) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *Product) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Catalogue is all products, by partner and id.
func (s *Snapshot) Catalogue() []*Product {
	return slices.SortedFunc(maps.Values(s.products), func(a, b *Product) int {
		return cmp.Or(cmp.Compare(a.Partner().ID, b.Partner().ID), cmp.Compare(a.ID, b.ID))
	})
}

// OptOutWord is the one that people are told: of those that end subscriptions the best known.
func (c *ShortCode) OptOutWord() string {
	for _, usual := range keyword.OptOut {
		if slices.Contains(c.OptOutWords, usual) {
			return usual
		}
	}
	return c.OptOutWords[0]
}

// Has reports whether a short code is assigned to the service.
func (s *Service) Has(code string) bool { return slices.Contains(s.ShortCodes, code) }

// Active reports whether the product may be sold and charged: it, its service and its partner are.
func (p *Product) Active() bool {
	return p.Status == StatusActive && p.Service.Status == StatusActive && p.Service.Partner.Status == StatusActive
}

// Partner is whose product it is.
func (p *Product) Partner() *Partner { return p.Service.Partner }

// Country is where it is sold.
func (p *Product) Country() *Country { return p.Service.Partner.Country }

// PricePoint finds one of the product's that is active.
func (p *Product) PricePoint(id int64) (PricePoint, bool) {
	for _, point := range p.PricePoints {
		if point.ID == id && point.Status == StatusActive {
			return point, true
		}
	}
	return PricePoint{}, false
}

// Terms is how a subscription of a price point goes on: at the amount while it is active; it ends where the
// price point or the product was withdrawn. What is suspended, or not there, waits: that may be a mistake, and
// an end cannot be taken back.
func (p *Product) Terms(pricepoint int64) (amount int64, status Status) {
	status = StatusSuspended
	for _, point := range p.PricePoints {
		if point.ID == pricepoint {
			amount, status = point.Amount, point.Status
		}
	}
	switch {
	case p.Status == StatusWithdrawn:
		status = StatusWithdrawn
	case !p.Active() && status == StatusActive:
		status = StatusSuspended
	}
	return amount, status
}

// ShortCode is the one that the hub's own messages about the product come from.
func (p *Product) ShortCode() string {
	if len(p.Service.ShortCodes) == 0 {
		return ""
	}
	return p.Service.ShortCodes[0]
}

// Through reports whether the product is sold through a channel.
func (p *Product) Through(channel string) bool { return slices.Contains(p.Channels, channel) }

// Ends reports whether a subscription may be ended through a channel: more of them than it is sold through.
func (p *Product) Ends(channel string) bool {
	return p.Through(channel) || slices.Contains(channels, channel)
}
