package enrolment

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	contract "puente/contracts/papi/subscription"
)

// The steps of flows that are counted.
const (
	stepStarted   = "started"
	stepResent    = "resent"
	stepWrongPIN  = "wrong_pin" // also of one that is over
	stepRefused   = "quota"     // before there is a flow, or a PIN of it
	stepConfirmed = "confirmed"

	stepMinted  = "minted"   // a handle, of what the operator's header told
	stepNotTold = "not_told" // no handle: it told nothing, or not to be believed
	stepHandle  = "handle"   // a handle was refused

	stepRedirect = "redirect" // before there is a proof: a URL was refused
)

// metrics are those of flows. Partners and products come from the catalogue, never from a request.
type metrics struct{ flows *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "subscription_flows_total", Help: "Steps of flows in which lines agree to products.",
	}, []string{"partner", "product", "proof", "step"})}
	reg.MustRegister(m.flows)
	return m
}

func (m *metrics) step(partner, product int64, proof contract.Proof, step string) {
	m.flows.WithLabelValues(strconv.FormatInt(partner, 10), strconv.FormatInt(product, 10), string(proof), step).Inc()
}
