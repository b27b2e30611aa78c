package telemetry

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// RegisterRuntime adds the metrics of the Go runtime and of the process.
func RegisterRuntime(reg prometheus.Registerer) {
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// MetricsHandler serves what reg gathers, as OpenMetrics with exemplars where the scraper asks for it.
// A metric that cannot be had, because it is counted in a database that is away, keeps back no other.
func MetricsHandler(reg *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, EnableOpenMetrics: true, Registry: reg, MaxRequestsInFlight: 4})
}

// Observe has o observe v. Where t is sampled, its ID is the exemplar.
func Observe(o prometheus.Observer, v float64, t Trace) {
	if exemplary, ok := o.(prometheus.ExemplarObserver); ok && t.Sampled {
		exemplary.ObserveWithExemplar(v, prometheus.Labels{"trace_id": t.String()})
		return
	}
	o.Observe(v)
}
