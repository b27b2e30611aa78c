// Package orders wraps the operator's order management (OM), and the billing view of a line that goes
// with it.
//
//	POST /om/v1/reconexiones
//	GET  /om/v1/reconexiones?referencia=
//	GET  /om/v1/ordenes/{number}
//	GET  /om/v1/lineas/{connection}/facturacion
//
// The order management files an order as often as it is told to. It is told exactly once per call;
// that nobody calls twice is the concern of the process above, which asks by reference for what it
// does not know.
package orders

import (
	"errors"
	"fmt"
	"time"

	"puente/contracts/sapi/orders"
	"puente/shared/config"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/shared/server"
)

// API is the declaration that the layer lists.
var API = server.API{Contract: &orders.Contract, Mount: mount}

// Config is section sapi.orders.
type Config struct {
	HTTP    httpclient.Config `yaml:"http"`
	Billing httpclient.Config `yaml:"billing"` // of the billing view; without url: that of http
	Token   config.Secret     `yaml:"token"`   // the order management's API key, if it wants one
}

// Validate joins all that is wrong.
func (c *Config) Validate() error {
	errs := []error{c.HTTP.Validate()}
	if c.HTTP.URL == "" {
		errs = append(errs, errors.New("http.url: is required"))
	}
	if err := c.Billing.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("billing: %w", err))
	}
	return errors.Join(errs...)
}

// defaults: an order gets half of the 5 s that a reconnection has, in one attempt. The billing view is
// a look-up before it, with circuit and bulkhead of its own: while it hangs, orders go on.
func defaults() Config {
	return Config{
		HTTP: httpclient.Config{
			Timeout: 2500 * time.Millisecond, Retries: 1, // of look-ups that fail at once
			MaxResponse: 64 << 10, Bulkhead: httpclient.Bulkhead{Max: 128},
		},
		Billing: httpclient.Config{
			Timeout: 1200 * time.Millisecond, AttemptTimeout: 600 * time.Millisecond, Retries: 1,
			MaxResponse: 64 << 10, Bulkhead: httpclient.Bulkhead{Max: 128},
		},
	}
}

// The names of the order management and of its billing view in metrics, logs and the trail of errors.
const (
	target        = "orders"
	billingTarget = "billing"
)

// system is the order management, as this package knows it.
type system struct {
	create  *httpclient.JSON // exactly one attempt
	find    *httpclient.JSON
	order   *httpclient.JSON
	billing *httpclient.JSON
}

func newSystem(out, billing *httpclient.Client) *system {
	s := &system{
		create:  out.JSON("createReconnection", httpclient.Once, "POST /om/v1/reconexiones"),
		find:    out.JSON("findReconnection", httpclient.Safe, "GET /om/v1/reconexiones"),
		order:   out.JSON("getOrder", httpclient.Safe, "GET /om/v1/ordenes/{}"),
		billing: billing.JSON("getBilling", httpclient.Safe, "GET /om/v1/lineas/{}/facturacion"),
	}
	s.create.Refusal = notPossible
	return s
}

func mount(env *server.Env) error {
	cfg := defaults()
	if err := env.Config(&cfg); err != nil {
		return err
	}
	if cfg.Billing.URL == "" {
		cfg.Billing.URL = cfg.HTTP.URL
	}
	credentials := httpclient.Bearer(cfg.Token)
	s := newSystem(env.ExternalWith(target, cfg.HTTP, credentials), env.ExternalWith(billingTarget, cfg.Billing, credentials))
	server.Handle(env, orders.CreateReconnection, s.Reconnect)
	server.Handle(env, orders.FindReconnection, s.Reconnection)
	server.Handle(env, orders.QueryOrder, s.Order)
	server.Handle(env, orders.QueryBilling, s.Billing)
	return nil
}

// malformed is the error of an answer that is JSON and not what the system promises.
func malformed(system, what string) error {
	return problem.Errorf(problem.BadUpstream, "%s: the answer has %s", system, what).Caused(system)
}

func missing(path string) error {
	return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: path, Rule: "is required"}}}
}
