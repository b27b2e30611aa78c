package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/admin"
	"puente/shared/audit"
	"puente/shared/contract"
	"puente/shared/database"
	"puente/shared/hop"
	"puente/shared/httpclient"
	"puente/shared/jobs"
	"puente/shared/keyring"
	"puente/shared/policy"
	"puente/shared/problem"
	"puente/shared/telemetry"
	"puente/shared/typology"
)

// Env is what an API gets: only what depends on where it runs.
type Env struct {
	host  *host
	api   *API
	doc   *contract.Document
	left  map[string]bool // operations without a route so far
	wrong []error

	verifier policy.Verifier // of the API's own tokens; nil: it has none

	misread error // what Config returned: it names its keys
}

// Config reads the API's section, <layer>.<name>, over the defaults that dst holds.
func (e *Env) Config(dst any) error {
	e.misread = e.host.tree.Section(e.api.Contract.String(), dst)
	return e.misread
}

// Peer tells how another API is reached: hop.Dialer.
func (e *Env) Peer(c *hop.Contract) hop.Peer {
	if !e.host.hosts(c.Layer) && e.host.layerURL(c.Layer) == "" {
		e.fail(fmt.Errorf("layers.%s.url: is required: %s calls that layer, which is not hosted here", c.Layer, e.api.Contract))
	}
	return e.host.peer(e.api.Contract.Layer, c)
}

// External is the way out to a third-party system: one per system, with its pool, its bulkhead
// and its breakers. Its calls show in the audit record of the hop that makes them.
func (e *Env) External(system string, cfg httpclient.Config) *httpclient.Client {
	return e.ExternalWith(system, cfg, nil)
}

// ExternalWith is External with credentials, set on each attempt.
func (e *Env) ExternalWith(system string, cfg httpclient.Config, credentials func(*http.Request) error) *httpclient.Client {
	return e.external(system, cfg, httpclient.Deps{Credentials: credentials})
}

// ExternalGuarded is External for URLs that come from outside, such as the webhooks of partners:
// guard says which of them may be called. One client serves them all, so it has no breaker.
func (e *Env) ExternalGuarded(system string, cfg httpclient.Config, guard *httpclient.SSRF) *httpclient.Client {
	cfg.Breaker.Off = true
	return e.external(system, cfg, httpclient.Deps{Guard: guard})
}

func (e *Env) external(system string, cfg httpclient.Config, d httpclient.Deps) *httpclient.Client {
	d.API, d.Registerer, d.Logger = e.api.Contract.Name, e.host.registerer, e.host.log
	d.Tracer, d.Observe, d.Propagate = e.host.tracer, observeDependency, propagate
	client := httpclient.New(system, cfg, d)
	e.host.externals = append(e.host.externals, client)
	return client
}

func observeDependency(ctx context.Context, o httpclient.Observation) {
	audit.RecordOf(ctx).AddDependency(audit.Dependency{
		Target: o.Target, Operation: o.Operation, Status: o.Status, Error: o.Error, Micros: o.Duration.Microseconds(), Attempts: o.Attempts,
	})
}

// propagate sends the correlation of ctx and the call's place in its trace with a call out.
func propagate(ctx context.Context, call telemetry.Trace, h http.Header) {
	values := [...]string{telemetry.Correlation(ctx), call.Traceparent()}
	h[hop.CorrelationHeader] = values[:1:1]
	if !call.IsZero() {
		h["Traceparent"] = values[1:]
	}
}

// CallbackURL is where the listener for callbacks is on this machine: good for third-party systems that
// are here, too.
func (e *Env) CallbackURL() string {
	scheme := "http://"
	if e.host.settings.Callbacks.Certificate != "" {
		scheme = "https://"
	}
	return scheme + e.host.addresses.Callbacks
}

// Exposed reports whether others than this machine reach the public APIs, as far as listeners tell.
func (e *Env) Exposed() bool {
	s := &e.host.settings
	return !s.Public.loopback() || s.Plain.Addr != "" && !s.Plain.loopback()
}

// Database is the PostgreSQL that the API's Migrations went to.
func (e *Env) Database() *database.DB { return e.host.db }

// Keyring seals what is secret at rest.
func (e *Env) Keyring() *keyring.Ring { return e.host.ring }

// Tracer makes the spans of what an API does on its own account.
func (e *Env) Tracer() *telemetry.Tracer { return e.host.tracer }

// Jobs is the durable background work of this process.
func (e *Env) Jobs() *jobs.Jobs { return e.host.jobs }

// Instance is the opaque label of this replica.
func (e *Env) Instance() string { return e.host.instance }

// Text is what the typologies tell a system of one of the API's codes.
func (e *Env) Text(system, code string, values typology.Values) problem.Text {
	text, _ := e.host.texts.Snapshot().Find(e.api.Contract.Name, e.api.Texts, system, code)
	return typology.Fill(text, values)
}

// Registerer takes the API's own metrics.
func (e *Env) Registerer() prometheus.Registerer { return e.host.registerer }

// Every runs fn durably each period, once across all replicas that host the API.
func (e *Env) Every(name string, period time.Duration, fn func(context.Context) error) {
	queue := e.api.Contract.String()
	if err := e.host.jobs.Every(queue+"."+name, queue, period, fn); err != nil {
		e.fail(fmt.Errorf("%s: every %s: %w", queue, name, err))
	}
}

// Follower keeps a copy of tables in step with the database, such as a snapshot.Follower.
type Follower interface {
	Load(context.Context) error // makes the copy current
	Run(context.Context) error  // keeps it current until ctx ends
}

// Follow loads f before the first request and keeps it current until the process ends; name is for
// the log.
func (e *Env) Follow(name string, f Follower) {
	if _, twice := e.host.followers[name]; twice {
		e.fail(fmt.Errorf("%s: follow %s: the name is taken", e.api.Contract, name))
		return
	}
	e.host.follow(name, f)
}

// Administer lets operators list, get and apply what the API keeps.
func (e *Env) Administer(resources ...admin.Resource) {
	if err := e.host.admin.Add(resources...); err != nil {
		e.fail(fmt.Errorf("%s: %w", e.api.Contract, err))
	}
}

// Logger is the process's.
func (e *Env) Logger() *slog.Logger { return e.host.log }

// Now is business time: the machine's, and in a demo what its sandbox's clock made of it.
func (e *Env) Now() time.Time { return e.host.clock.Now() }

// claim notes that op has its route.
func (e *Env) claim(op *contract.Operation) bool {
	if !e.left[op.ID] {
		e.fail(fmt.Errorf("%s: operation %s is handled twice or not the contract's", e.api.Contract, op.ID))
		return false
	}
	delete(e.left, op.ID)
	return true
}

func (e *Env) fail(err error) { e.wrong = append(e.wrong, err) }

// publish adds op to the API's listener, behind the policy chain.
func (e *Env) publish(op *contract.Operation, raw bool, serve func(*policy.Exchange)) {
	listener, router := e.api.listener(), e.host.public
	if listener == Callbacks {
		router = e.host.callbacks
	}
	route := &policy.Route{
		Layer: e.api.Contract.Layer, API: e.api.Contract.Name, Operation: op, Raw: raw, Dialect: e.api.dialect(), Verifier: e.verifier, Texts: e.api.Texts,
		Class: class(listener), NotFound: e.api.NotFound,
	}
	chain := e.host.edge.Chain(route, serve)
	router.Handle(op.Method, ginPath(op.Path), chain)
	if op.Plain {
		e.host.plain.Handle(op.Method, ginPath(op.Path), chain)
	}
	if raw && op.Method == http.MethodGet { // pages and files are asked for by their head, too (RFC 9110 §9.3.2)
		router.Handle(http.MethodHead, ginPath(op.Path), chain)
	}
	e.host.routes = append(e.host.routes, publicRoute{
		listener: listener, prefix: staticPrefix(op.Path), notFound: e.api.NotFound,
		unmatched: &policy.Route{Layer: route.Layer, API: route.API, Dialect: route.Dialect, Class: route.Class},
	})
}

// mount gives api its environment and checks that it kept its contract.
func (h *host) mount(api *API) error {
	doc, err := api.Contract.Document()
	if err != nil {
		return err
	}
	env := &Env{host: h, api: api, doc: doc, left: make(map[string]bool)}
	for _, op := range doc.Operations {
		env.left[op.ID] = true
	}
	if api.Verifier != nil {
		if api.listener() != Public {
			env.fail(fmt.Errorf("%s: Verifier: only a public API has tokens", api.Contract))
		}
		env.verifier = api.Verifier(env)
	}
	if err := api.Mount(env); err != nil && errors.Is(err, env.misread) {
		return err
	} else if err != nil {
		return fmt.Errorf("%s: %w", api.Contract, err)
	}
	for _, op := range doc.Operations {
		if env.left[op.ID] {
			env.fail(fmt.Errorf("%s: operation %s of the contract has no route", api.Contract, op.ID))
		}
	}
	return errors.Join(env.wrong...)
}
