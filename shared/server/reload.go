package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/config"
)

// reload takes what may change while serving, the policies with their modes, limits and address
// lists, as one snapshot. The file is held to the same rules as at start and refused whole.
func (h *host) reload(tree *config.Tree) error {
	fresh, err := configure(Config{Tree: tree, Hops: h.hops}, h.layers)
	if err != nil {
		return err
	}
	h.policies.Store(&fresh.settings.Policies)
	return nil
}

// reloads counts loaded and refused configurations.
func newReloads(reg prometheus.Registerer) *prometheus.CounterVec {
	reloads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "config_reloads_total", Help: "Configurations loaded while serving, by result (ok, refused).",
	}, []string{"result"})
	reg.MustRegister(reloads)
	reloads.WithLabelValues("ok")
	reloads.WithLabelValues("refused")
	return reloads
}

// reloaded tells operators what became of a reload.
func (h *host) reloaded(err error) {
	if err != nil {
		h.reloads.WithLabelValues("refused").Inc()
		h.log.Error("configuration refused, the running one serves on", "error", err)
		return
	}
	h.reloads.WithLabelValues("ok").Inc()
	h.log.Info("configuration reloaded")
}
