// Package oauth2 wraps the external OAuth 2.0 provider that issues the channels' access tokens. A
// token is verified by its signature and claims (RFC 9068, keys by JWKS) or by asking the provider
// (RFC 7662).
package oauth2

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"puente/contracts/sapi/oauth2"
	"puente/shared/config"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/shared/server"
)

// API is the declaration that the layer lists.
var API = server.API{Contract: &oauth2.Contract, Mount: mount}

// Config is section sapi.oauth2.
type Config struct {
	HTTP          httpclient.Config   `yaml:"http"`
	Issuer        string              `yaml:"issuer"`   // that tokens must name
	Audience      string              `yaml:"audience"` // that tokens must name, unless the caller asks for another
	Leeway        time.Duration       `yaml:"leeway"`   // by which clocks may differ; at most 60 s
	MaxLife       time.Duration       `yaml:"maxLife"`  // longest life of a token that is accepted
	JWKS          JWKSConfig          `yaml:"jwks"`
	Introspection IntrospectionConfig `yaml:"introspection"`
}

// JWKSConfig says where the provider's keys are and how long they count.
type JWKSConfig struct {
	Path    string        `yaml:"path"`
	Refresh time.Duration `yaml:"refresh"` // they are read again after this
	Stale   time.Duration `yaml:"stale"`   // and count for so long when the provider is away
	Pause   time.Duration `yaml:"pause"`   // between two readings in the long run, whatever unknown keys tokens name
}

// IntrospectionConfig says where the provider answers, and who asks.
type IntrospectionConfig struct {
	Path     string        `yaml:"path"`
	Client   string        `yaml:"client"`
	Secret   config.Secret `yaml:"secret"`
	Optional []string      `yaml:"optional"` // aud, iss: what the provider never names, and so need not; default none
}

// Validate joins all that is wrong.
func (c *Config) Validate() error {
	errs := []error{c.HTTP.Validate()}
	check := func(ok bool, rule string) {
		if !ok {
			errs = append(errs, errors.New(rule))
		}
	}
	check(c.HTTP.URL != "", "http.url: is required")
	check(c.Issuer != "", "issuer: is required")
	check(c.Audience != "", "audience: is required")
	check(c.Leeway >= 0 && c.Leeway <= time.Minute, "leeway: must be between 0s and 60s")
	check(c.MaxLife > 0, "maxLife: must be positive")
	check(c.JWKS.Refresh > 0 && c.JWKS.Stale >= c.JWKS.Refresh && c.JWKS.Pause > 0, "jwks: refresh and pause must be positive, stale at least refresh")
	for i, claim := range c.Introspection.Optional {
		check(claim == "aud" || claim == "iss", fmt.Sprintf("introspection.optional[%d]: must be aud or iss", i))
	}
	return errors.Join(errs...)
}

// system is the provider, as this package knows it.
type system struct {
	cfg        Config
	url        string
	keys       *keySet
	introspect http.RoundTripper
}

func defaults() Config {
	return Config{
		HTTP:   httpclient.Config{Timeout: 1500 * time.Millisecond, Retries: 1, MaxResponse: 256 << 10},
		Leeway: 30 * time.Second, MaxLife: 24 * time.Hour,
		JWKS:          JWKSConfig{Path: "/oauth2/jwks.json", Refresh: 5 * time.Minute, Stale: 24 * time.Hour, Pause: 5 * time.Second},
		Introspection: IntrospectionConfig{Path: "/oauth2/introspect"},
	}
}

func newSystem(cfg Config, out *httpclient.Client) *system {
	return &system{
		cfg: cfg, url: out.URL(),
		keys:       newKeySet(out.Operation("getKeys", httpclient.Safe), out.URL()+cfg.JWKS.Path, cfg.JWKS),
		introspect: out.Operation("introspect", httpclient.Safe),
	}
}

func mount(env *server.Env) error {
	cfg := defaults()
	if err := env.Config(&cfg); err != nil {
		return err
	}
	s := newSystem(cfg, env.External("oauth2-provider", cfg.HTTP))
	server.Handle(env, oauth2.VerifyToken, s.Verify)
	return nil
}

// Verify tells whether a token is valid now. It fails, as Unavailable, only where nobody can tell.
func (s *system) Verify(ctx context.Context, in oauth2.Verification) (oauth2.Verdict, error) {
	audience := in.Audience
	if audience == "" {
		audience = s.cfg.Audience
	}
	switch in.Method {
	case oauth2.MethodJWT:
		return s.verifyJWT(ctx, in.Token, audience)
	case oauth2.MethodIntrospection:
		return s.askProvider(ctx, in.Token, audience)
	}
	return oauth2.Verdict{}, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "method", Rule: "must be one of the contract's"}}}
}

// cannotTell is the error of a question that the provider did not answer.
func cannotTell(err error) error {
	e := &problem.Error{Kind: problem.Unavailable, RetryAfter: 2 * time.Second, Err: err}
	return e.Caused("oauth2-provider")
}

// inactive is the verdict on a token that is not valid, with a reason for log and audit.
func inactive(reason string) oauth2.Verdict { return oauth2.Verdict{Reason: reason} }
