package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/access"
	"puente/shared/admin"
	"puente/shared/audit"
	"puente/shared/clock"
	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/hop"
	"puente/shared/httpclient"
	"puente/shared/idempotency"
	"puente/shared/jobs"
	"puente/shared/journal"
	"puente/shared/keyring"
	"puente/shared/outbox"
	"puente/shared/policy"
	"puente/shared/problem"
	"puente/shared/ratelimit"
	"puente/shared/shed"
	"puente/shared/telemetry"
	"puente/shared/typology"
)

// host is one process: what its APIs share.
type host struct {
	tree       *config.Tree
	settings   settings
	hops       string
	movable    func(*clock.Clock) // of Config
	instance   string
	layers     []Layer
	program    []Layer // every layer of the program, hosted here or not
	log        *slog.Logger
	registerer *prometheus.Registry

	db       *database.DB
	ring     *keyring.Ring
	access   *access.Store
	texts    *typology.Store
	audit    *audit.Log
	journal  *journal.Journal
	limiter  *ratelimit.Limiter
	shedder  *shed.Shedder
	answers  *idempotency.Store
	jobs     *jobs.Jobs
	admin    *admin.Registry
	clock    *clock.Clock // nil: the machine's
	metrics  *policy.Metrics
	breaches *policy.Breaches
	tracer   *telemetry.Tracer

	registry  *hop.Registry
	services  *hop.Services
	sealer    hop.Sealer
	edge      *policy.Edge
	policies  atomic.Pointer[policy.Settings]
	public    *gin.Engine
	plain     *gin.Engine // what of public is served over plain HTTP, too
	callbacks *gin.Engine
	internal  *gin.Engine
	routes    []publicRoute
	externals []*httpclient.Client
	followers map[string]Follower // by name, which says in the log whose copy it is
	addresses Addresses
	health    health
	reloads   *prometheus.CounterVec
	closers   []func(context.Context) error // run in reverse order
}

// publicRoute lets a request that no operation takes be refused in the dialect of the API of its
// listener whose path it resembles.
type publicRoute struct {
	listener  Listener
	prefix    string
	unmatched *policy.Route
	notFound  string
}

// follow has f loaded before the first request, and kept current.
func (h *host) follow(name string, f Follower) {
	if h.followers == nil {
		h.followers = make(map[string]Follower)
	}
	h.followers[name] = f
}

// onClose adds what must be undone at the end.
func (h *host) onClose(fn func(context.Context) error) { h.closers = append(h.closers, fn) }

// close undoes everything, last first.
func (h *host) close(ctx context.Context) error {
	var errs []error
	for i := len(h.closers) - 1; i >= 0; i-- {
		errs = append(errs, h.closers[i](ctx))
	}
	return errors.Join(errs...)
}

// open brings up what the APIs share, each thing after what it needs.
func (h *host) open(ctx context.Context) (err error) {
	s := &h.settings
	if h.db, err = database.Open(ctx, s.Database, s.dataDir(), h.log, h.registerer); err != nil {
		return err
	}
	h.onClose(func(context.Context) error { h.db.Close(); return nil })
	if err := h.patiently(ctx, func(ctx context.Context) error { return h.db.Migrate(ctx, migrations(h.layers)) }); err != nil {
		return err
	}
	if err := h.patiently(ctx, h.openKeys); err != nil {
		return err
	}
	if err := h.patiently(ctx, h.openClock); err != nil {
		return err
	}
	h.access = access.New(h.db, h.log, h.registerer)
	h.texts = typology.New(h.db, h.log, h.registerer)
	h.follow("access", h.access)
	h.follow("typology", h.texts)
	if err := h.patiently(ctx, func(ctx context.Context) error { return typology.Seed(ctx, h.db, declared(h.layers)) }); err != nil {
		return err
	}
	h.answers = idempotency.New(h.db, h.ring, s.Answers, h.log, h.registerer)
	if h.jobs, err = jobs.New(h.db, s.Jobs, h.log, h.registerer, h.tracer); err != nil {
		return err
	}
	if h.journal, err = journal.Open(filepath.Join(s.dataDir(), "journal"), s.Journal); err != nil {
		return err
	}
	h.onClose(func(context.Context) error { return h.journal.Close() })
	h.audit = audit.New(h.journal, h.db, s.Audit, h.instance, h.log, h.registerer)
	limits := s.Limiter
	limits.URL = s.Redis.URL
	if h.limiter, err = ratelimit.New(limits, h.log, h.registerer); err != nil {
		return err
	}
	h.onClose(func(context.Context) error { h.limiter.Close(); return nil })
	h.shedder = shed.New(s.Shed, nil, h.registerer)
	h.admin = admin.New(h.auditChange)
	h.metrics, h.breaches, h.reloads = policy.NewMetrics(h.registerer), policy.NewBreaches(h.registerer), newReloads(h.registerer)
	return h.admin.Add(append(access.Resources(h.access), typology.Resource(h.texts))...)
}

// openClock makes business time: the machine's, but for a program that is there to have it moved.
func (h *host) openClock(ctx context.Context) error {
	if h.movable == nil {
		return clock.Heed(ctx, h.db, h.log)
	}
	if h.clock == nil {
		h.clock = clock.New(h.db, h.log, h.registerer)
		h.follow("clock", h.clock)
	}
	if err := h.clock.Load(ctx); err != nil {
		return err
	}
	h.movable(h.clock)
	return nil
}

// patience is how long a start waits for a database that is away before it gives up.
const patience = time.Minute

// patiently repeats a step of the start while the database is away. The doors are open meanwhile,
// and answer 503.
func (h *host) patiently(ctx context.Context, step func(context.Context) error) error {
	for began := time.Now(); ; {
		err := step(ctx)
		if err == nil || !errors.Is(database.Problem(err), problem.Unavailable) || time.Since(began) > patience {
			return err
		}
		h.log.WarnContext(ctx, "the start waits for the database", "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}

// migrations are those of the platform and of the APIs of layers.
func migrations(layers []Layer) []database.Migrations {
	all := []database.Migrations{keyring.Migrations, clock.Migrations, access.Migrations, typology.Migrations, audit.Migrations, idempotency.Migrations, outbox.Migrations, jobs.Migrations}
	for _, layer := range layers {
		for i := range layer.APIs {
			all = append(all, layer.APIs[i].Migrations...)
		}
	}
	return all
}

// declared are the typologies of the APIs of layers.
func declared(layers []Layer) map[string]*typology.Declaration {
	all := make(map[string]*typology.Declaration)
	for _, layer := range layers {
		for i := range layer.APIs {
			if api := &layer.APIs[i]; api.Texts != nil {
				all[api.Contract.Name] = api.Texts
			}
		}
	}
	return all
}

// openKeys loads the key ring and proves that it is the one that sealed what the database holds.
func (h *host) openKeys(ctx context.Context) (err error) {
	if keys := h.settings.Keys; len(keys.Ring) > 0 {
		h.ring, err = keyring.New(keys.Ring, keys.Active)
	} else {
		h.ring, err = keyring.LoadOrCreate(filepath.Join(h.settings.dataDir(), "keys.json"))
	}
	if err != nil {
		return err
	}
	if err := h.ring.Verify(ctx, h.db); err != nil {
		return err
	}
	return h.openServiceKeys()
}

// openServiceKeys makes what authenticates the layers to each other. A process that hosts all
// layers makes a key of its own.
func (h *host) openServiceKeys() (err error) {
	key := make([]byte, 32)
	if secret := h.settings.Layers.Service; !secret.IsZero() {
		if key, err = base64.StdEncoding.DecodeString(secret.Reveal()); err != nil {
			return fmt.Errorf("layers.serviceKey: %w", err)
		}
	} else {
		_, _ = rand.Read(key)
	}
	var accepted [][]byte
	for _, secret := range h.settings.Layers.Accepted {
		old, err := base64.StdEncoding.DecodeString(secret.Reveal())
		if err != nil {
			return fmt.Errorf("layers.acceptedServiceKeys: %w", err)
		}
		accepted = append(accepted, old)
	}
	if h.services, err = hop.NewServices(key, accepted...); err != nil {
		return err
	}
	jwe, active := h.settings.Layers.JWE, h.settings.Layers.Active
	if len(jwe) == 0 {
		jwe, active = h.deriveJWE(key, accepted)
	}
	sealer, err := keyring.NewJWE(jwe, active)
	h.sealer = sealer
	return err
}

// deriveJWE makes of each service key one that encrypts. It is known as derived, to processes that know no other; where
// keys are being replaced, by a name that is its own.
func (h *host) deriveJWE(key []byte, accepted [][]byte) (keys []keyring.JWEKey, active string) {
	const plain = "derived"
	derived := func(key []byte) (own string, secret []byte) {
		id, sum := h.ring.MAC("hop.jwe.id", key), h.ring.MAC("hop.jwe", key)
		return plain + "-" + hex.EncodeToString(id[:4]), sum[:]
	}
	own, secret := derived(key)
	keys = []keyring.JWEKey{keyring.DirectKey(plain, secret), keyring.DirectKey(own, secret)}
	for _, other := range accepted {
		id, secret := derived(other)
		keys = append(keys, keyring.DirectKey(id, secret))
	}
	if len(accepted) > 0 {
		return keys, own
	}
	return keys, plain
}

// peer tells how the APIs of layer caller reach c.
func (h *host) peer(caller string, c *hop.Contract) hop.Peer {
	if h.hosts(c.Layer) && h.hops != "http" {
		return hop.Local(c, h.registry, h.hops == "verify")
	}
	url := h.layerURL(c.Layer)
	if h.hosts(c.Layer) {
		url = "http://" + h.addresses.Internal
	}
	return hop.Away(c, &hop.Remote{URL: url, Caller: caller, Layer: c.Layer, Services: h.services, Sealer: h.sealer, Transport: hopTransport})
}

// layerURL is where a layer is that this process does not host, as configured.
func (h *host) layerURL(layer string) string {
	l := &h.settings.Layers
	return map[string]string{"xapi": l.XAPI.URL, "papi": l.PAPI.URL, "sapi": l.SAPI.URL}[layer]
}

// hopTransport is shared by all HTTP hops of a process: sized for many calls to few hosts.
var hopTransport = httpclient.NewDirect(httpclient.Pool{Idle: 512, IdleTimeout: time.Minute}, 35*time.Second)

func (h *host) hosts(layer string) bool {
	for _, l := range h.layers {
		if l.Name == layer {
			return true
		}
	}
	return false
}

// calledBack reports whether a third-party system calls an API of this process back.
func (h *host) calledBack() bool {
	for _, l := range h.layers {
		if slices.ContainsFunc(l.APIs, func(a API) bool { return a.listener() == Callbacks }) {
			return true
		}
	}
	return false
}

// auditChange records an administrative change as a security event.
func (h *host) auditChange(ctx context.Context, change admin.Change) {
	r := audit.NewRecord("security")
	r.Layer, r.API, r.Operation = "operations", "admin", string(change.Action)
	r.Client, r.Status, r.Outcome = change.Actor.Name, http.StatusOK, "ok"
	r.Correlation, r.Detail = telemetry.Correlation(ctx), change.String()
	if err := h.audit.End(r); err != nil {
		h.log.ErrorContext(ctx, "audit record lost", "error", err)
	}
}
