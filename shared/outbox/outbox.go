// Package outbox tells others what happened. An event is added in the transaction that makes a
// change of state: either both happen or neither. A Deliverer then sends it, at least once, until it
// is delivered or dead. The package knows no receiver: what a send is, its owner says (see Owner);
// for webhooks there is package webhook.
//
// An event belongs to a stream, which is what one deliverer works; within it to a key, which is the
// unit of order (a subscription, a conversation); and to a destination, which is the unit of
// concurrency, of the circuit breaker and of the pause (a partner's endpoint). Events of one stream
// and key have one order, that in which their transactions committed, whatever their destinations.
// The first of a key that is pending is its head, and only a head is ever sent:
//
//	Add ──▶ pending, waiting ◀───────────────────────────────────────────┐ replay
//	              │ all before it in its key ended                       │
//	              ▼             due, and claimed                         │
//	     ┌─▶ pending, head ─────────────────▶ leased ─┬─▶ delivered      │  gone after Config.Keep
//	     │        ▲                             │ │   │                  │
//	     │        │ Postponed, Pause, drained   │ │   └─▶ dead ──────────┘  kept
//	     │        └─────────────────────────────┘ │   Dead, or no step of the schedule is left
//	     └────────────────────────────────────────┘
//	       Retry, RetrySlow: due at the next step
//
// delivered and dead free the key: the next of it becomes the head. A head that is blocked, by a
// schedule, a breaker or a pause, delays nothing but its own key.
//
// Schedule. Attempt n is due Schedule[n-1] after the one before, ±20 %; after the last step the event
// is dead. RetrySlow skips the steps that are shorter than Config.SlowFrom, and uses them up. A
// Result.RetryAfter can only put the next attempt off, to a day at most, never bring it forward: the
// schedule is what we owe a receiver in trouble, who may not know how many of our events are waiting.
// An attempt that the breaker, a full share or a pause suppressed is none: it is not made, not counted
// and not recorded.
//
// Leases. An event is claimed for Config.Lease by the database's clock. Where its process dies, or
// loses the database for so long, another takes it over and sends it again, under the same id; the
// attempt whose end nobody knows is recorded as lost and uses up no step of the schedule. A receiver
// knows a repetition by Event.ID.
//
// An event that is added with a time of its own, Event.Due, is not attempted before.
//
// Shares. A process sends at most Config.Concurrency events of a stream at once. Free places go to
// the destinations with the fewest under way first; a destination may have at most
// Config.PerDestination, or what Owner.Places says, begins with two, gets one more with each delivery and half with each failure;
// and the last quarter of the places is for destinations that have none. So a destination that hangs
// holds one or two places, until its breaker opens.
//
// Replay. A dead event that is replayed keeps its id and its place in the order of its key, and
// begins the schedule anew: it goes before whatever of its key is still pending, as it was committed
// before, so that a receiver never has a newer state overwritten by an older one where that can be
// helped. What is being sent at that moment it lets end, and follows; what was delivered since its
// death stays delivered, which receivers see by the events' own dates.
//
// Hooks. The owner hears of a delivery and of a death in the transaction that makes it so. An error
// of a hook undoes that transaction; once the lease ends the event is sent again.
//
// Times. Due, created, ended are business time, which the callers pass, so that a demo's clock moves
// them; only leases go by the clock of the database.
package outbox

import (
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"puente/shared/database"
)

//go:embed sql/migrations/*.sql
var files embed.FS

// Migrations are those of schema outbox.
var Migrations = database.Migrations{Schema: "outbox", FS: database.Files(files)}

// Channel is notified with the stream's name when something may have become due: a transaction that
// added events committed, events were replayed, a destination was resumed.
const Channel = "outbox_added"

// Event is one thing to tell.
type Event struct {
	ID          uuid.UUID // the receiver's means to know a repetition; Add makes one where it is zero
	Stream      string    // who delivers it: partnerhub.notifications
	Destination string    // who is told: partner/52272/charge; it must name no person
	Key         string    // within which order is kept: a subscription, a conversation; empty: it has no order
	Type        string    // subscription.renewed
	Payload     []byte
	Due         time.Time // for Add: no attempt before, in business time; zero: at once. What is behind it in its key waits, too

	Sequence int64     // its place in the whole; set by the database
	Created  time.Time // business time; set by Add
}

func (e Event) validate() error {
	var errs []error
	for _, member := range []struct{ name, value string }{{"stream", e.Stream}, {"destination", e.Destination}, {"type", e.Type}} {
		if member.value == "" {
			errs = append(errs, fmt.Errorf("%s: is required", member.name))
		}
	}
	return errors.Join(errs...)
}

// sealer encrypts payloads; a keyring.Ring is one.
type sealer interface {
	Seal(context string, plain []byte) []byte
	Open(context string, sealed []byte) ([]byte, error)
}

// Outbox adds events, and finds them again.
type Outbox struct {
	ring sealer
	now  func() time.Time
}

// New makes an outbox that encrypts payloads under ring; nil leaves them readable, which is for
// events that name no person. now is business time.
func New(ring sealer, now func() time.Time) *Outbox { return &Outbox{ring: ring, now: now} }

// lane is a key of a stream in one, as the table has it.
func lane(stream, key string) string { return stream + "\x1f" + key }

// lockKey has whoever changes which events of a key are pending come one after the other. It is a
// statement of its own: the next sees what the one waited for has done.
const lockKey = `select pg_advisory_xact_lock(hashtextextended('outbox' || chr(31) || $1, 0))`

// lockKeys is lockKey of several, one after the other.
const lockKeys = `
	select pg_advisory_xact_lock(hashtextextended('outbox' || chr(31) || l.lane, 0)), current_setting('transaction_isolation')
	from unnest($1::text[]) as l (lane)`

// sealContext binds a sealed payload to its row.
func sealContext(stream string, id uuid.UUID) string { return "outbox/" + stream + "/" + id.String() }

// open decrypts what was sealed.
func (o *Outbox) open(stream string, id uuid.UUID, payload []byte) ([]byte, error) {
	if o.ring == nil {
		return nil, errors.New("the payload is sealed and there is no key ring")
	}
	return o.ring.Open(sealContext(stream, id), payload)
}
