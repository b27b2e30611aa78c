// Package sandbox plays the third-party systems that the platform integrates: stateful, over real
// HTTP, with magic inputs, faults and a ledger that says what each of them really did. It is the
// demo, a developer's mock and the double that tests run against.
//
// The host in this package mounts the systems, one package each below it, and gives all of them the
// same controls. It answers these only to peers on loopback:
//
//	GET    /_sandbox/systems                  the systems and their operations
//	GET    /_sandbox/requests                 what was received, in order; ?system= &operation= &correlation= &after=<number> &limit=
//	GET    /_sandbox/ledger/{system}          what the system did: the effects, for tests to count
//	GET    /_sandbox/faults                   the faults that are set, and how often each struck
//	POST   /_sandbox/faults                   sets one: {"system":"botservice","operation":"portability","fault":"delay","delay":"2s","times":1}
//	DELETE /_sandbox/faults                   clears them, all or ?system=
//	POST   /_sandbox/reset                    forgets requests, faults and every ledger
//	GET    /_sandbox/clock                    the offset of the business clock of the program under test
//	POST   /_sandbox/clock                    sets it: {"offset":"720h"}
//	GET    /_sandbox/inventory/lines          the lines of the operator's systems; POST sets and changes them: see package inventory
//	POST   /_sandbox/orders/{number}          an order's state: {"state":"COMPLETADA"}
//	POST   /_sandbox/pqr/{number}             a case's state: {"state":"RESUELTO"}
//	GET    /_sandbox/carrierbilling/lines     the balances of lines; POST …/{msisdn} sets one, …/settings how all are charged: see package carrierbilling
//	GET    /_sandbox/smsc/messages            what phones got by SMS, ?to=; POST …/mo has a phone send one, …/settings says where to: see package smsc
//	GET    /_sandbox/partner/settings         what partners answer; POST sets it: {"status":"-1"}; …/{partner}/keys gives one its keys: see package partner
//	GET    /_sandbox/mobile/settings          where the platform of the phone's page is; POST sets it: see package mobile
//	GET    /_sandbox/subscriber/lines         the lines of the directory; POST sets them, …/events makes events: see package subscriber
//	GET    /_sandbox/tvplatforms              what the television platforms hold; POST …/{account} sets it: see package tvplatforms
//	POST   /_sandbox/oauth/rotate             new signing keys; ?drop=true: the old ones are gone at once
//	POST   /_sandbox/oauth/mint               a token made to order, spoilt ones too: see oauthprovider.Mint
//
// The systems and their magic inputs:
//
//	botservice  POST /botservice/api/saleorder/v1/portability   portability   see package botservice
//	            GET  /botservice/api/saleorder/v1/portability   inquiry
//	inventory   GET  /inventory/mss/v1/connections/{connection} service       see package inventory
//	            GET  /inventory/mss/v1/connections/{connection}/titular  holder
//	            GET  /inventory/mss/v1/cuentas/{cuenta}/television  television_subscriber; canales, servicios, equipos
//	orders      POST /orders/om/v1/reconexiones                 create        see package orders
//	            GET  /orders/om/v1/reconexiones                 find
//	            GET  /orders/om/v1/ordenes/{numero}             order
//	            GET  /orders/om/v1/lineas/{conexion}/facturacion  billing
//	pqr         POST /pqr/pqr/v1/casos                          create        see package pqr
//	            GET  /pqr/pqr/v1/casos                          find
//	            GET  /pqr/pqr/v1/casos/{numero}                 case
//	subscriber  GET  /subscriber/abonados/v1/lineas/{msisdn}    line          see package subscriber
//	            GET  /subscriber/abonados/v1/eventos            events
//	tvplatforms /tvplatforms/ftth/asap/v1/suscriptores/{cuenta}/…  ftth_channels, ftth_channels_change, …; see package tvplatforms
//	            /tvplatforms/hfc/hfc/{abonado|canales|servicios|decos}/…  hfc_channels, …
//	            /tvplatforms/iptv/iptv/accounts/{account}/…  iptv_channels, …
//	carrierbilling  POST /carrierbilling/dcb/v1/cobros          charge        see package carrierbilling
//	            GET  /carrierbilling/dcb/v1/cobros/{txId}       query
//	            POST /carrierbilling/dcb/v1/cobros/{txId}/devoluciones  refund
//	smsc        POST /smsc/cgi-bin/sendsms                      sendsms       see package smsc
//	            GET  /smsc/cgi-bin/sendsms                      sendsms
//	partner     POST /partner/{partner}/subscriptions           notifySubscription  see package partner
//	            POST /partner/{partner}/charges                 notifyCharge
//	            GET  /partner/{partner}/return                  return
//	mobile      GET  /mobile                                    phone         see package mobile
//	            POST /mobile/sms                                sms
//	            GET  /mobile/proxy                              proxy
//	oauth       POST /oauth2/token                              token         see package oauthprovider
//	            POST /oauth2/introspect                         introspect
//	            POST /oauth2/revoke                             revoke
//	            GET  /oauth2/jwks.json                          jwks
//	            GET  /.well-known/oauth-authorization-server    metadata
//	            GET  /oauth2/attacker/jwks.json                 attacker_jwks
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"puente/test/sandbox/botservice"
	"puente/test/sandbox/carrierbilling"
	"puente/test/sandbox/fault"
	"puente/test/sandbox/inventory"
	"puente/test/sandbox/mobile"
	"puente/test/sandbox/oauthprovider"
	"puente/test/sandbox/orders"
	"puente/test/sandbox/partner"
	"puente/test/sandbox/pqr"
	"puente/test/sandbox/smsc"
	"puente/test/sandbox/subscriber"
	"puente/test/sandbox/tvplatforms"
)

// Config is what a sandbox is started with. The zero value works, without clients.
type Config struct {
	Addr        string                 // for Listen; empty: any free port of 127.0.0.1
	URL         string                 // how clients reach it, and the issuer of its tokens; empty: http:// and the listener's address
	Clients     []oauthprovider.Client // of the authorization server
	Audience    string                 // aud of tokens that no resource was asked for; empty: oauthprovider's default
	TokenLife   time.Duration          // 0: oauthprovider's default
	TokenFormat oauthprovider.Format   // empty: JWT
	Journal     string                 // file in which BotService keeps its ledger over restarts; orders, PQRs, charges and messages are in .orders, .pqr, .carrierbilling and .smsc beside it; empty: memory only
	Now         func() time.Time       // the systems' clock; nil: time.Now
	Clock       *Clock                 // the business clock of the program under test; nil: /_sandbox/clock is not found
	Requests    int                    // how many requests to remember; 0: 100,000, of 256 MiB in all
	Logger      *slog.Logger           // nil: silent
}

// System is what the host wants of the double of a third-party system.
type System interface {
	// Name is how faults, requests and ledgers call the system.
	Name() string
	// Mount declares every operation: its name, its pattern for http.ServeMux and its handler.
	Mount(operation func(name, pattern string, handler http.HandlerFunc))
	// Ledger is what the system did since the start or the last Reset, as a value for JSON.
	Ledger() any
	// Reset forgets it.
	Reset() error
}

// controller is a System with controls of its own below /_sandbox.
type controller interface {
	Controls(control func(pattern string, handler http.HandlerFunc))
}

// issuer is a System that must know the sandbox's URL.
type issuer interface{ SetIssuer(url string) }

// Sandbox is the host. Its exported members are the systems, for tests that look inside.
type Sandbox struct {
	BotService     *botservice.Service
	Inventory      *inventory.Service
	Orders         *orders.Service
	PQR            *pqr.Service
	Subscriber     *subscriber.Service
	TVPlatforms    *tvplatforms.Service
	CarrierBilling *carrierbilling.Service
	SMSC           *smsc.Service
	Partner        *partner.Service
	Mobile         *mobile.Service
	OAuth          *oauthprovider.Provider

	cfg      Config
	log      *slog.Logger
	systems  []System
	routes   []Route
	recorder *recorder
	faults   *plan
	handler  http.Handler

	mu    sync.Mutex
	url   string
	epoch context.Context // ends at the next reset or close, and with it every wait of a fault
	end   context.CancelFunc
	done  bool // closed: no new epoch
}

// Route is an operation of a system.
type Route struct {
	System    string `json:"system"`
	Operation string `json:"operation"`
	Pattern   string `json:"pattern"` // of http.ServeMux: method and path
}

// New mounts every system. A sandbox that is not served must be closed.
func New(cfg Config) (*Sandbox, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	var opened []io.Closer
	fail := func(err error) (*Sandbox, error) {
		errs := []error{fmt.Errorf("sandbox: %w", err)}
		for _, c := range opened {
			errs = append(errs, c.Close())
		}
		return nil, errors.Join(errs...)
	}
	bot, err := botservice.New(botservice.Config{Journal: cfg.Journal, Now: cfg.Now})
	if err != nil {
		return fail(err)
	}
	opened = append(opened, bot)
	lines := inventory.New(cfg.Now)
	om, err := orders.New(orders.Config{Lines: lines, Journal: beside(cfg.Journal, ".orders"), Now: cfg.Now})
	if err != nil {
		return fail(err)
	}
	opened = append(opened, om)
	cases, err := pqr.New(pqr.Config{Lines: lines, Journal: beside(cfg.Journal, ".pqr"), Now: cfg.Now})
	if err != nil {
		return fail(err)
	}
	opened = append(opened, cases)
	dcb, err := carrierbilling.New(carrierbilling.Config{Journal: beside(cfg.Journal, ".carrierbilling"), Now: cfg.Now})
	if err != nil {
		return fail(err)
	}
	opened = append(opened, dcb)
	sms, err := smsc.New(smsc.Config{Journal: beside(cfg.Journal, ".smsc"), Now: cfg.Now})
	if err != nil {
		return fail(err)
	}
	opened = append(opened, sms)
	oauth, err := oauthprovider.New(oauthprovider.Config{
		Clients: cfg.Clients, Audience: cfg.Audience, TokenLife: cfg.TokenLife, TokenFormat: cfg.TokenFormat, Now: cfg.Now,
	})
	if err != nil {
		return fail(err)
	}
	directory, television := subscriber.New(cfg.Now), tvplatforms.New(cfg.Now)
	partners, phones := partner.New(cfg.Now), mobile.New(cfg.Now, sms)
	s := newHost(cfg, bot, lines, om, cases, directory, television, dcb, sms, partners, phones, oauth)
	s.BotService, s.Inventory, s.Orders, s.PQR, s.OAuth = bot, lines, om, cases, oauth
	s.Subscriber, s.TVPlatforms, s.CarrierBilling, s.SMSC, s.Partner, s.Mobile = directory, television, dcb, sms, partners, phones
	return s, nil
}

// beside is the file of another ledger beside that at path; none where that is none.
func beside(path, suffix string) string {
	if path == "" {
		return ""
	}
	return path + suffix
}

// newHost is the sandbox of the given systems.
func newHost(cfg Config, systems ...System) *Sandbox {
	s := &Sandbox{
		cfg: cfg, log: cfg.Logger, systems: systems,
		recorder: newRecorder(cfg.Requests), faults: newPlan(),
	}
	s.epoch, s.end = context.WithCancel(context.Background())
	s.setURL(cfg.URL)
	s.handler = s.mount()
	return s
}

// Handler serves the systems and the controls.
func (s *Sandbox) Handler() http.Handler { return s.handler }

// URL is how clients reach the sandbox; empty before Listen or Serve unless it was configured.
func (s *Sandbox) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url
}

// setURL takes the sandbox's URL from the first who knows it.
func (s *Sandbox) setURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.url != "" || url == "" {
		return
	}
	s.url = url
	for _, system := range s.systems {
		if i, ok := system.(issuer); ok {
			i.SetIssuer(url)
		}
	}
}

// Requests are those received that match, oldest first.
func (s *Sandbox) Requests(match Filter) []Request { return s.recorder.requests(match) }

// Await waits until the requests that match are enough, and returns them: a test's way to see that a
// call has arrived, or that its caller has left.
func (s *Sandbox) Await(ctx context.Context, match Filter, enough func([]Request) bool) ([]Request, error) {
	return s.recorder.await(ctx, match, enough)
}

// SetFault makes an operation misbehave until the fault's times are used up or it is cleared. The
// error is a problem.Invalid that names the member at fault.
func (s *Sandbox) SetFault(f fault.Fault) error {
	if err := f.Validate(); err != nil {
		return err
	}
	if err := s.knows(f.System, f.Operation); err != nil {
		return err
	}
	s.faults.set(f)
	return nil
}

// Faults are those that are set, in order.
func (s *Sandbox) Faults() []ActiveFault { return s.faults.list() }

// ClearFaults clears those of a system, or all where system is empty. Requests that hang go on
// hanging: their caller ends them.
func (s *Sandbox) ClearFaults(system string) { s.faults.clear(system) }

// Ledger is what the named system did; the error is a problem.NotFound.
func (s *Sandbox) Ledger(system string) (any, error) {
	for _, candidate := range s.systems {
		if candidate.Name() == system {
			return candidate.Ledger(), nil
		}
	}
	return nil, s.unknownSystem()
}

// Reset forgets requests, faults and ledgers, and ends the requests that hang or wait.
func (s *Sandbox) Reset() error {
	s.faults.clear("")
	s.release(false)
	var errs []error
	for _, system := range s.systems {
		if err := system.Reset(); err != nil {
			errs = append(errs, fmt.Errorf("sandbox: reset %s: %w", system.Name(), err))
		}
	}
	s.recorder.clear()
	return errors.Join(errs...)
}

// Close ends the requests that hang or wait, and closes the systems' files.
func (s *Sandbox) Close() error {
	s.release(true)
	var errs []error
	for _, system := range s.systems {
		if c, ok := system.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// release ends every wait of a fault, for good or only of those that wait now.
func (s *Sandbox) release(forGood bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
	s.done = s.done || forGood
	if !s.done {
		s.epoch, s.end = context.WithCancel(context.Background())
	}
}

// current is the context of the waits that begin now.
func (s *Sandbox) current() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}
