// Package pqr wraps the operator's register of petitions, complaints and claims (peticiones, quejas y
// recursos).
//
//	POST /pqr/v1/casos
//	GET  /pqr/v1/casos?referencia=
//	GET  /pqr/v1/casos/{number}
//
// The register files a case as often as it is told to. It is told exactly once per call; see package
// orders.
package pqr

import (
	"errors"
	"time"

	"puente/contracts/sapi/pqr"
	"puente/shared/config"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/shared/server"
)

// API is the declaration that the layer lists.
var API = server.API{Contract: &pqr.Contract, Mount: mount}

// Config is section sapi.pqr.
type Config struct {
	HTTP  httpclient.Config `yaml:"http"`
	Token config.Secret     `yaml:"token"` // the register's API key, if it wants one
}

// Validate joins all that is wrong.
func (c *Config) Validate() error {
	errs := []error{c.HTTP.Validate()}
	if c.HTTP.URL == "" {
		errs = append(errs, errors.New("http.url: is required"))
	}
	return errors.Join(errs...)
}

// defaults: a case gets half of the 5 s that a reconnection has, in one attempt.
func defaults() Config {
	return Config{HTTP: httpclient.Config{
		Timeout: 2500 * time.Millisecond, Retries: 1, // of look-ups that fail at once
		MaxResponse: 64 << 10, Bulkhead: httpclient.Bulkhead{Max: 64},
	}}
}

// target names the register in metrics, logs and the trail of errors.
const target = "pqr"

// system is the register, as this package knows it.
type system struct {
	create *httpclient.JSON // exactly one attempt
	find   *httpclient.JSON
	get    *httpclient.JSON
}

func newSystem(out *httpclient.Client) *system {
	return &system{
		create: out.JSON("createCase", httpclient.Once, "POST /pqr/v1/casos"),
		find:   out.JSON("findCase", httpclient.Safe, "GET /pqr/v1/casos"),
		get:    out.JSON("getCase", httpclient.Safe, "GET /pqr/v1/casos/{}"),
	}
}

func mount(env *server.Env) error {
	cfg := defaults()
	if err := env.Config(&cfg); err != nil {
		return err
	}
	s := newSystem(env.ExternalWith(target, cfg.HTTP, httpclient.Bearer(cfg.Token)))
	server.Handle(env, pqr.CreatePQR, s.Create)
	server.Handle(env, pqr.FindPQR, s.Find)
	server.Handle(env, pqr.QueryPQR, s.PQR)
	return nil
}

// malformed is the error of an answer that is JSON and not what the register promises.
func malformed(what string) error {
	return problem.Errorf(problem.BadUpstream, "pqr: the answer has %s", what).Caused(target)
}
