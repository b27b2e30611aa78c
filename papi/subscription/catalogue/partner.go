package catalogue

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"puente/shared/admin"
	"puente/shared/phone"
	"puente/shared/webhook"
)

// Status says whether something may be used.
type Status string

// The states.
const (
	StatusActive    Status = "active"
	StatusSuspended Status = "suspended"
	StatusWithdrawn Status = "withdrawn" // of products and price points: it is not sold any more, and its subscriptions end when they are due
)

// Environment is where a partner stands on its way to production.
type Environment string

// The environments.
const (
	Staging    Environment = "STAGING"
	Production Environment = "PROD"
)

// Pairing is how results pair with HTTP statuses (spec §5).
type Pairing string

// The pairings. Rest fails safe: who looks at HTTP only never takes a failed charge for a paid one.
const (
	Rest   Pairing = "rest"
	Compat Pairing = "compat" // 200 for every business result
)

// PartnerSpec is document Partner; its id is the partnerId.
type PartnerSpec struct {
	Name        string        `json:"name"`
	Country     phone.Country `json:"country"`
	Environment Environment   `json:"environment"`
	Status      Status        `json:"status,omitempty"`   // default active
	Pairing     Pairing       `json:"pairing,omitempty"`  // default rest
	Language    string        `json:"language,omitempty"` // of messages: es, the default, or en
	Notify      Notify        `json:"notify"`
	Redirect    Redirect      `json:"redirect"`

	PartnerIDOptionalOnOptOut bool     `json:"partnerIdOptionalOnOptout,omitempty"` // the document's own example omits it
	TIDAsNumber               bool     `json:"tidAsNumber,omitempty"`               // where a tid has digits only
	SandboxMSISDNs            []string `json:"sandboxMsisdns,omitempty"`            // numbers that break the plan, for STAGING
}

// Notify is how a partner is told of what happens (spec §6). URLs of a product come before these.
type Notify struct {
	SubscriptionURL   string             `json:"subscriptionUrl,omitempty"`
	ChargeURL         string             `json:"chargeUrl,omitempty"`
	AckMode           AckMode            `json:"ackMode,omitempty"`       // default body
	Secrets           []Secret           `json:"secrets,omitempty"`       // whsec_… signs by v1, whsk_… by v1a and is read back as its public key; of each one, or two while they rotate; none: not signed
	ChargeSecrets     []Secret           `json:"chargeSecrets,omitempty"` // likewise of chargeUrl, where it has its own; none: those of both are secrets
	Bearer            *Secret            `json:"bearer,omitempty"`
	ClientCertificate *ClientCertificate `json:"clientCertificate,omitempty"` // by which the partner's endpoints know the hub (mutual TLS)
	Concurrency       int                `json:"concurrency,omitempty"`       // calls at a time, of each process, to all endpoints of the partner and its products together; default 4
	FailedCharges     bool               `json:"failedCharges,omitempty"`
	ReasonMO          string             `json:"reasonMo,omitempty"`        // default MO
	ReasonLifecycle   string             `json:"reasonLifecycle,omitempty"` // default LIFECYCLE
}

// ClientCertificate is a certificate for clients, with those between it and its root, and its key: PEM.
type ClientCertificate struct {
	Certificate Secret `json:"certificate"`
	Key         Secret `json:"key"`
}

// validate looks at the two together, once both are there in clear.
func (c *ClientCertificate) validate(r *rules) {
	if c == nil || c.Certificate.value == "" && c.Certificate.fingerprint != "" || c.Key.value == "" && c.Key.fingerprint != "" {
		return
	}
	if _, err := webhook.ParseCertificate(c.Certificate.value, c.Key.value); err != nil {
		r.must(false, "notify.clientCertificate", err.Error())
	}
}

// validateNow wants a certificate that is given in clear to be good now, by the clock that endpoints go by. One that
// is kept may have ended: else nothing of its partner could be changed any more.
func (c *ClientCertificate) validateNow(r *rules, now time.Time) {
	if c == nil || c.Certificate.value == "" {
		return
	}
	since, until := webhook.Validity(c.Certificate.value)
	if until.IsZero() {
		return // it was said
	}
	r.must(!now.Before(since), "notify.clientCertificate", "must be valid: it is not before "+since.UTC().Format(time.RFC3339))
	r.must(!now.After(until), "notify.clientCertificate", "must be valid: it ended "+until.UTC().Format(time.RFC3339))
}

// AckMode is what tells that a notification was taken.
type AckMode string

// The modes. AckHTTP takes an empty body for status 0.
const (
	AckBody AckMode = "body"
	AckHTTP AckMode = "http"
)

// Redirect is how a browser is sent back to a partner, and the token that it takes along (spec §7.1, §8).
type Redirect struct {
	Scheme           string   `json:"scheme,omitempty"` // gcm, the default, ecb-pkcs5 or cbc-pkcs5-iv
	Keys             []Key    `json:"keys,omitempty"`   // the first seals, all open; none: no tokens
	Timed            *bool    `json:"timed,omitempty"`  // whether the time is a part of the token; default true
	URLs             []string `json:"urls,omitempty"`   // prefixes on a segment's boundary
	SuccessURL       string   `json:"successUrl,omitempty"`
	ErrorURL         string   `json:"errorUrl,omitempty"`
	AllowHTTP        bool     `json:"allowHttpRedirect,omitempty"`
	AllowPlainMSISDN bool     `json:"allowPlainMsisdn,omitempty"`
}

// Key is a key of redirect tokens: base64 of 16, 24 or 32 bytes.
type Key struct {
	ID     string `json:"id"`
	Secret Secret `json:"secret"`
}

var (
	keyID     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,16}$`)
	msisdns   = regexp.MustCompile(`^[0-9]{8,15}$`)
	schemes   = []string{"gcm", "ecb-pkcs5", "cbc-pkcs5-iv"}
	languages = []string{"es", "en"}
)

// Normalize fills in the defaults, so that equal documents are equal.
func (p *PartnerSpec) Normalize() {
	p.Status, p.Pairing, p.Language = or(p.Status, StatusActive), or(p.Pairing, Rest), or(p.Language, "es")
	n := &p.Notify
	n.AckMode, n.ReasonMO, n.ReasonLifecycle, n.Concurrency = or(n.AckMode, AckBody), or(n.ReasonMO, "MO"), or(n.ReasonLifecycle, "LIFECYCLE"), or(n.Concurrency, 4)
	r := &p.Redirect
	r.Scheme = or(r.Scheme, "gcm")
	if r.Timed == nil {
		timed := true
		r.Timed = &timed
	}
	slices.Sort(p.SandboxMSISDNs)
}

// Validate joins all that is wrong.
func (p *PartnerSpec) Validate() error {
	var r rules
	r.text("name", p.Name)
	r.must(countries[p.Country] != nil, "country", "must be CL or PE")
	r.must(p.Environment == Staging || p.Environment == Production, "environment", "must be STAGING or PROD")
	r.status("status", p.Status)
	r.must(p.Pairing == Rest || p.Pairing == Compat, "pairing", "must be rest or compat")
	r.must(slices.Contains(languages, p.Language), "language", "must be es or en")
	r.must(p.Environment == Staging || len(p.SandboxMSISDNs) == 0, "sandboxMsisdns", "must be empty in PROD")
	for i, n := range p.SandboxMSISDNs {
		r.must(msisdns.MatchString(n), fmt.Sprintf("sandboxMsisdns[%d]", i), "must have 8 to 15 digits")
	}
	p.Notify.validate(&r, p.Environment)
	p.Redirect.validate(&r, p.Environment)
	return r.err()
}

func (n *Notify) validate(r *rules, in Environment) {
	r.endpoint("notify.subscriptionUrl", n.SubscriptionURL, in == Staging)
	r.endpoint("notify.chargeUrl", n.ChargeURL, in == Staging)
	r.must(n.AckMode == AckBody || n.AckMode == AckHTTP, "notify.ackMode", "must be body or http")
	r.secrets("notify.secrets", n.Secrets)
	r.secrets("notify.chargeSecrets", n.ChargeSecrets)
	n.ClientCertificate.validate(r)
	n.ClientCertificate.validateNow(r, time.Now())
	r.must(n.Bearer == nil || n.Bearer.value == "" || len(n.Bearer.value) >= 16, "notify.bearer", "must have at least 16 characters")
	r.must(n.Concurrency >= 1 && n.Concurrency <= 100, "notify.concurrency", "must be from 1 to 100")
}

func (d *Redirect) validate(r *rules, in Environment) {
	r.must(slices.Contains(schemes, d.Scheme), "redirect.scheme", "must be gcm, ecb-pkcs5 or cbc-pkcs5-iv")
	r.must(len(d.Keys) <= 2, "redirect.keys", "must be two at most")
	for i, k := range d.Keys {
		at := fmt.Sprintf("redirect.keys[%d]", i)
		key, err := base64.StdEncoding.DecodeString(k.Secret.value)
		size := len(key) == 32 || d.Scheme != "gcm" && (len(key) == 16 || len(key) == 24)
		r.must(k.Secret.value == "" || err == nil && size, at+".secret", "must be base64 of 32 bytes, with a compatible scheme of 16 or 24, too")
		r.must(keyID.MatchString(k.ID), at+".id", "must match "+keyID.String())
		r.must(i == 0 || k.ID != d.Keys[0].ID, at+".id", "is given twice")
		r.must(i == 0 || k.Secret.fingerprint != d.Keys[0].Secret.fingerprint, at+".secret", "is given twice")
	}
	for i, u := range d.URLs {
		r.location(fmt.Sprintf("redirect.urls[%d]", i), u, d.AllowHTTP, in)
	}
	r.location("redirect.successUrl", d.SuccessURL, d.AllowHTTP, in)
	r.location("redirect.errorUrl", d.ErrorURL, d.AllowHTTP, in)
}

// location wants an endpoint for browsers: what visitors bring is compared with it as it stands. To an address nobody is
// sent in production.
func (r *rules) location(at, text string, http bool, in Environment) {
	r.endpoint(at, text, http)
	if u, err := url.Parse(text); err == nil && in == Production {
		_, err := netip.ParseAddr(u.Hostname())
		r.must(err != nil, at, "must name a host in PROD, not an IP address")
	}
	r.must(!strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' || c == '\\' }), at, "must be ASCII without spaces and backslashes: a host of other letters as xn--, a path percent-encoded")
}

// endpoint wants an absolute https URL, or none; http where it is allowed.
func (r *rules) endpoint(at, text string, http bool) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	ok := err == nil && u.Host != "" && u.User == nil && u.Fragment == "" && (u.Scheme == "https" || http && u.Scheme == "http")
	rule := "must be an absolute https URL without user and fragment"
	if http {
		rule = "must be an absolute http or https URL without user and fragment"
	}
	r.must(ok, at, rule)
}

func (p *PartnerSpec) secrets() []*Secret {
	all := append(pointers(p.Notify.Secrets), pointers(p.Notify.ChargeSecrets)...)
	if p.Notify.Bearer != nil {
		all = append(all, p.Notify.Bearer)
	}
	if c := p.Notify.ClientCertificate; c != nil {
		all = append(all, &c.Certificate, &c.Key)
	}
	for i := range p.Redirect.Keys {
		all = append(all, &p.Redirect.Keys[i].Secret)
	}
	return all
}

// ClientSpec is document PartnerClient; its id is the client_id.
type ClientSpec struct {
	Partner string   `json:"partner"` // the partnerId
	Secret  Secret   `json:"secret"`  // of which nothing but a hash is kept
	APIs    []string `json:"apis"`    // charge, sendmt, suboptout
	Status  Status   `json:"status,omitempty"`
}

// apis are those that partners call, each with tokens of its own (spec §3).
var apis = []string{"charge", "sendmt", "suboptout"}

// Normalize sorts what has no order.
func (c *ClientSpec) Normalize() {
	c.Status = or(c.Status, StatusActive)
	slices.Sort(c.APIs)
	c.APIs = slices.Compact(c.APIs)
}

// Validate joins all that is wrong.
func (c *ClientSpec) Validate() error {
	var r rules
	r.id("partner", c.Partner)
	r.must(c.Secret.value == "" || len(c.Secret.value) >= 16 && len(c.Secret.value) <= 128, "secret", "must have 16 to 128 characters")
	r.must(c.Secret.fingerprint != "", "secret", "is required")
	for i, api := range c.APIs {
		r.must(slices.Contains(apis, api), fmt.Sprintf("apis[%d]", i), "must be charge, sendmt or suboptout")
	}
	r.must(len(c.APIs) > 0, "apis", "must name one at least")
	r.status("status", c.Status)
	return r.err()
}

// References names the partner.
func (c *ClientSpec) References() []admin.Reference {
	return []admin.Reference{{Kind: "Partner", ID: c.Partner, Path: "partner"}}
}

// May reports whether the client may use an API now.
func (c *Client) May(api string) bool { return slices.Contains(c.APIs, api) }

// Active reports whether the client may use anything.
func (c *Client) Active() bool { return c.Status == StatusActive && c.Partner.Status == StatusActive }
