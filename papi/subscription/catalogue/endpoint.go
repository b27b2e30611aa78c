package catalogue

import (
	"fmt"

	"puente/shared/webhook"
)

// Told is what a partner is told of: subscriptions that begin or end, or charges. Each has an endpoint.
type Told string

// The two.
const (
	ToldSubscriptions Told = "subscription"
	ToldCharges       Told = "charge"
)

// Endpoint is where notifications go, and what they are signed with. Each may have secrets of its own (specification
// §6): whoever holds those of one then proves nothing at another.
type Endpoint struct {
	URL     string // empty: there is none
	Secrets []Secret
}

// Endpoint is the partner's for what it is told of.
func (p *Partner) Endpoint(of Told) Endpoint {
	n := p.Notify
	if of == ToldSubscriptions {
		return Endpoint{n.SubscriptionURL, n.Secrets}
	}
	if len(n.ChargeSecrets) > 0 {
		return Endpoint{n.ChargeURL, n.ChargeSecrets}
	}
	return Endpoint{n.ChargeURL, n.Secrets}
}

// Own is the URL of the product's own endpoint; empty: it has the partner's.
func (p *ProductSpec) Own(of Told) string {
	if of == ToldSubscriptions {
		return p.NotifySubscriptionURL
	}
	return p.NotifyChargeURL
}

// Endpoint is the product's own for what its partner is told of it, or the partner's.
func (p *Product) Endpoint(of Told) Endpoint {
	e := p.Partner().Endpoint(of)
	own := p.Own(of)
	if own == "" {
		return e
	}
	e.URL = own
	switch {
	case of == ToldCharges && len(p.NotifyChargeSecrets) > 0:
		e.Secrets = p.NotifyChargeSecrets
	case len(p.NotifySecrets) > 0:
		e.Secrets = p.NotifySecrets
	}
	return e
}

// secrets wants those of an endpoint: of each scheme one, or two while they rotate.
func (r *rules) secrets(path string, all []Secret) {
	count := map[bool]int{}
	for i, s := range all {
		count[s.asymmetric()]++
		_, err := webhook.ParseSecret(s.value)
		r.must(s.value == "" || err == nil, fmt.Sprintf("%s[%d]", path, i), "must be whsec_ and base64 of 24 to 64 bytes, or whsk_ and base64 of an Ed25519 key")
	}
	r.must(count[false] <= 2 && count[true] <= 2, path, "must be two at most of whsec_, and of whsk_")
}

func (p *ProductSpec) secrets() []*Secret {
	return append(pointers(p.NotifySecrets), pointers(p.NotifyChargeSecrets)...)
}

func pointers(all []Secret) []*Secret {
	to := make([]*Secret, len(all))
	for i := range all {
		to[i] = &all[i]
	}
	return to
}
