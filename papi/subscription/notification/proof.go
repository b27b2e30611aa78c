package notification

import (
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/evidence"
	"puente/shared/outbox"
)

// proof is what the end of an event shows of its product; false: nothing.
func (d *Delivery) proof(e outbox.Event, a outbox.Attempt) (evidence.Proof, bool) {
	configuration := d.ends.get(e.ID)
	var body wire
	if json.Unmarshal(e.Payload, &body) != nil { // it could not be opened: not the partner's fault
		return evidence.Proof{}, false
	}
	product, ok := d.catalogue.Snapshot().Product(body.ProductID)
	if !ok || product.Partner().ID != body.PartnerID {
		return evidence.Proof{}, false
	}
	check, ok := body.check(e.Type)
	if !ok {
		return evidence.Proof{}, false
	}
	if configuration == "" { // it ended after its last try, which had no final answer: by what holds now
		partner, to := d.partner(e.Destination)
		if partner == nil {
			return evidence.Proof{}, false
		}
		configuration = evidence.Webhook(partner, to)
	}
	return evidence.Proof{Product: product, Check: check, Configuration: configuration, Source: "notification " + e.ID.String(), At: a.At}, true
}

// check is what a partner shows by taking the notification. Failed charges are none of the matrix.
func (w *wire) check(kind string) (acceptance.Check, bool) {
	switch kind {
	case types[Subscribed]:
		return acceptance.SubscriptionNotifSub, true
	case types[Unsubscribed]:
		return acceptance.CancellationNotifCancel, true
	case types[Charged]:
		if w.Context == nil {
			return 0, false
		}
		switch Context(*w.Context) {
		case First:
			return acceptance.SubscriptionNotifCobro, true
		case Renewal:
			return acceptance.RenewalNotifCobro, true
		case OneShot:
			return acceptance.SubscriptionOneshot, true
		}
	}
	return 0, false
}

// ends remembers, from the final answer to an event until that is written down, by which configuration it was sent: the
// catalogue may change meanwhile. What is written down may be undone, and written down again; so nothing is
// taken out, and what is remembered goes in two generations.
type ends struct {
	mu        sync.Mutex
	now, past map[uuid.UUID]string
}

// generation is far more than are sent at once.
const generation = 1024

// keep remembers; empty: forgets, for the event goes on.
func (e *ends) keep(id uuid.UUID, configuration string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.now) >= generation || e.now == nil {
		e.now, e.past = map[uuid.UUID]string{}, e.now
	}
	if delete(e.past, id); configuration == "" {
		delete(e.now, id)
		return
	}
	e.now[id] = configuration
}

func (e *ends) get(id uuid.UUID) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c, ok := e.now[id]; ok {
		return c
	}
	return e.past[id]
}
