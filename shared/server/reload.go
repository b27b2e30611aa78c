package server

import (
	"reflect"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/config"
)

// reload takes what may change while serving, the policies with their modes, limits and address
// lists, as one snapshot. The file is held to the same rules as at start and refused whole. What
// else it changes is named in the log. cfg is what the process was started with.
func (h *host) reload(cfg Config, tree *config.Tree) error {
	cfg.Tree = tree
	fresh, err := configure(cfg, h.layers)
	if err != nil {
		return err
	}
	h.policies.Store(&fresh.settings.Policies)
	if sections := needsRestart(&h.settings, &fresh.settings); len(sections) > 0 {
		h.log.Warn("configuration changed beyond the policies", "needs_restart", sections)
	}
	return nil
}

// needsRestart names the sections that differ and that only a start reads.
func needsRestart(running, fresh *settings) []string {
	var sections []string
	was, is := reflect.ValueOf(running).Elem(), reflect.ValueOf(fresh).Elem()
	for i := range was.NumField() {
		name := was.Type().Field(i).Tag.Get("yaml")
		if name != "policies" && !reflect.DeepEqual(was.Field(i).Interface(), is.Field(i).Interface()) {
			sections = append(sections, name)
		}
	}
	return sections
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
