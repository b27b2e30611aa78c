package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"puente/test/sandbox/smsc"
)

// hub is what the scenarios of the partner hub share.
type hub struct {
	secrets hubSecrets
	lines   atomic.Int64
	magics  atomic.Int64
	begin   sync.Once
	aside   []*process // see platform.inner
	rest    *hubPartner
	compat  *hubPartner
}

// hubSecrets are what the hub shares with its partners.
type hubSecrets struct{ client, webhook, redirect string }

func newHubSecrets() hubSecrets {
	var key [32]byte
	_, _ = rand.Read(key[:])
	return hubSecrets{"hub-client-" + rand.Text(), "whsec_" + base64.StdEncoding.EncodeToString(key[:]), randomKey()}
}

func (s hubSecrets) all() []string { return []string{s.client, s.webhook, s.redirect} }

// hubSettings of papi.subscription: what nobody knows is known within seconds, what is due is looked for at
// once, and a day may have more renewals than one.
const hubSettings = `charging: {timeout: 3s, settle: 1s, first: 500ms, most: 2s, caps: {day: {CLP: 1000000}, month: {CLP: 1000000}}}
renewal: {events: 1s, away: 1s, held: 1s, rule: {perDay: 1000, again: 1s}}
`

// hubDelivery is how notifications and messages are delivered: often, in place of for days.
const hubDelivery = `{schedule: [0s, 300ms, 300ms, 300ms, 300ms, 300ms, 500ms, 500ms, 500ms, 500ms, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s],
      timeout: 5s, lease: 10s, breaker: {minCalls: 1000000, consecutive: 1000000}}`

// hubPartner is a partner of the catalogue, with a client that may call all three APIs.
type hubPartner struct {
	front        *process // whom it calls; nil: the edge
	p            *platform
	id           int64
	client       string
	service      int64
	oneshot      int64
	consented    int64 // a one-shot product that wants the hub's consent
	subscription int64
	shortCode    string
	keyword      string
	points       int64 // the id of the first price point; of each product one follows, of the one-shot two

	mu     sync.Mutex
	tokens map[string]string // by API
}

// What products cost, in pesos.
const (
	hubPrice       = int64(990) // the document's example
	hubOtherPrice  = int64(1990)
	hubWeeklyPrice = int64(1490)
)

// enrolPartners has the operator apply a catalogue of two partners: one that pairs results with statuses, as
// the document's examples name it, and one that is answered 200.
func (p *platform) enrolPartners(t testing.TB) {
	t.Helper()
	p.hub.rest = &hubPartner{
		p: p, id: 2272, client: "hub-rest", service: 2000001784, oneshot: 1000000001, consented: 1000000003, subscription: 1020, shortCode: "8888", keyword: "JUEGOS", points: 201507,
	}
	p.hub.compat = &hubPartner{
		p: p, id: 60001, client: "hub-compat", service: 2000001785, oneshot: 1000000002, consented: 1000000004, subscription: 1030, shortCode: "7777", keyword: "MUSICA", points: 301507,
	}
	var clients strings.Builder
	for pairing, h := range map[string]*hubPartner{"rest": p.hub.rest, "compat": p.hub.compat} {
		h.tokens = map[string]string{}
		p.applyTables(t, h.catalogue(pairing))
		clients.WriteString(document("Client", h.client, `{name: e2e, contracts: [{api: partnerhub, tier: default}]}`))
	}
	p.apply(t, clients.String())
	p.sandbox.SMSC.Configure(func(s *smsc.Settings) {
		s.MOURL = "http://" + p.systems().at.Callbacks + "/callbacks/smsc/messages?secret=" + url.QueryEscape(p.callback) +
			"&from=%p&to=%P&text=%b&charset=%C&coding=%c&smsc=%i&id=%I&reference=%F"
	})
}

// catalogue is all that a partner sells, as an operator would write it.
func (h *hubPartner) catalogue(pairing string) string {
	at, secrets := fmt.Sprintf("%s/partner/%d", h.p.sandbox.URL, h.id), h.p.hub.secrets
	partner := fmt.Sprintf(`{name: Juegos Andinos, country: CL, environment: STAGING, pairing: %s, notify: {subscriptionUrl: "%s/subscriptions", chargeUrl: "%[2]s/charges", secrets: [%s]}, redirect: {scheme: gcm, keys: [{id: k1, secret: %q}], urls: ["%[2]s/return"], successUrl: "%[2]s/return", allowHttpRedirect: true}}`,
		pairing, at, secrets.webhook, secrets.redirect)
	id := func(n int64) string { return fmt.Sprintf("%q", fmt.Sprint(n)) }
	return document("Partner", id(h.id), partner) + h.clientDocument("active") +
		document("ShortCode", fmt.Sprintf("%q", h.shortCode), `{country: CL}`) +
		document("Service", id(h.service), fmt.Sprintf(`{partner: "%d", name: Juegos, shortCodes: [%q]}`, h.id, h.shortCode)) +
		document("Product", id(h.oneshot), fmt.Sprintf(`{service: "%d", name: Vidas extra, kind: VAS, type: ONESHOT, oneshotConsent: partner, pricePoints: [{id: %d, amount: %d}, {id: %d, amount: %d}]}`,
			h.service, h.points, hubPrice, h.points+1, hubOtherPrice)) +
		document("Product", id(h.subscription), fmt.Sprintf(`{service: "%d", name: Juegos ilimitados, kind: VAS, type: SUBSCRIPTION, period: {unit: WEEK}, keyword: %s, renewalMessage: true, pricePoints: [{id: %d, amount: %d}]}`,
			h.service, h.keyword, h.points+2, hubWeeklyPrice)) +
		document("Product", id(h.consented), fmt.Sprintf(`{service: "%d", name: Vidas dobles, kind: VAS, type: ONESHOT, pricePoints: [{id: %d, amount: %d}]}`, h.service, h.points+3, hubPrice)) +
		document("Campaign", strings.ToLower(h.keyword), fmt.Sprintf(`{product: "%d"}`, h.subscription))
}

// clientDocument is the partner's client, active or suspended.
func (h *hubPartner) clientDocument(status string) string {
	return document("PartnerClient", h.client, fmt.Sprintf(`{partner: "%d", secret: %q, apis: [charge, sendmt, suboptout], status: %s}`, h.id, h.p.hub.secrets.client, status))
}

// line is a prepaid mobile number that no other scenario of the shape has, and no magic one.
func (h *hub) line() string {
	n := h.lines.Add(1)
	return fmt.Sprintf("5692%03d9%03d", n%1000, n/1000)
}

// magic is a number that ends in a code of specification §9.2; of the first 3,000 no two are the same.
func (h *hub) magic(code string) string {
	n := h.magics.Add(1)
	return fmt.Sprintf("569%d%03d%s", 2-n/1000%3, n%1000, code)
}

// within is long enough for what follows by itself on a busy machine.
const within = time.Minute
