package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/catalogue"
	"puente/shared/webhook"
)

// Configuration is the fingerprint of what a check of a product depends on as the catalogue has it: the
// endpoint's URL and secrets, the redirect token's scheme and keys. Evidence under another one proves nothing.
func Configuration(p *catalogue.Product, c acceptance.Check) string {
	partner := p.Partner()
	switch c {
	case acceptance.SubscriptionNotifSub, acceptance.CancellationNotifCancel:
		return Webhook(partner, p.Endpoint(catalogue.ToldSubscriptions))
	case acceptance.SubscriptionNotifCobro, acceptance.RenewalNotifCobro, acceptance.SubscriptionOneshot:
		return Webhook(partner, p.Endpoint(catalogue.ToldCharges))
	case acceptance.SubscriptionLPRedirect:
		r := partner.Redirect
		parts := []any{r.Scheme, r.Timed == nil || *r.Timed, r.SuccessURL}
		for _, k := range r.Keys {
			parts = append(parts, k.ID, k.Secret.Fingerprint())
		}
		return fingerprint("redirect", parts...)
	default: // a message goes through our own API, and depends on nothing that is configured
		return fingerprint("message")
	}
}

// Webhook is the fingerprint of an endpoint of a partner's.
func Webhook(p *catalogue.Partner, e catalogue.Endpoint) string {
	parts := []any{e.URL, p.Notify.AckMode}
	for _, s := range e.Secrets {
		parts = append(parts, s.Fingerprint())
	}
	if p.Notify.Bearer != nil {
		parts = append(parts, "bearer", p.Notify.Bearer.Fingerprint())
	}
	if c := p.Notify.ClientCertificate; c != nil {
		parts = append(parts, "certificate", c.Certificate.Fingerprint())
	}
	return fingerprint("webhook", parts...)
}

func fingerprint(what string, parts ...any) string {
	text, _ := json.Marshal(append([]any{what}, parts...)) // strings and booleans: cannot fail
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// applies reports whether a check is one for a product of this kind. One-shot products have no subscription to
// tell of; those whose partner vouches for consent have no landing page. What costs nothing is not charged, so
// that its subscription is told of and its charge is not, and it is not renewed by one.
func applies(p *catalogue.Product, c acceptance.Check) bool {
	if p.Type == catalogue.OneShot {
		return c == acceptance.SubscriptionOneshot || c == acceptance.SubscriptionLPRedirect && p.OneShotConsent != "partner"
	}
	switch c {
	case acceptance.SubscriptionOneshot:
		return false
	case acceptance.SubscriptionNotifCobro, acceptance.RenewalNotifCobro, acceptance.RenewalSendMT:
		for _, point := range p.PricePoints {
			if point.Status == catalogue.StatusActive && point.Amount > 0 {
				return true
			}
		}
		return false
	default:
		return true
	}
}

// renewIn is how long before its end a certificate is warned of: a partner's people need days to trust another.
const renewIn = 30 * 24 * time.Hour

// warnings are what a partner's configuration has that is weak (specification §14), or will not hold.
func warnings(p *catalogue.Partner, now time.Time, endpoints ...catalogue.Endpoint) []string {
	var all []string
	warn := func(holds bool, text string) {
		if holds {
			all = append(all, text)
		}
	}
	warn(p.Redirect.Scheme == "ecb-pkcs5" && len(p.Redirect.Keys) > 0, "ecb-pkcs5")
	warn(p.Redirect.AllowHTTP, "http redirect")
	warn(p.Redirect.AllowPlainMSISDN, "plain MSISDN")
	warn(slices.ContainsFunc(endpoints, func(e catalogue.Endpoint) bool { return len(e.Secrets) == 0 }), "unsigned webhooks")
	if c := p.Notify.ClientCertificate; c != nil {
		_, until := webhook.Validity(c.Certificate.Reveal())
		warn(until.Sub(now) <= renewIn, "client certificate until "+until.UTC().Format(time.DateOnly))
	}
	return all
}
