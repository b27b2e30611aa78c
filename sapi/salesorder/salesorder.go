// Package salesorder wraps BotService's portability resource (source document: API Portabilidades
// v1, system layer): POST and GET /api/saleorder/v1/portability.
//
// BotService files a port-in as often as it is told to, and each NIP it makes costs an SMS. So
// this package writes down what it is about to send before it sends it: a port-in goes out at most
// once per phone, order and NIP, a phone gets a limited number of NIPs, and a call whose outcome
// is unknown is resolved by asking BotService, never by sending again.
package salesorder

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/http"
	"time"

	"puente/contracts/sapi/salesorder"
	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/httpclient"
	"puente/shared/keyring"
	"puente/shared/problem"
	"puente/shared/server"
)

//go:embed sql/migrations/*.sql
var migrations embed.FS

// API is the declaration that the layer lists.
var API = server.API{
	Contract:   &salesorder.Contract,
	Mount:      mount,
	Migrations: []database.Migrations{{Schema: "salesorder", FS: database.Files(migrations)}},
	Lasting:    []string{"salesorder.port_ins"},
}

// Config is section sapi.salesorder.
type Config struct {
	HTTP   httpclient.Config `yaml:"http"`
	Token  config.Secret     `yaml:"token"` // BotService's API key, if it wants one
	NIP    NIPConfig         `yaml:"nip"`
	PortIn PortInConfig      `yaml:"portIn"`
}

// NIPConfig limits the NIPs of one phone.
type NIPConfig struct {
	Requests int           `yaml:"requests"`
	Window   time.Duration `yaml:"window"`
}

// PortInConfig says how unknown outcomes are resolved, and how long what that takes is kept.
type PortInConfig struct {
	Settle  time.Duration `yaml:"settle"`  // after an attempt ended, until BotService's "not there" is believed
	Inquire time.Duration `yaml:"inquire"` // how often open port-ins are asked for
	Keep    time.Duration `yaml:"keep"`    // after a port-in was settled, until its phone, order and NIP are dropped; its guard stays
}

// Validate joins all that is wrong.
func (c *Config) Validate() error {
	var errs []error
	if c.HTTP.URL == "" {
		errs = append(errs, errors.New("http.url: is required"))
	}
	if c.NIP.Requests < 1 || c.NIP.Window < time.Second || c.NIP.Window > keyLasts {
		errs = append(errs, errors.New("nip: requests must be at least 1 and window from 1s to 24h"))
	}
	if c.PortIn.Settle < 0 || c.PortIn.Inquire < time.Second {
		errs = append(errs, errors.New("portIn: settle must not be negative and inquire must be at least 1s"))
	}
	if c.PortIn.Keep < time.Second {
		errs = append(errs, errors.New("portIn.keep: must be at least 1s"))
	}
	return errors.Join(append(errs, c.HTTP.Validate())...)
}

// system is BotService, as this package knows it.
type system struct {
	cfg  Config
	ring *keyring.Ring
	db   *database.DB
	nips *database.Writer[intention, verdict]

	create  endpoint // exactly one attempt
	inquire endpoint
}

func defaults() Config {
	return Config{
		HTTP:   httpclient.Config{Timeout: 4500 * time.Millisecond, AttemptTimeout: 4500 * time.Millisecond, Retries: 2, MaxResponse: 256 << 10, Bulkhead: httpclient.Bulkhead{Max: 128}},
		NIP:    NIPConfig{Requests: 3, Window: 10 * time.Minute},
		PortIn: PortInConfig{Settle: 10 * time.Second, Inquire: 10 * time.Second, Keep: 400 * 24 * time.Hour},
	}
}

func newSystem(cfg Config, out *httpclient.Client, ring *keyring.Ring, db *database.DB) (*system, error) {
	url := out.URL() + "/api/saleorder/v1/portability"
	create, err := newEndpoint(out.Operation("createPortability", httpclient.Once), http.MethodPost, url)
	if err != nil {
		return nil, err
	}
	inquire, err := newEndpoint(out.Operation("getPortability", httpclient.Safe), http.MethodGet, url)
	if err != nil {
		return nil, err
	}
	s := &system{cfg: cfg, ring: ring, db: db, create: create, inquire: inquire}
	s.nips = database.NewWriter(db, "nip_requests", 64, s.intend)
	return s, nil
}

func mount(env *server.Env) error {
	cfg := defaults()
	if err := env.Config(&cfg); err != nil {
		return err
	}
	s, err := newSystem(cfg, env.ExternalWith(target, cfg.HTTP, httpclient.Bearer(cfg.Token)), env.Keyring(), env.Database())
	if err != nil {
		return err
	}
	if err := env.Registerer().Register(s.openPortIns()); err != nil {
		return err
	}
	env.Every("resolve", cfg.PortIn.Inquire, s.resolve)
	env.Every("forget", time.Hour, s.forget)
	env.Every("prune", time.Hour, s.prune)
	server.Handle(env, salesorder.SubmitPortability, s.Submit)
	return nil
}

// Submit carries out one intent. The rules of the fields that matter here are checked again: a
// typed caller passes no contract check.
func (s *system) Submit(ctx context.Context, in salesorder.Submission) (salesorder.Outcome, error) {
	switch in.Intent {
	case salesorder.IntentStatus:
		return s.status(ctx, in)
	case salesorder.IntentRequestNIP, salesorder.IntentResendNIP:
		if in.Key == "" || in.Phone == "" {
			return salesorder.Outcome{}, missing("key", "phone")
		}
		return s.requestNIP(ctx, in)
	case salesorder.IntentPortIn:
		if in.Key == "" || in.Phone == "" || in.NIP == "" {
			return salesorder.Outcome{}, missing("key", "phone", "nip")
		}
		return s.portIn(ctx, in)
	}
	return salesorder.Outcome{}, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "intent", Rule: "must be one of the contract's"}}}
}

func missing(paths ...string) error {
	e := &problem.Error{Kind: problem.Invalid}
	for _, p := range paths {
		e.Fields = append(e.Fields, problem.Field{Path: p, Rule: "is required"})
	}
	return e
}

// status asks BotService how far the portability of a phone, or of one of its orders, has come.
func (s *system) status(ctx context.Context, in salesorder.Submission) (salesorder.Outcome, error) {
	var found standing
	if err := s.ask(ctx, in.Phone, in.NumOrder, &found); err != nil {
		return salesorder.Outcome{}, fmt.Errorf("status: %w", err)
	}
	return salesorder.Outcome{State: found.State, RequestID: found.RequestID}, nil
}
