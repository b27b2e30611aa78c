// Package carrierbilling wraps the operator's carrier billing (direct carrier billing, DCB).
//
//	POST /dcb/v1/cobros
//	GET  /dcb/v1/cobros/{txId}
//	POST /dcb/v1/cobros/{txId}/devoluciones
//
// The operator charges as often as it is told to. It is told exactly once per call; that nobody calls
// twice for one debt is the concern of the process above, which asks by txId for what it does not know.
// Here it is decided what an error means, since only here is it known whether a byte left: see certain.
package carrierbilling

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"puente/contracts/sapi/carrierbilling"
	"puente/shared/config"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/shared/server"
)

// API is the declaration that the layer lists.
var API = server.API{Contract: &carrierbilling.Contract, Mount: mount}

// Config is section sapi.carrierbilling. Without http.url there is no carrier billing: every call is
// Unavailable.
type Config struct {
	HTTP  httpclient.Config `yaml:"http"`
	Query httpclient.Config `yaml:"query"` // of inquiries; without url: that of http
	Token config.Secret     `yaml:"token"` // the operator's API key, if it wants one
}

// Validate joins all that is wrong.
func (c *Config) Validate() error {
	errs := []error{c.HTTP.Validate()}
	if err := c.Query.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("query: %w", err))
	}
	if c.HTTP.URL == "" && (c.Query.URL != "" || !c.Token.IsZero()) {
		errs = append(errs, errors.New("http.url: is required where query.url or token is given"))
	}
	return errors.Join(errs...)
}

// defaults: a charge gets 10 s in one attempt. Inquiries are how the outcome of a charge that hung is
// found: they have a bulkhead of their own, which such charges do not fill.
func defaults() Config {
	return Config{
		HTTP: httpclient.Config{Timeout: 10 * time.Second, MaxResponse: 256 << 10, Bulkhead: httpclient.Bulkhead{Max: 128}},
		Query: httpclient.Config{
			Timeout: 4500 * time.Millisecond, AttemptTimeout: 2 * time.Second, Retries: 1,
			MaxResponse: 256 << 10, Bulkhead: httpclient.Bulkhead{Max: 128},
		},
	}
}

// The names of the carrier billing and of its inquiries in metrics, logs and the trail of errors.
const (
	target      = "carrierbilling"
	queryTarget = "carrierbilling_query"
)

// system is the carrier billing, as this package knows it.
type system struct {
	charge *httpclient.JSON // exactly one attempt
	refund *httpclient.JSON // exactly one attempt
	query  *httpclient.JSON
}

func newSystem(out, query *httpclient.Client) *system {
	s := &system{
		charge: out.JSON("createCharge", httpclient.Once, "POST /dcb/v1/cobros"),
		refund: out.JSON("createRefund", httpclient.Once, "POST /dcb/v1/cobros/{}/devoluciones"),
		query:  query.JSON("getCharge", httpclient.Safe, "GET /dcb/v1/cobros/{}"),
	}
	s.charge.Refusal = notCharged
	s.refund.Refusal = notRefunded
	s.query.Absent = absent
	return s
}

func mount(env *server.Env) error {
	cfg := defaults()
	if err := env.Config(&cfg); err != nil {
		return err
	}
	if cfg.HTTP.URL == "" {
		server.Handle(env, carrierbilling.CreateCharge, missing[carrierbilling.Order, carrierbilling.Charge])
		server.Handle(env, carrierbilling.QueryCharge, missing[carrierbilling.ChargeQuery, carrierbilling.Charge])
		server.Handle(env, carrierbilling.RefundCharge, missing[carrierbilling.RefundOrder, carrierbilling.Refund])
		return nil
	}
	if cfg.Query.URL == "" {
		cfg.Query.URL = cfg.HTTP.URL
	}
	credentials := httpclient.Bearer(cfg.Token)
	s := newSystem(env.ExternalWith(target, cfg.HTTP, credentials), env.ExternalWith(queryTarget, cfg.Query, credentials))
	server.Handle(env, carrierbilling.CreateCharge, s.Charge)
	server.Handle(env, carrierbilling.QueryCharge, s.Query)
	server.Handle(env, carrierbilling.RefundCharge, s.Refund)
	return nil
}

// missing serves an operation where no carrier billing is configured.
func missing[In, Out any](context.Context, In) (out Out, _ error) {
	return out, &problem.Error{Kind: problem.Unavailable, Detail: "No carrier billing is configured", RetryAfter: time.Minute}
}

// certain is err, of a call that may have charged or given back, in the contract's two sorts. What the
// operator certainly did not see is Unavailable. What it said in its own words, and the patience it asks for
// by a 429, stay what they are. After all else it may have acted, whatever the status of an answer, and that
// is Unknown, or Timeout where none came in time.
func certain(ctx context.Context, err error) error {
	e := problem.Of(err)
	switch {
	case e == nil || e.Code != "":
		return err
	case httpclient.Unsent(err):
		if errors.Is(ctx.Err(), context.Canceled) {
			return err // nobody hears it; that the caller went away is no failure of ours
		}
		return as(problem.Unavailable, e)
	case e.Kind == problem.Unavailable, e.Kind == problem.Timeout:
		return err
	}
	return as(problem.Unknown, e)
}

// as is e as an error of another kind; what it was stays in the log.
func as(kind problem.Kind, e *problem.Error) error {
	if e.Kind == kind {
		return e
	}
	return &problem.Error{Kind: kind, RetryAfter: time.Second, Trail: e.Trail, Err: e}
}

// malformed is the error of an answer that is JSON and not what the operator promises.
func malformed(target, what string) error {
	return problem.Errorf(problem.BadUpstream, "%s: the answer has %s", target, what).Caused(target)
}

var (
	identifier    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$`)
	international = regexp.MustCompile(`^[0-9]{8,15}$`)
	currency      = regexp.MustCompile(`^[A-Z]{3}$`)
)

// broken collects the fields of an input that break the contract. They are checked again here: a typed
// caller passes no contract check, and this is money.
type broken []problem.Field

func (b *broken) unless(holds bool, path, rule string) {
	if !holds {
		*b = append(*b, problem.Field{Path: path, Rule: rule})
	}
}

func (b broken) err() error {
	if len(b) == 0 {
		return nil
	}
	return &problem.Error{Kind: problem.Invalid, Fields: b}
}
