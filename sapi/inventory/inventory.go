// Package inventory wraps the operator's service inventory (MSS): what a connection is, and whose, and what
// television an account has.
//
//	GET /mss/v1/connections/{connection}
//	GET /mss/v1/connections/{connection}/titular
//	GET /mss/v1/cuentas/{cuenta}/television
//	GET /mss/v1/cuentas/{cuenta}/canales
//	GET /mss/v1/cuentas/{cuenta}/servicios
//	GET /mss/v1/cuentas/{cuenta}/equipos
package inventory

import (
	"errors"
	"time"

	"puente/contracts/sapi/inventory"
	"puente/shared/config"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/shared/server"
)

// API is the declaration that the layer lists.
var API = server.API{Contract: &inventory.Contract, Mount: mount}

// Config is section sapi.inventory.
type Config struct {
	HTTP  httpclient.Config `yaml:"http"`
	Token config.Secret     `yaml:"token"` // the inventory's API key, if it wants one
}

// Validate joins all that is wrong.
func (c *Config) Validate() error {
	errs := []error{c.HTTP.Validate()}
	if c.HTTP.URL == "" {
		errs = append(errs, errors.New("http.url: is required"))
	}
	return errors.Join(errs...)
}

// defaults: every reconnection asks twice before anything else, so that a look-up may take little of
// its 5 s. An attempt that hangs leaves time for another.
func defaults() Config {
	return Config{HTTP: httpclient.Config{
		Timeout: 1200 * time.Millisecond, AttemptTimeout: 600 * time.Millisecond, Retries: 1,
		MaxResponse: 64 << 10, Bulkhead: httpclient.Bulkhead{Max: 128},
	}}
}

// target names the inventory in metrics, logs and the trail of errors.
const target = "inventory"

// system is the inventory, as this package knows it.
type system struct {
	connection, holder                      *httpclient.JSON
	subscriber, channels, services, devices *httpclient.JSON // of an account's television
}

func newSystem(out *httpclient.Client) *system {
	s := &system{
		connection: out.JSON("getConnection", httpclient.Safe, "GET /mss/v1/connections/{}"),
		holder:     out.JSON("getHolder", httpclient.Safe, "GET /mss/v1/connections/{}/titular"),
		subscriber: out.JSON("getTelevision", httpclient.Safe, "GET /mss/v1/cuentas/{}/television"),
		channels:   out.JSON("getChannels", httpclient.Safe, "GET /mss/v1/cuentas/{}/canales"),
		services:   out.JSON("getServices", httpclient.Safe, "GET /mss/v1/cuentas/{}/servicios"),
		devices:    out.JSON("getDevices", httpclient.Safe, "GET /mss/v1/cuentas/{}/equipos"),
	}
	for _, television := range []*httpclient.JSON{s.subscriber, s.channels, s.services, s.devices} {
		television.Refusal = refused
	}
	return s
}

func mount(env *server.Env) error {
	cfg := defaults()
	if err := env.Config(&cfg); err != nil {
		return err
	}
	s := newSystem(env.ExternalWith(target, cfg.HTTP, httpclient.Bearer(cfg.Token)))
	server.Handle(env, inventory.QueryService, s.Service)
	server.Handle(env, inventory.QueryHolder, s.Holder)
	server.Handle(env, inventory.QueryTelevisionSubscriber, s.TelevisionSubscriber)
	server.Handle(env, inventory.QueryTelevisionChannels, s.TelevisionChannels)
	server.Handle(env, inventory.QueryTelevisionServices, s.TelevisionServices)
	server.Handle(env, inventory.QueryTelevisionDevices, s.TelevisionDevices)
	return nil
}

// malformed is the error of an answer that is JSON and not what the inventory promises.
func malformed(what string) error {
	return problem.Errorf(problem.BadUpstream, "inventory: the answer has %s", what).Caused(target)
}
