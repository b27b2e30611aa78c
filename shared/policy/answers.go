package policy

import (
	"log/slog"
	"math/rand/v2"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/contract"
)

// AnswerRules is section policies.answers: how many answers are held to their contract.
type AnswerRules struct {
	Sample float64 `yaml:"sample"` // share of all answers; 0: none, 1: every one
}

// Breaches counts answers that break their contract. They are sent all the same: a caller is served
// better by an answer with a fault than by none.
type Breaches struct{ total *prometheus.CounterVec }

// NewBreaches registers the metric.
func NewBreaches(reg prometheus.Registerer) *Breaches {
	b := &Breaches{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "contract_response_breaches_total",
		Help: "Sampled answers of the public edge that break their contract (policies.answers.sample).",
	}, []string{"api", "operation"})}
	reg.MustRegister(b.total)
	return b
}

// answerLimits are no reason to complain of an answer that the contract allows.
var answerLimits = contract.Limits{Depth: 1_000, Members: 1 << 20, Items: 1 << 20, String: 64 << 20}

// sample holds some answers to their contract, once they are written: for an answer that is not
// sampled it costs a random number. The log names the fields, never what they hold.
func (e *Edge) sample(x *Exchange) {
	share, op := x.Settings.Answers.Sample, x.Route.Operation
	if share == 0 || op == nil || rand.Float64() >= share || x.Route.Raw && !x.answersJSON() {
		return
	}
	check := op.Answers[x.Answer.Status]
	if check == nil && x.Answer.Status != op.Status {
		check = op.Answers[0]
	}
	if check == nil || (x.Err != nil || x.retold != "") && check == op.Answers[op.Status] { // an error under the status of a success
		return
	}
	_, broken := check.Read(x.Answer.Body, answerLimits)
	if len(broken) == 0 {
		return
	}
	e.Breaches.total.WithLabelValues(x.Route.API, op.ID).Inc()
	fields := make([]string, len(broken))
	for i, f := range broken {
		fields[i] = f.Path
	}
	e.Log.WarnContext(x.Context(), "answer breaks its contract", slog.String("api", x.Route.API), slog.String("operation", op.ID),
		slog.Int("status", x.Answer.Status), slog.Any("fields", fields))
}
