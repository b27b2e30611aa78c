package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/config"
	"puente/shared/hop"
	"puente/shared/telemetry"
)

// Run serves layers until ctx ends, then drains. It returns nil after a clean drain.
//
// The listeners are open from the first moment and answer 503 until configuration, contracts,
// keys and migrations are loaded; whatever is wrong with those ends Run with a message that says
// which key or contract, and where.
func Run(ctx context.Context, cfg Config, layers ...Layer) (err error) {
	h, err := configure(cfg, layers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.shutdown()) }()
	shutdownTracing, err := h.observeItself(ctx, cfg)
	if err != nil {
		return err
	}
	h.onClose(shutdownTracing)
	listeners, err := h.listen()
	if err != nil {
		return err
	}
	if err := h.open(ctx); err != nil {
		return err
	}
	if err := h.mountAll(); err != nil {
		return err
	}
	if cfg.Seed != nil {
		if err := cfg.Seed(ctx, h.access); err != nil {
			return fmt.Errorf("seed: %w", err)
		}
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	defer func() { stop(); work.Wait() }()
	if err := h.start(background, &work, cfg); err != nil {
		return err
	}
	h.serve(listeners)
	h.health.ready.Store(true)
	if cfg.Ready != nil {
		if err := cfg.Ready(h.addresses); err != nil {
			return err
		}
	}
	h.log.InfoContext(ctx, "ready", "public", h.addresses.Public, "plain", h.addresses.Plain, "internal", h.addresses.Internal, "operations", h.addresses.Operations, "callbacks", h.addresses.Callbacks)
	<-ctx.Done()
	return h.drain(listeners)
}

// Check validates configuration and contracts without starting anything.
func Check(cfg Config, layers ...Layer) error {
	_, err := configure(cfg, layers)
	return err
}

// configure reads the whole configuration, loads every contract and rehearses the start.
func configure(cfg Config, layers []Layer) (*host, error) {
	h, err := read(cfg, layers)
	if err != nil {
		return nil, err
	}
	return h, rehearse(cfg.Tree, h.settings, h.hops, layers, h.program)
}

// read reads the configuration of the process itself and loads every contract.
func read(cfg Config, layers []Layer) (*host, error) {
	h := &host{tree: cfg.Tree, settings: defaults(), movable: cfg.Movable, hops: cfg.Hops, layers: layers, program: cfg.Program, registerer: prometheus.NewRegistry(), registry: hop.NewRegistry()}
	if len(h.program) == 0 {
		h.program = layers
	}
	h.settings.Database.URL, h.settings.Redis.URL = config.NewSecret(cfg.DatabaseURL), config.NewSecret(cfg.RedisURL)
	broken := cfg.Tree.Section("", &h.settings)
	errs := []error{broken}
	for _, layer := range layers {
		for i := range layer.APIs {
			_, err := layer.APIs[i].Contract.Document()
			errs = append(errs, err)
		}
	}
	switch h.hops {
	case "":
		h.hops = "typed"
	case "typed", "verify", "http":
	default:
		errs = append(errs, fmt.Errorf("hops: must be typed, verify or http"))
	}
	if broken == nil && len(layers) < 3 && h.settings.Layers.Service.IsZero() {
		errs = append(errs, errors.New("layers.serviceKey: is required where the layers are different processes"))
	}
	for _, name := range []string{"xapi", "papi", "sapi"} {
		if !h.hosts(name) {
			cfg.Tree.Skip(name)
		}
	}
	for _, elsewhere := range []string{"sandbox", "cli"} {
		cfg.Tree.Skip(elsewhere)
	}
	h.policies.Store(&h.settings.Policies)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return h, nil
}

// observeItself starts log, metrics and traces.
func (h *host) observeItself(ctx context.Context, cfg Config) (shutdown func(context.Context) error, err error) {
	out := cfg.Log
	if out == nil {
		out = os.Stderr
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(h.settings.Log.Level)); err != nil {
		return nil, err
	}
	if h.instance = h.settings.Instance; h.instance == "" {
		h.instance = "puente-" + uuid.NewString()[:8]
	}
	lines := telemetry.NewBatch(out)
	h.onClose(func(context.Context) error { lines.Flush(); return nil })
	h.log = telemetry.NewLogger(lines, h.settings.Log.Format, level)
	telemetry.RegisterRuntime(h.registerer)
	h.registerer.MustRegister(h.health.metric())
	h.tracer, shutdown, err = telemetry.Tracing(ctx, telemetry.TraceConfig{Endpoint: h.settings.Trace.Endpoint, Ratio: h.settings.Trace.Ratio, Log: h.log}, h.instance, cfg.Version)
	return shutdown, err
}

// listeners are the open doors of the process; all but operations are nil where nothing hosted needs them.
type listeners struct{ public, plain, callbacks, internal, operations *gate }

// metrics tell of each listener what it has in flight, and until when its certificate is good.
func (l listeners) metrics() []prometheus.Collector {
	var all []prometheus.Collector
	for name, g := range map[string]*gate{"public": l.public, "plain": l.plain, "callbacks": l.callbacks, "internal": l.internal, "ops": l.operations} {
		if g == nil {
			continue
		}
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "server_requests_in_flight", ConstLabels: prometheus.Labels{"listener": name},
			Help: "Requests that the listener has taken and not answered.",
		}, func() float64 { return float64(g.inFlight.Load()) }))
		if g.pair != nil {
			all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "server_certificate_expiry_timestamp_seconds", ConstLabels: prometheus.Labels{"listener": name},
				Help: "When the certificate that the listener serves ends, in Unix time.",
			}, func() float64 { return float64(g.pair.expiry().Unix()) }))
		}
	}
	return all
}

func (h *host) listen() (l listeners, err error) {
	defer func() { h.registerer.MustRegister(l.metrics()...) }()
	s := &h.settings
	if l.operations, err = listen(s.Ops.listenConfig, h.log); err != nil {
		return l, fmt.Errorf("ops: %w", err)
	}
	h.addresses.Operations = l.operations.addr()
	l.operations.open(h.beforehand())
	if h.hosts("xapi") {
		if l.public, err = listen(s.Public, h.log); err != nil {
			return l, fmt.Errorf("public: %w", err)
		}
		h.addresses.Public = l.public.addr()
		if s.Plain.Addr != "" {
			if l.plain, err = listen(s.Plain, h.log); err != nil {
				return l, fmt.Errorf("plain: %w", err)
			}
			h.addresses.Plain = l.plain.addr()
		}
	}
	if h.calledBack() {
		if l.callbacks, err = listen(s.Callbacks.listenConfig, h.log); err != nil {
			return l, fmt.Errorf("callbacks: %w", err)
		}
		h.addresses.Callbacks = l.callbacks.addr()
	}
	if h.hops == "http" || len(h.layers) < 3 && (h.hosts("papi") || h.hosts("sapi")) {
		if l.internal, err = listen(s.Internal, h.log); err != nil {
			return l, fmt.Errorf("internal: %w", err)
		}
		h.addresses.Internal = l.internal.addr()
	}
	return l, nil
}

// mountAll mounts every API.
func (h *host) mountAll() error {
	h.openEdge()
	var errs []error
	for _, layer := range h.layers {
		if layer.Verifier != nil {
			h.edge.Verifier = layer.Verifier(dialer{h, layer.Name})
		}
		for i := range layer.APIs {
			errs = append(errs, h.mount(&layer.APIs[i]))
		}
	}
	apis, err := h.apiResource()
	errs = append(errs, err, h.admin.Add(append(h.resources(), apis)...))
	return errors.Join(errs...)
}

// serve opens the doors, once everything is loaded that a request is judged by: until then clients
// are told to come again, not that nobody knows them.
func (h *host) serve(l listeners) {
	l.operations.open(h.administration())
	if l.internal != nil {
		l.internal.open(h.internal)
	}
	if l.public != nil {
		l.public.open(h.public)
	}
	if l.plain != nil {
		l.plain.open(h.plain)
	}
	if l.callbacks != nil {
		l.callbacks.open(h.callbacks)
	}
}

// dialer is a layer's own way to others, for what belongs to no API.
type dialer struct {
	host  *host
	layer string
}

func (d dialer) Peer(c *hop.Contract) hop.Peer { return d.host.peer(d.layer, c) }

// start begins the background work: copies of tables, audit loader, partitions, jobs, reload.
func (h *host) start(ctx context.Context, work *sync.WaitGroup, cfg Config) error {
	background := map[string]func(context.Context) error{"audit": h.audit.Run, "verification": h.audit.Watch, "idempotency": h.answers.Run}
	for name, f := range h.followers {
		if err := h.patiently(ctx, f.Load); err != nil {
			return err
		}
		background[name] = f.Run
	}
	for name, run := range background {
		work.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				h.log.ErrorContext(ctx, "background work ended", "work", name, "error", err)
			}
		})
	}
	h.health.add(check{"database", true, func(ctx context.Context) (string, error) { return "", h.db.Healthy(ctx) }})
	h.health.add(check{"limits", false, func(context.Context) (string, error) {
		if state := h.limiter.State(); state == "degraded" {
			return "counting a local share", nil
		}
		return "", nil
	}})
	h.health.add(check{"audit", false, func(context.Context) (string, error) {
		if h.audit.Full() {
			return "the journal is full", nil
		}
		return "", nil
	}})
	work.Go(func() {
		h.tree.Watch(ctx, cfg.Reload, func(tree *config.Tree) error { return h.reload(cfg, tree) }, h.reloaded)
	})
	return h.patiently(ctx, h.jobs.Start)
}

// flushWithin is how long a drain waits for a database that takes no audit records.
const flushWithin = 3 * time.Second

// drain serves on while balancers take the replica out, then lets what is in flight finish.
func (h *host) drain(l listeners) error {
	h.health.draining.Store(true)
	h.log.Info("draining", "delay", h.settings.Drain.Delay)
	gates := []*gate{l.public, l.plain, l.callbacks, l.internal, l.operations}
	for _, g := range gates[:4] {
		if g != nil {
			g.draining.Store(true)
		}
	}
	time.Sleep(h.settings.Drain.Delay)
	ctx, cancel := context.WithTimeout(context.Background(), h.settings.Drain.Timeout)
	defer cancel()
	var errs []error
	for _, g := range gates {
		if g != nil {
			errs = append(errs, g.close(ctx))
		}
	}
	errs = append(errs, h.jobs.Stop(ctx))
	flushing, cancel := context.WithTimeout(ctx, flushWithin)
	defer cancel()
	if err := h.audit.Flush(flushing); err != nil { // the journal keeps them for the next start
		h.log.Warn("audit records wait in the journal", "error", err)
	}
	return errors.Join(errs...)
}

// shutdown undoes what was opened; what it cannot undo in time it leaves.
func (h *host) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return h.close(ctx)
}
