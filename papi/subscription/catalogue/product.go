package catalogue

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"puente/papi/subscription/messaging/keyword"
	"puente/shared/admin"
)

// ShortCodeSpec is document ShortCode; its id is the number.
type ShortCodeSpec struct {
	Country      string   `json:"country"`
	OptOutWords  []string `json:"optOutWords,omitempty"`  // first or last word of a message that ends subscriptions
	AllWord      string   `json:"allWord,omitempty"`      // with it, all; default keyword.All
	MultiCancel  string   `json:"multiCancel,omitempty"`  // a bare opt-out word: all, the default, or ask
	HelpText     string   `json:"helpText,omitempty"`     // to who writes what is not understood; empty: a text of ours
	ContactPhone string   `json:"contactPhone,omitempty"` // shown beside prices
}

var (
	shortCode = regexp.MustCompile(`^[0-9]{3,6}$`)
	word      = regexp.MustCompile(`^[A-Z0-9]{1,32}$`)
	channel   = regexp.MustCompile(`^[A-Z]{2,16}$`)
)

// Identify wants the id to be a short code.
func (c *ShortCodeSpec) Identify(id string) error {
	var r rules
	r.must(shortCode.MatchString(id), "id", "must have 3 to 6 digits")
	return r.err()
}

// Normalize fills in the defaults.
func (c *ShortCodeSpec) Normalize() {
	if c.OptOutWords == nil {
		c.OptOutWords = slices.Clone(keyword.OptOut)
	}
	slices.Sort(c.OptOutWords)
	c.AllWord, c.MultiCancel = or(c.AllWord, keyword.All), or(c.MultiCancel, "all")
}

// Validate joins all that is wrong.
func (c *ShortCodeSpec) Validate() error {
	var r rules
	r.must(c.Country == "CL" || c.Country == "PE", "country", "must be CL or PE")
	for i, w := range c.OptOutWords {
		r.must(word.MatchString(w), fmt.Sprintf("optOutWords[%d]", i), "must match "+word.String())
	}
	r.must(len(c.OptOutWords) > 0, "optOutWords", "must name one at least: who receives messages must be able to end them")
	r.must(word.MatchString(c.AllWord), "allWord", "must match "+word.String())
	r.must(!slices.Contains(c.OptOutWords, c.AllWord), "allWord", "must not be one of optOutWords")
	r.must(c.MultiCancel == "all" || c.MultiCancel == "ask", "multiCancel", "must be all or ask")
	r.must(len(c.HelpText) <= maxText, "helpText", "is too long")
	return r.err()
}

// ServiceSpec is document Service; its id is the serviceId.
type ServiceSpec struct {
	Partner    string   `json:"partner"`
	Name       string   `json:"name"`
	ShortCodes []string `json:"shortCodes"`
	Status     Status   `json:"status,omitempty"`
}

// Normalize fills in the defaults.
func (s *ServiceSpec) Normalize() { s.Status = or(s.Status, StatusActive) }

// Validate joins all that is wrong.
func (s *ServiceSpec) Validate() error {
	var r rules
	r.id("partner", s.Partner)
	r.text("name", s.Name)
	r.must(len(s.ShortCodes) > 0, "shortCodes", "must name one at least")
	for i, code := range s.ShortCodes {
		r.must(shortCode.MatchString(code), fmt.Sprintf("shortCodes[%d]", i), "must have 3 to 6 digits")
	}
	r.status("status", s.Status)
	return r.err()
}

// References names partner and short codes.
func (s *ServiceSpec) References() []admin.Reference {
	refs := []admin.Reference{{Kind: "Partner", ID: s.Partner, Path: "partner"}}
	for i, code := range s.ShortCodes {
		refs = append(refs, admin.Reference{Kind: "ShortCode", ID: code, Path: fmt.Sprintf("shortCodes[%d]", i)})
	}
	return refs
}

// The kinds of products, and how they are paid.
const (
	KindVAS      = "VAS"
	KindOTT      = "OTT"
	KindContest  = "CONTEST"
	Subscription = "SUBSCRIPTION"
	OneShot      = "ONESHOT"
)

// When a subscription begins (specification §10 F1).
const (
	ChargeFirst = "charge-first"
	SubFirst    = "sub-first"
)

// The units of periods.
const (
	Day   = "DAY"
	Week  = "WEEK"
	Month = "MONTH"
)

// channels are those of a product that names none (specification §4.1).
var channels = []string{"WEB", "SMS", "WAP"}

// ProductSpec is document Product; its id is the productId.
type ProductSpec struct {
	Service     string       `json:"service"`
	Name        string       `json:"name"`
	Kind        string       `json:"kind"` // VAS, OTT or CONTEST
	Type        string       `json:"type"` // SUBSCRIPTION or ONESHOT
	Status      Status       `json:"status,omitempty"`
	Channels    []string     `json:"channels,omitempty"` // default WEB, SMS, WAP
	PricePoints []PricePoint `json:"pricePoints"`
	Keyword     string       `json:"keyword,omitempty"` // names it in messages of people

	// Of subscriptions.
	Period         *Period        `json:"period,omitempty"`
	ReminderBefore admin.Duration `json:"reminderBefore,omitempty"` // a message before each renewal; zero: none, but 48h of monthly ones
	NoReminder     bool           `json:"noReminder,omitempty"`
	RenewalMessage bool           `json:"renewalMessage,omitempty"` // a message after each renewal
	ActivationMode string         `json:"activationMode,omitempty"` // charge-first, the default: it begins once it is paid; sub-first: with the consent

	// FallbackPricepoints are price points that a renewal may be charged at, each for a shorter period, where the
	// balance does not suffice for the price; none: only the price. Who subscribes is shown them.
	FallbackPricepoints []int64 `json:"fallbackPricepoints,omitempty"`

	// Of one-shot products.
	OneShotConsent string         `json:"oneshotConsent,omitempty"` // hub, the default, or partner
	LateOneShot    string         `json:"lateOneshot,omitempty"`    // what becomes of a charge that came true after its caller was told it failed: refund, the default, or notify
	DedupeWindow   admin.Duration `json:"dedupeWindow,omitempty"`   // in which two charges without a name are one; default 60s

	MaxSegments int      `json:"maxSegments,omitempty"` // of a partner's message; default 3
	Unicode     bool     `json:"unicode,omitempty"`     // messages keep their accents, at 70 characters each
	Segments    []string `json:"segments,omitempty"`    // whose lines may have it: PERSON, the default, COMPANY
	Accesses    []string `json:"accesses,omitempty"`    // MOBILE, the default, FIXED

	NotifySubscriptionURL string   `json:"notifySubscriptionUrl,omitempty"` // in place of the partner's
	NotifyChargeURL       string   `json:"notifyChargeUrl,omitempty"`
	NotifySecrets         []Secret `json:"notifySecrets,omitempty"`       // of the two, as a partner's notify.secrets; none: the partner's
	NotifyChargeSecrets   []Secret `json:"notifyChargeSecrets,omitempty"` // of notifyChargeUrl, where it has its own
}

// PricePoint is a price. The first of a product is what it costs unless a campaign says otherwise.
type PricePoint struct {
	ID     int64  `json:"id"`
	Amount int64  `json:"amount"` // minor units, tax included; zero: nothing is charged
	Status Status `json:"status,omitempty"`
}

// Period is how long a payment lasts.
type Period struct {
	Unit  string `json:"unit"`            // DAY, WEEK or MONTH
	Count int    `json:"count,omitempty"` // default 1
}

const (
	maxText   = 480                       // bytes of a text that goes out as a message
	maxAmount = int64(1_000_000_000)      // minor units: a typing error's bound
	maxID     = int64(1)<<53 - 1          // of identifiers: what JSON numbers hold everywhere
	monthly   = admin.Duration(48 * hour) // before a monthly renewal: its reminder
	dedupe    = admin.Duration(minute)
)

// Normalize fills in the defaults.
func (p *ProductSpec) Normalize() {
	p.Status = or(p.Status, StatusActive)
	if p.Channels == nil {
		p.Channels = slices.Clone(channels)
	}
	for i := range p.PricePoints {
		p.PricePoints[i].Status = or(p.PricePoints[i].Status, StatusActive)
	}
	p.MaxSegments = or(p.MaxSegments, 3)
	if p.Segments == nil {
		p.Segments = []string{"PERSON"}
	}
	if p.Accesses == nil {
		p.Accesses = []string{"MOBILE"}
	}
	p.Keyword = strings.ToUpper(p.Keyword)
	if p.Type == OneShot {
		p.OneShotConsent, p.LateOneShot, p.DedupeWindow = or(p.OneShotConsent, "hub"), or(p.LateOneShot, "refund"), or(p.DedupeWindow, dedupe)
	}
	if p.Type == Subscription {
		p.ActivationMode = or(p.ActivationMode, ChargeFirst)
	}
	if p.Period != nil {
		p.Period.Count = or(p.Period.Count, 1)
		if p.Period.Unit == Month && !p.NoReminder {
			p.ReminderBefore = or(p.ReminderBefore, monthly)
		}
	}
}

// Validate joins all that is wrong.
func (p *ProductSpec) Validate() error {
	var r rules
	r.id("service", p.Service)
	r.text("name", p.Name)
	r.must(slices.Contains([]string{KindVAS, KindOTT, KindContest}, p.Kind), "kind", "must be VAS, OTT or CONTEST")
	r.must(p.Type == Subscription || p.Type == OneShot, "type", "must be SUBSCRIPTION or ONESHOT")
	r.offer("status", p.Status)
	for i, c := range p.Channels {
		r.must(channel.MatchString(c), fmt.Sprintf("channels[%d]", i), "must match "+channel.String())
	}
	r.must(p.Keyword == "" || word.MatchString(p.Keyword), "keyword", "must match "+word.String())
	r.must((p.Type == Subscription) == (p.Period != nil), "period", "is required for a subscription, and only for one")
	if p.Period != nil {
		r.must(slices.Contains([]string{Day, Week, Month}, p.Period.Unit), "period.unit", "must be DAY, WEEK or MONTH")
		r.must(p.Period.Count >= 1 && p.Period.Count <= 366, "period.count", "must be from 1 to 366")
	}
	r.must(p.ReminderBefore >= 0 && (p.ReminderBefore == 0 || p.Period != nil), "reminderBefore", "must be positive, and of a subscription")
	r.must(!p.NoReminder || p.ReminderBefore == 0, "noReminder", "must not be beside reminderBefore")
	r.must((p.Type == Subscription) == slices.Contains([]string{ChargeFirst, SubFirst}, p.ActivationMode), "activationMode", "must be charge-first or sub-first, and of a subscription")
	p.validatePrices(&r)
	p.validateFallbacks(&r)
	oneShot := p.Type == OneShot
	r.must(oneShot == slices.Contains([]string{"hub", "partner"}, p.OneShotConsent), "oneshotConsent", "must be hub or partner, and of a one-shot product")
	r.must(oneShot == slices.Contains([]string{"refund", "notify"}, p.LateOneShot), "lateOneshot", "must be refund or notify, and of a one-shot product")
	r.must(p.DedupeWindow >= 0 && (p.DedupeWindow == 0 || oneShot), "dedupeWindow", "must be positive, and of a one-shot product")
	r.must(p.MaxSegments >= 1 && p.MaxSegments <= 10, "maxSegments", "must be from 1 to 10")
	r.must(subset(p.Segments, "PERSON", "COMPANY"), "segments", "must be of PERSON and COMPANY")
	r.must(subset(p.Accesses, "MOBILE", "FIXED"), "accesses", "must be of MOBILE and FIXED")
	r.endpoint("notifySubscriptionUrl", p.NotifySubscriptionURL, true)
	r.endpoint("notifyChargeUrl", p.NotifyChargeURL, true)
	r.secrets("notifySecrets", p.NotifySecrets)
	r.secrets("notifyChargeSecrets", p.NotifyChargeSecrets)
	r.must(len(p.NotifySecrets) == 0 || p.NotifySubscriptionURL+p.NotifyChargeURL != "", "notifySecrets", "must be beside a notifySubscriptionUrl or a notifyChargeUrl")
	r.must(len(p.NotifyChargeSecrets) == 0 || p.NotifyChargeURL != "", "notifyChargeSecrets", "must be beside a notifyChargeUrl")
	return r.err()
}

func (p *ProductSpec) validatePrices(r *rules) {
	r.must(len(p.PricePoints) > 0, "pricePoints", "must have one at least")
	seen := map[int64]bool{}
	for i, point := range p.PricePoints {
		at := fmt.Sprintf("pricePoints[%d]", i)
		r.must(point.ID > 0 && point.ID <= maxID, at+".id", "must be from 1 to 9007199254740991")
		r.must(!seen[point.ID], at+".id", "is given twice")
		r.must(point.Amount >= 0 && point.Amount <= maxAmount, at+".amount", "must be from 0 to 1000000000")
		r.must(point.Amount > 0 || p.Type == Subscription, at+".amount", "must be positive for a one-shot product")
		r.offer(at+".status", point.Status)
		seen[point.ID] = true
	}
}

// References names the service.
func (p *ProductSpec) References() []admin.Reference {
	return []admin.Reference{{Kind: "Service", ID: p.Service, Path: "service"}}
}
