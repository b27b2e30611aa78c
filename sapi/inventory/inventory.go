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
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

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
	HTTP       httpclient.Config `yaml:"http"`
	Television httpclient.Config `yaml:"television"` // of what television an account has; without url: that of http
	Token      config.Secret     `yaml:"token"`      // the inventory's API key, if it wants one
}

// Validate joins all that is wrong.
func (c *Config) Validate() error {
	errs := []error{c.HTTP.Validate()}
	if c.HTTP.URL == "" {
		errs = append(errs, errors.New("http.url: is required"))
	}
	if err := c.Television.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("television: %w", err))
	}
	return errors.Join(errs...)
}

// defaults: every reconnection asks twice before anything else, so that a look-up may take little of
// its 5 s. A validation of television has 30 s. An attempt that hangs leaves time for another. Television has
// circuit and bulkhead of its own: while it hangs, reconnections go on.
func defaults() Config {
	return Config{
		HTTP: httpclient.Config{
			Timeout: 1200 * time.Millisecond, AttemptTimeout: 600 * time.Millisecond, Retries: 1,
			MaxResponse: 64 << 10, Bulkhead: httpclient.Bulkhead{Max: 128},
		},
		Television: httpclient.Config{
			Timeout: 4 * time.Second, AttemptTimeout: 2 * time.Second, Retries: 1,
			MaxResponse: 256 << 10, Bulkhead: httpclient.Bulkhead{Max: 256}, // a validation asks four times at once
		},
	}
}

// The names of the inventory, and of what it has of television, in metrics, logs and the trail of errors.
const (
	target           = "inventory"
	televisionTarget = "television"
)

// system is the inventory, as this package knows it.
type system struct {
	connection, holder                      *httpclient.JSON
	subscriber, channels, services, devices *httpclient.JSON // of an account's television
}

func newSystem(out, television *httpclient.Client) *system {
	s := &system{
		connection: out.JSON("getConnection", httpclient.Safe, "GET /mss/v1/connections/{}"),
		holder:     out.JSON("getHolder", httpclient.Safe, "GET /mss/v1/connections/{}/titular"),
		subscriber: television.JSON("getTelevision", httpclient.Safe, "GET /mss/v1/cuentas/{}/television"),
		channels:   television.JSON("getChannels", httpclient.Safe, "GET /mss/v1/cuentas/{}/canales"),
		services:   television.JSON("getServices", httpclient.Safe, "GET /mss/v1/cuentas/{}/servicios"),
		devices:    television.JSON("getDevices", httpclient.Safe, "GET /mss/v1/cuentas/{}/equipos"),
	}
	for _, asked := range []*httpclient.JSON{s.subscriber, s.channels, s.services, s.devices} {
		asked.Absent, asked.Refusal = absent, refused
	}
	s.connection.Absent, s.holder.Absent = absent, absent
	return s
}

func mount(env *server.Env) error {
	cfg := defaults()
	if err := env.Config(&cfg); err != nil {
		return err
	}
	if cfg.Television.URL == "" {
		cfg.Television.URL = cfg.HTTP.URL
	}
	credentials := httpclient.Bearer(cfg.Token)
	s := newSystem(env.ExternalWith(target, cfg.HTTP, credentials), env.ExternalWith(televisionTarget, cfg.Television, credentials))
	server.Handle(env, inventory.QueryService, s.Service)
	server.Handle(env, inventory.QueryHolder, s.Holder)
	server.Handle(env, inventory.QueryTelevisionSubscriber, s.TelevisionSubscriber)
	server.Handle(env, inventory.QueryTelevisionChannels, s.TelevisionChannels)
	server.Handle(env, inventory.QueryTelevisionServices, s.TelevisionServices)
	server.Handle(env, inventory.QueryTelevisionDevices, s.TelevisionDevices)
	return nil
}

// absent is the inventory's own word that it has no such connection or account. Whoever asked is refused for
// good by it: a 404 in a gateway's words does not say it.
func absent(text []byte) bool {
	var told rejection
	return len(bytes.TrimSpace(text)) == 0 || json.Unmarshal(text, &told) == nil && told.Code == "NO_EXISTE"
}

// malformed is the error of an answer that is JSON and not what the inventory promises.
func malformed(system, what string) error {
	return problem.Errorf(problem.BadUpstream, "%s: the answer has %s", system, what).Caused(system)
}
