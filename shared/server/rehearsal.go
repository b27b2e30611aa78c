package server

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/admin"
	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/hop"
	"puente/shared/jobs"
	"puente/shared/keyring"
	"puente/shared/policy"
)

// nowhere is a database that nobody connects to.
const nowhere = "postgres://rehearsal@127.0.0.1:1/none"

// rehearse mounts every API against nothing: no connection, no listener, no goroutine. Each reads
// its section and declares its operations, so that whatever is wrong with the configuration or a
// contract shows before anything is started or replaced. Mount is called again for the real start.
func rehearse(tree *config.Tree, s settings, hops string, layers []Layer) error {
	silent := slog.New(slog.DiscardHandler)
	h := &host{
		tree: tree, settings: s, hops: hops, layers: layers, log: silent,
		registerer: prometheus.NewRegistry(), registry: hop.NewRegistry(), admin: admin.New(func(context.Context, admin.Change) {}),
		public: router(), internal: router(), edge: &policy.Edge{Settings: new(atomic.Pointer[policy.Settings])},
	}
	h.settings.Database.URL = config.NewSecret(nowhere)
	var err error
	if h.db, err = database.Open(context.Background(), h.settings.Database, "", silent, h.registerer); err != nil {
		return err
	}
	defer h.db.Close()
	if h.jobs, err = jobs.New(h.db, s.Jobs, silent, h.registerer); err != nil {
		return err
	}
	if h.ring, err = keyring.Ephemeral(); err != nil {
		return err
	}
	h.metrics = policy.NewMetrics(h.registerer)
	var errs []error
	for _, layer := range layers {
		for i := range layer.APIs {
			errs = append(errs, h.mount(&layer.APIs[i]))
		}
	}
	return errors.Join(append(errs, tree.Unclaimed())...)
}
