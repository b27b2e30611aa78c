// Package subscriber wraps the operator's line directory: what a mobile number is now, and what became of
// numbers since.
//
//	GET /abonados/v1/lineas/{msisdn}
//	GET /abonados/v1/eventos?desde=…&limite=…
package subscriber

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"puente/contracts/sapi/subscriber"
	"puente/shared/config"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/shared/server"
)

// API is the declaration that the layer lists.
var API = server.API{Contract: &subscriber.Contract, Mount: mount}

// Config is section sapi.subscriber. Without http.url there is no directory: who has no use for one need
// not configure it.
type Config struct {
	HTTP     httpclient.Config `yaml:"http"`
	Events   httpclient.Config `yaml:"events"`   // of what became of lines; without url: that of http
	Token    config.Secret     `yaml:"token"`    // the directory's API key, if it wants one
	Operator string            `yaml:"operator"` // whose directory it is, by its own name for it
}

// Validate joins all that is wrong.
func (c *Config) Validate() error {
	errs := []error{c.HTTP.Validate()}
	if err := c.Events.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("events: %w", err))
	}
	if c.HTTP.URL == "" && c.Events.URL != "" {
		errs = append(errs, errors.New("http.url: is required beside events.url"))
	}
	if !operatorName.MatchString(c.Operator) {
		errs = append(errs, errors.New("operator: must be 1 to 32 of A-Z, 0-9, _ and -"))
	}
	return errors.Join(errs...)
}

// defaults: a look-up stands before a PIN and before a charge, and has 2 s; an attempt that hangs leaves
// time for another. Events have circuit and bulkhead of their own: while they hang, look-ups go on.
func defaults() Config {
	return Config{
		HTTP: httpclient.Config{
			Timeout: 2 * time.Second, AttemptTimeout: time.Second, Retries: 1,
			MaxResponse: 64 << 10, Bulkhead: httpclient.Bulkhead{Max: 128},
		},
		Events: httpclient.Config{
			Timeout: 4 * time.Second, AttemptTimeout: 2 * time.Second, Retries: 1,
			MaxResponse: 512 << 10, Bulkhead: httpclient.Bulkhead{Max: 8},
		},
		Operator: "ENTEL",
	}
}

// The names of the directory, and of its events, in metrics, logs and the trail of errors.
const (
	target       = "subscriber"
	eventsTarget = "subscriber_events"
)

// Names and numbers as the contract has them, for a typed caller passes no contract check and the
// directory none at all.
var (
	operatorName = regexp.MustCompile(`^[A-Z0-9_-]{1,32}$`)
	number       = regexp.MustCompile(`^[0-9]{8,15}$`)
)

// maxEpoch is the longest owner epoch that the contract has.
const maxEpoch = 64

// system is the directory, as this package knows it.
type system struct {
	operator     string
	line, events *httpclient.JSON // nil: there is no directory
}

func newSystem(operator string, out, events *httpclient.Client) *system {
	s := &system{
		operator: operator,
		line:     out.JSON("getLine", httpclient.Safe, "GET /abonados/v1/lineas/{}"),
		events:   events.JSON("getEvents", httpclient.Safe, "GET /abonados/v1/eventos"),
	}
	s.line.Absent, s.events.Refusal = absent, refused
	return s
}

func mount(env *server.Env) error {
	cfg := defaults()
	if err := env.Config(&cfg); err != nil {
		return err
	}
	if cfg.Events.URL == "" {
		cfg.Events.URL = cfg.HTTP.URL
	}
	s := &system{}
	if cfg.HTTP.URL != "" {
		credentials := httpclient.Bearer(cfg.Token)
		s = newSystem(cfg.Operator, env.ExternalWith(target, cfg.HTTP, credentials), env.ExternalWith(eventsTarget, cfg.Events, credentials))
	}
	server.Handle(env, subscriber.QueryLine, s.Line)
	server.Handle(env, subscriber.QueryLineEvents, s.LineEvents)
	return nil
}

// noDirectory fails closed: a line that nobody can look up is not known to be good.
func noDirectory() error {
	return &problem.Error{Kind: problem.Unavailable, Code: subscriber.CodeNoDirectory, Detail: "No line directory is configured"}
}

func invalid(path, rule string) error {
	return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: path, Rule: rule}}}
}

// malformed is the error of an answer that is JSON and not what the directory promises.
func malformed(system, what string) error {
	return problem.Errorf(problem.BadUpstream, "%s: the answer has %s", system, what).Caused(system)
}
