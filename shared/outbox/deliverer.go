package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"puente/shared/database"
	"puente/shared/telemetry"
)

// Deps is what a Deliverer uses of its surroundings.
type Deps struct {
	DB         *database.DB
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Tracer     *telemetry.Tracer // nil: attempts have no spans
}

// Deliverer delivers the events of one stream. Any number of processes may do so at once. It is a
// server.Follower: env.Follow(stream, deliverer).
type Deliverer struct {
	outbox   *Outbox
	stream   string
	cfg      Config
	owner    Owner
	db       *database.DB
	log      *slog.Logger
	tracer   *telemetry.Tracer
	now      func() time.Time
	schedule schedule
	shares   *shares
	metrics  *metrics

	// Of the loop alone.
	busy   []string    // destinations that had something due when it was last looked for, and since
	looked time.Time   // when that was
	again  *time.Timer // rouses the loop once it may look again

	wake     chan struct{}
	sends    sync.WaitGroup
	settling chan struct{} // places for what is being written down
	failing  bool          // of the loop
}

// NewDeliverer makes the deliverer of a stream. Members of cfg that are zero take their defaults; cfg
// was validated where it was read. Business time is o's.
func NewDeliverer(o *Outbox, stream string, cfg Config, owner Owner, deps Deps) (*Deliverer, error) {
	if stream == "" || owner.Send == nil {
		return nil, errors.New("outbox: a deliverer needs a stream and a Send")
	}
	cfg = cfg.withDefaults()
	log := deps.Logger.With("stream", stream)
	d := &Deliverer{
		outbox: o, stream: stream, cfg: cfg, owner: owner, db: deps.DB, log: log, tracer: deps.Tracer, now: o.now,
		schedule: newSchedule(cfg.Schedule, cfg.SlowFrom), shares: newShares(cfg, owner.Places, log), wake: make(chan struct{}, 1), settling: make(chan struct{}, settlers),
	}
	d.again = time.AfterFunc(time.Hour, d.rouse)
	d.again.Stop()
	d.metrics = newMetrics(stream, func() int { return d.shares.broken(d.now()) })
	return d, d.metrics.register(deps.Registerer)
}

const (
	measureEvery = 30 * time.Second
	pruneEvery   = time.Minute
)

// Load measures what is waiting, so that the metrics say so from the start.
func (d *Deliverer) Load(ctx context.Context) error { return d.measure(ctx) }

// Run delivers until ctx ends. Then it claims nothing more, lets the sends under way end within
// Config.Grace, cuts off the others, and gives their leases back. It returns why ctx ended.
func (d *Deliverer) Run(ctx context.Context) error {
	sending, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var listening sync.WaitGroup
	listening.Go(func() {
		d.db.Listen(ctx, Channel, func(stream string) {
			if stream == "" || stream == d.stream {
				d.rouse()
			}
		})
	})
	defer listening.Wait()
	poll, measure, prune := time.NewTicker(d.cfg.Poll), time.NewTicker(measureEvery), time.NewTicker(pruneEvery)
	defer poll.Stop()
	defer measure.Stop()
	defer prune.Stop()
	for {
		d.attend(ctx, "deliver", func(ctx context.Context) error { return d.round(ctx, sending) })
		select {
		case <-ctx.Done():
			d.drain(cut)
			return ctx.Err()
		case <-d.wake:
		case <-poll.C:
		case <-measure.C:
			d.attend(ctx, "measure", d.measure)
		case <-prune.C:
			d.attend(ctx, "prune", d.Prune)
		}
	}
}

// rouse has the loop look again.
func (d *Deliverer) rouse() {
	select {
	case d.wake <- struct{}{}:
	default: // it will already
	}
}

// attend does a part of the loop's work. It logs when failing begins and when it ends.
func (d *Deliverer) attend(ctx context.Context, what string, do func(context.Context) error) {
	limited, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	err := do(limited)
	switch {
	case ctx.Err() != nil: // we are stopping
	case err != nil:
		if !d.failing {
			d.log.WarnContext(ctx, "outbox cannot work, and tries again", "what", what, "error", err)
		}
		d.failing = true
	case d.failing && what == "deliver":
		d.failing = false
		d.log.InfoContext(ctx, "outbox works again")
	}
}

// lookEvery is how often a deliverer that knows of work, and has places for it, looks for more: among what was delivered
// since the last vacuum that is the dearest of its questions, and each delivery that ends would ask it. Whoever knows
// of none looks each time, and waits for nothing.
const lookEvery = 20 * time.Millisecond

// round claims what is due, as far as there are places for it, and begins to send it.
func (d *Deliverer) round(ctx, sending context.Context) error {
	if ctx.Err() != nil {
		return nil
	}
	wants, err := d.wants(ctx)
	if err != nil || len(wants) == 0 {
		return err
	}
	events, err := d.claim(ctx, wants)
	if err != nil {
		return err
	}
	d.busy = unfinished(d.busy, wants, events)
	for _, e := range events {
		d.sends.Go(func() { d.deliver(sending, e) })
	}
	return nil
}

// wants takes places for destinations that have something due: for those that are known to, where it was looked for
// a moment ago and there are places for them.
func (d *Deliverer) wants(ctx context.Context) ([]want, error) {
	if wait := lookEvery - time.Since(d.looked); wait > 0 {
		wants := d.shares.take(d.busy, d.now())
		if slices.ContainsFunc(wants, func(w want) bool { return len(w.admissions) > 0 }) {
			d.again.Reset(wait)
			return wants, nil
		}
	}
	names, err := d.ready(ctx)
	if err != nil {
		return nil, err
	}
	d.busy, d.looked = names, time.Now()
	return d.shares.take(names, d.now()), nil
}

// unfinished are the busy destinations of which no claim found less than was wanted.
func unfinished(busy []string, wants []want, events []*claimed) []string {
	missing := make(map[string]int, len(wants))
	for _, w := range wants {
		missing[w.destination] += len(w.admissions)
	}
	for _, e := range events {
		missing[e.Destination]--
	}
	return slices.DeleteFunc(busy, func(name string) bool { return missing[name] > 0 })
}

// drain waits for the sends under way, for so long, and then only for them to be cut off.
func (d *Deliverer) drain(cut func()) {
	d.again.Stop()
	late := time.AfterFunc(d.cfg.Grace, cut)
	defer late.Stop()
	d.sends.Wait()
}

// deliver makes one attempt and writes it down. Its places are free from then on, not before: the
// database slows us down, too.
func (d *Deliverer) deliver(sending context.Context, e *claimed) {
	sending, span := d.begin(sending, e)
	began, clock := d.now(), time.Now()
	r := d.send(sending, e)
	took := time.Since(clock)
	s := d.follow(e, r, began, took)
	end(span, e, s)
	err := d.persist(sending, e, s, clock.Add(d.cfg.Lease))
	d.shares.done(e.Destination, e.admission, r.Outcome, d.now(), took)
	d.rouse()
	d.report(sending, e, s, err)
}

// begin gives an attempt its identity: that of the request which added the event, with a span below it; or
// a trace of its own.
func (d *Deliverer) begin(sending context.Context, e *claimed) (context.Context, telemetry.Span) {
	parent, ok := telemetry.ParseTraceparent(e.traceparent)
	own := parent.Child()
	if !ok {
		own = d.tracer.Root(own)
	}
	sending = telemetry.WithIdentity(sending, e.correlation, own)
	return sending, d.tracer.Start(sending, "outbox/"+d.stream, trace.SpanKindConsumer, parent)
}

var errNotDelivered = errors.New("not delivered")

// end ends the span of an attempt.
func end(span telemetry.Span, e *claimed, s settlement) {
	if !span.Recording() {
		return
	}
	span.Set(attribute.String("puente.outbox.destination", e.Destination), attribute.String("puente.outbox.type", e.Type),
		attribute.String("puente.outbox.event", e.ID.String()), attribute.Int("puente.outbox.attempt", s.attempt.Number),
		attribute.String("puente.outbox.result", s.attempt.Result))
	if s.attempt.Reason != "" {
		span.Set(attribute.String("puente.outbox.reason", s.attempt.Reason))
	}
	if s.attempt.Result != Delivered.String() && s.attempt.Result != Postponed.String() {
		span.End(errNotDelivered)
		return
	}
	span.End(nil)
}

// send asks the owner. What it says after it was cut off is believed only where it ends the event.
func (d *Deliverer) send(sending context.Context, e *claimed) (r Result) {
	if e.unread != nil {
		d.log.ErrorContext(sending, "an event cannot be read, and is not sent", "event", e.ID, "error", e.unread)
		return Result{Outcome: RetrySlow, Reason: "unreadable payload"}
	}
	ctx, cancel := context.WithTimeout(sending, d.cfg.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			d.log.ErrorContext(sending, "a send panicked", "event", e.ID, "type", e.Type, "panic", fmt.Sprint(p))
			r = Result{Outcome: Retry, Reason: "panic"}
		}
	}()
	r = d.owner.Send(ctx, e.Event, e.attempts+1)
	switch {
	case r.Outcome >= lost:
		r.Outcome = Retry
	case r.Outcome == Postponed:
		r.RetryAfter = max(r.RetryAfter, leastPostponed)
	}
	if sending.Err() != nil && (r.Outcome == Retry || r.Outcome == RetrySlow) {
		r = Result{Outcome: Postponed, Status: r.Status, Reason: "stopped"}
	}
	return r
}

// leastPostponed keeps an owner that is not ready from being asked without pause.
const leastPostponed = time.Second

const (
	settleTimeout  = 2 * time.Second // of one try
	firstPause     = 50 * time.Millisecond
	lastPause      = time.Second
	settlers       = 8               // at once, of a stream: the pool of connections is the requests', too
	stoppingSettle = 3 * time.Second // of all tries, once the process is to stop
)

// persist settles, again and again while the lease lasts: an attempt that is not written down is made
// again.
func (d *Deliverer) persist(sending context.Context, e *claimed, s settlement, until time.Time) error {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(sending), until)
	defer cancel()
	defer context.AfterFunc(sending, func() { time.AfterFunc(stoppingSettle, cancel) })()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := d.trySettle(ctx, e, s)
		if err == nil || errors.Is(err, errTaken) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// trySettle settles once it has a place.
func (d *Deliverer) trySettle(ctx context.Context, e *claimed, s settlement) error {
	select {
	case d.settling <- struct{}{}:
		defer func() { <-d.settling }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	return d.settle(ctx, e, s)
}

// report counts and logs an attempt.
func (d *Deliverer) report(ctx context.Context, e *claimed, s settlement, err error) {
	a := s.attempt
	d.metrics.attempts.WithLabelValues(a.Result, d.owner.party(e.Event)).Inc()
	log := d.log.With("destination", e.Destination, "event", e.ID, "type", e.Type, "attempt", a.Number, "result", a.Result, "status", a.Status, "reason", a.Reason, "duration", a.Duration)
	switch {
	case errors.Is(err, errTaken):
		log.WarnContext(ctx, "an attempt took longer than its lease, and is made again")
	case err != nil:
		log.ErrorContext(ctx, "an attempt could not be written down, and is made again", "error", err)
	case s.to == StateDead:
		d.metrics.died.Inc()
		log.ErrorContext(ctx, "event is dead")
	case s.paused:
		log.ErrorContext(ctx, "destination is paused")
	case s.to == StatePending:
		log.WarnContext(ctx, "event not delivered", "due", s.due)
	default:
		log.DebugContext(ctx, "event delivered")
	}
}
