package subscription

import (
	"context"

	"puente/shared/hop"
	"puente/shared/phone"
)

// OfferQuery is schema OfferQuery: what a visitor of a campaign's page brought.
type OfferQuery struct {
	Campaign   string `json:"campaign"`
	PartnerID  int64  `json:"partnerId"`
	ServiceID  int64  `json:"serviceId"`
	ProductID  int64  `json:"productId"`
	Channel    string `json:"channel"`
	SuccessURL string `json:"successUrl,omitempty"`
	ErrorURL   string `json:"errorUrl,omitempty"`
}

// Terms is schema Terms: what is offered, by whom and for how much, as a page is to show it.
type Terms struct {
	Partner      string            `json:"partner"` // name of who provides the service
	Service      string            `json:"service"`
	Product      string            `json:"product"`
	OneShot      bool              `json:"oneShot"` // what is agreed to is a single charge, which the partner asks for
	Amount       int64             `json:"amount"`  // minor units, tax included
	Currency     string            `json:"currency"`
	Period       *Period           `json:"period,omitempty"` // of a subscription
	Fallbacks    []Fallback        `json:"fallbacks,omitempty"`
	Country      phone.Country     `json:"country"`  // whose numbers the lines have: CL or PE
	TimeZone     string            `json:"timeZone"` // of what is shown of times: America/Santiago
	Operator     string            `json:"operator"`
	ShortCode    string            `json:"shortCode"` // to which OptOutWord goes by SMS
	OptOutWord   string            `json:"optOutWord"`
	Keyword      string            `json:"keyword,omitempty"` // that names the product beside OptOutWord
	ContactPhone string            `json:"contactPhone,omitempty"`
	Texts        map[string]string `json:"texts,omitempty"`      // see CampaignTexts
	Colours      map[string]string `json:"colours,omitempty"`    // see CampaignColours
	SuccessURL   string            `json:"successUrl,omitempty"` // where the visitor goes afterwards
	ErrorURL     string            `json:"errorUrl,omitempty"`
}

// Period is schema Period.
type Period struct {
	Unit  PeriodUnit `json:"unit"`
	Count int        `json:"count"`
}

// PeriodUnit is of what a period consists.
type PeriodUnit string

// The units.
const (
	UnitDay   PeriodUnit = "DAY"
	UnitWeek  PeriodUnit = "WEEK"
	UnitMonth PeriodUnit = "MONTH"
)

// Fallback is schema Fallback: a lower price for a shorter period.
type Fallback struct {
	Amount int64 `json:"amount"`
	Days   int   `json:"days"`
}

// CampaignTexts are the names of texts that a campaign may have of its own; with the suffix .en that of
// English. TextTermsURL is a link, https.
var CampaignTexts = []string{TextHeadline, TextDescription, TextTerms, TextTermsURL}

// The names.
const (
	TextHeadline    = "headline"    // in place of the product's name
	TextDescription = "description" // below it
	TextTerms       = "terms"       // of the service, beside those that the law wants
	TextTermsURL    = "termsUrl"
)

// CampaignColours are the names of colours that a campaign may have of its own, as #rrggbb. Text must be
// told from what it stands on: 4.5 to 1 (WCAG 2.2 §1.4.3).
var CampaignColours = []string{ColourAccent, ColourOnAccent, ColourBackground, ColourText}

// The names.
const (
	ColourAccent     = "accent"   // of buttons
	ColourOnAccent   = "onAccent" // of what stands on them
	ColourBackground = "background"
	ColourText       = "text"
)

// The colours of the pages, where a campaign has none of its own.
const (
	DefaultAccent     = "#1f4fd1"
	DefaultOnAccent   = "#ffffff"
	DefaultBackground = "#ffffff"
	DefaultText       = "#1a1d26"
)

// DefaultColours are these by name.
var DefaultColours = map[string]string{
	ColourAccent: DefaultAccent, ColourOnAccent: DefaultOnAccent, ColourBackground: DefaultBackground, ColourText: DefaultText,
}

// DescribeOffer tells what a campaign offers. Errors: Conflict OFFER_UNKNOWN, CHANNEL_NOT_ALLOWED,
// SHORT_CODE_NOT_ASSIGNED; Rejected REDIRECT_NOT_ALLOWED.
func (c *Client) DescribeOffer(ctx context.Context, in OfferQuery) (Terms, error) {
	return hop.Call(ctx, c.peer, DescribeOffer, in)
}
