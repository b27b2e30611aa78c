// Package landing is the experience API of landing pages: on them the owner of a line agrees to what a
// partner offers (source document: Partner Hub Platform, v1.7, landing pages). It shows, and asks the
// subscription process; what is offered, whose line it is and what came of it, that decides.
//
//	entry.go         a visitor comes by a partner's link; bootstrap.go: over the operator's network
//	number.go        by a number …
//	pin.go           … and a PIN
//	confirmation.go  or by the operator's header and two confirmations
//	consent.go       to a consent
//	result.go        what came of it; partner.go: and back to the partner
//	visit.go         what a page knows of the visit, sealed for one browser
//
// Nothing is kept here: a visit stands, sealed, in its pages and their URLs, and any replica takes its next
// step. Each step is a form and a redirect to the next page, so that going back, loading again and a second
// tab do no harm; what may happen only once, the process does once.
package landing

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/landing"
	"puente/shared/keyring"
	"puente/shared/policy"
	"puente/shared/server"
)

// API is the declaration that the layer lists.
var API = server.API{Contract: &landing.Contract, Mount: mount, Fault: dialect{}}

// Config is section xapi.landing.
type Config struct {
	// URL is the origin of the pages, as browsers reach them: https://entretenimiento.entel.cl. Without it
	// they are taken to be where a request came, on whatever scheme it came by.
	URL string `yaml:"url"`

	Shown time.Duration `yaml:"shown"` // for how long a page has been shown, before its form agrees to anything
}

// Validate joins all that is wrong.
func (c *Config) Validate() error {
	var errs []error
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		ok := err == nil && u.Host != "" && u.User == nil && u.Path == "" && u.RawQuery == "" && u.Fragment == ""
		if !ok || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
			errs = append(errs, errors.New("url: must be an https origin without path, or of http on loopback"))
		}
	}
	if c.Shown < 0 || c.Shown > time.Minute {
		errs = append(errs, errors.New("shown: must be from 0s to 1m"))
	}
	return errors.Join(errs...)
}

// fit is what is wrong with it where others than this machine reach the pages: their cookie and the way from
// plain HTTP to them must not depend on how a request came, and no form may be taken unread (specification §7.3).
func (c *Config) fit(exposed bool) error {
	var errs []error
	if exposed && c.URL == "" {
		errs = append(errs, errors.New("xapi.landing.url: is required where the listeners public and plain are not on loopback"))
	}
	if exposed && c.Shown < time.Second {
		errs = append(errs, errors.New("xapi.landing.shown: must be 1s at least where the listeners public and plain are not on loopback"))
	}
	return errors.Join(errs...)
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// process is what this channel needs of the subscription process.
type process interface {
	DescribeOffer(context.Context, subscription.OfferQuery) (subscription.Terms, error)
	MintHandle(context.Context, subscription.HandleRequest) (subscription.Handle, error)
	StartFlow(context.Context, subscription.FlowRequest) (subscription.Flow, error)
	ResendPIN(context.Context, subscription.FlowQuery) (subscription.Flow, error)
	ConfirmFlow(context.Context, subscription.Confirmation) (subscription.Enrolment, error)
	QueryEnrolment(context.Context, subscription.FlowQuery) (subscription.Enrolment, error)
}

type channel struct {
	hub    process
	ring   *keyring.Ring
	origin string        // of the pages; empty: that of the request
	shown  time.Duration // see Config
	now    func() time.Time
	cross  *http.CrossOriginProtection
}

func mount(env *server.Env) error {
	cfg := Config{Shown: time.Second}
	if err := env.Config(&cfg); err != nil {
		return err
	}
	if err := cfg.fit(env.Exposed()); err != nil {
		return err
	}
	c := &channel{hub: subscription.NewClient(env), ring: env.Keyring(), origin: cfg.URL, shown: cfg.Shown, now: env.Now, cross: http.NewCrossOriginProtection()}
	server.HandleRaw(env, landing.ShowOffer, c.ShowOffer)
	server.HandleRaw(env, landing.ShowAnuncio, c.ShowOffer)
	server.HandleRaw(env, landing.Bootstrap, c.Bootstrap)
	server.HandleRaw(env, landing.EnterNumber, form(c, c.EnterNumber))
	server.HandleRaw(env, landing.ShowPIN, c.ShowPIN)
	server.HandleRaw(env, landing.ConfirmPIN, form(c, c.ConfirmPIN))
	server.HandleRaw(env, landing.ResendPIN, form(c, c.ResendPIN))
	server.HandleRaw(env, landing.ShowKnownOffer, c.ShowKnownOffer)
	server.HandleRaw(env, landing.AcceptOffer, form(c, c.AcceptOffer))
	server.HandleRaw(env, landing.ShowConfirmation, c.ShowConfirmation)
	server.HandleRaw(env, landing.ConfirmOffer, form(c, c.ConfirmOffer))
	server.HandleRaw(env, landing.ShowResult, c.ShowResult)
	server.HandleRaw(env, landing.ReturnToPartner, c.ReturnToPartner)
	server.HandleRaw(env, landing.GetStyle, c.GetStyle)
	server.HandleRaw(env, landing.GetFile, c.GetFile)
	return nil
}

// form serves what a page's form asks for, unless another site's page sent it (OWASP: cross-site request
// forgery). The sealed visit in it is beyond other sites, too; this says so before anything is opened.
func form[In any](c *channel, serve func(*policy.Exchange, In) error) func(*policy.Exchange, In) error {
	return func(x *policy.Exchange, in In) error {
		if err := c.cross.Check(x.Request); err != nil {
			return c.ask(x).ended(nil, fmt.Errorf("form: %w", err))
		}
		return serve(x, in)
	}
}
