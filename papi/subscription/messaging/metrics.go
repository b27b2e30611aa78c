package messaging

import "github.com/prometheus/client_golang/prometheus"

// metrics count messages by purpose and by what became of them. Both are constants of this package.
type metrics struct{ messages *prometheus.CounterVec }

// What becomes of a message beside its states and why it failed.
const (
	resultQueued  = "queued"
	resultWaiting = "waiting" // queued, for the morning
	resultUnable  = "unable"  // there is nobody to send it from
	resultNoRight = "no_right"
)

var results = map[string]string{
	Sent: "sent", Unknown: "unknown", Delivered: "delivered", ReasonRefused: "refused", ReasonInvalid: "invalid", ReasonUnsent: "unsent", ReasonExpired: "expired",
	ReasonWithdrawn: "withdrawn", ReasonOptedOut: "opted_out", ReasonUndelivered: "undelivered", ReasonLapsed: "not_in_time", ReasonRejected: "smsc_rejects",
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "subscription_messages_total", Help: "Messages to users, by purpose and by what became of them; one message counts at each step.",
	}, []string{"purpose", "result"})}
	reg.MustRegister(m.messages)
	return m
}

func (m *metrics) count(purpose Purpose, result string) {
	m.messages.WithLabelValues(string(purpose), result).Inc()
}

// ended counts a message by the state that it came into, and why.
func (m *metrics) ended(purpose Purpose, state, reason string) {
	if state == Failed {
		state = reason
	}
	if result, ok := results[state]; ok {
		m.count(purpose, result)
	}
}
