package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"puente/shared/audit/sql"
	"puente/shared/database"
	"puente/shared/journal"
)

// Bounds of one batch.
const (
	batchRecords = 2000
	batchBytes   = 8 << 20
)

// Pauses after a batch that did not reach the database.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 5 * time.Second
)

// batchTimeout is when a batch is given up; whether it was stored is then asked of the database.
const batchTimeout = 30 * time.Second

// daysEvery is how often the partitions are looked after, daysAgain when that failed. They are made a day ahead.
const (
	daysEvery = time.Hour
	daysAgain = 10 * time.Minute
)

// Run moves the journal to the database until ctx ends, whatever becomes of the database meanwhile.
func (l *Log) Run(ctx context.Context) error {
	var kept time.Time
	pause := firstPause
	for {
		wait := l.cfg.FlushEvery
		err := l.Flush(ctx)
		if err == nil && time.Since(kept) > daysEvery {
			kept = time.Now()
			if err := l.keepDays(ctx); err != nil && ctx.Err() == nil { // a verification may read them for long
				kept = kept.Add(daysAgain - daysEvery)
				l.log.WarnContext(ctx, "days of the audit not kept", "again", daysAgain, "error", err)
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			pause = firstPause
		default:
			l.metrics.failures.Inc()
			l.log.WarnContext(ctx, "audit records wait for the database", "error", err)
			wait, pause = pause, min(2*pause, lastPause)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// Flush brings everything journalled so far to the database, or says why it cannot. It may be
// called whether Run runs or not.
func (l *Log) Flush(ctx context.Context) error {
	l.settle()
	select {
	case <-l.loading:
	case <-ctx.Done():
		return fmt.Errorf("audit: flush: %w", ctx.Err())
	}
	defer func() { l.loading <- struct{}{} }()
	for more := true; more; {
		var err error
		if more, err = l.load(ctx); err != nil {
			l.forget()
			return fmt.Errorf("audit: load: %w", database.Problem(err))
		}
	}
	return nil
}

// load moves one batch; more: it was full.
func (l *Log) load(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	if l.loader == nil {
		if l.loader, err = l.resume(ctx); err != nil {
			return false, err
		}
	}
	now := time.Now()
	b, more, err := l.loader.read(ctx)
	if err != nil {
		return false, err
	}
	if err := l.loader.store(ctx, b); err != nil {
		return false, err
	}
	to := b.to
	l.loaded.Store(&to)
	if !more {
		l.caughtUp.Store(now.UnixNano())
	}
	if err := l.journal.Remove(to); err != nil {
		l.metrics.failures.Inc()
		l.log.WarnContext(ctx, "audit segments not removed", "error", err)
	}
	return more, nil
}

// forget drops what the loader knows: after an error only the database can say what was stored.
func (l *Log) forget() {
	if l.loader == nil {
		return
	}
	if err := l.loader.reader.Close(); err != nil {
		l.log.Warn("audit journal not closed", "error", err)
	}
	l.loader = nil
}

// loader is how far the records were brought, as the database has it.
type loader struct {
	*Log
	reader   *journal.Reader
	instance string
	at       journal.Position
	sequence int64
	hash     []byte
	day      time.Time
	open     map[string]opening
	alive    bool // what is read from here on is of this process

	// Room of the batch before.
	spare []entry
	begun []byte
	rows  []linked
}

// opening is a request that has begun and not ended. Its entry is kept beyond its batch where its process
// is dead.
type opening struct {
	segment uint64
	entry   []byte
}

// resume asks the database where the chain ends and which requests are open.
func (l *Log) resume(ctx context.Context) (*loader, error) {
	d := &loader{Log: l, instance: l.journal.ID(), open: make(map[string]opening)}
	q := sql.New(l.db)
	if err := q.StartChain(ctx, sql.StartChainParams{Instance: d.instance, Label: textual(l.label), Hash: genesis(d.instance)}); err != nil {
		return nil, err
	}
	if err := l.createDays(ctx); err != nil {
		return nil, err
	}
	end, err := q.LockChain(ctx, d.instance)
	if err != nil {
		return nil, err
	}
	d.at = journal.Position{Segment: uint64(end.Segment), Offset: end.Position}
	d.sequence, d.hash = end.Sequence, end.Hash
	rows, err := q.Open(ctx, d.instance)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		o := opening{segment: uint64(row.Segment)}
		if d.dead(o.segment) {
			o.entry = row.Entry
		}
		d.open[row.ID] = o
	}
	d.reader = l.journal.Reader(d.at)
	return d, nil
}

// dead reports whether a segment was written by a process that is no more.
func (d *loader) dead(segment uint64) bool { return segment < d.journal.Start().Segment }

// batch is what one transaction moves.
type batch struct {
	to     journal.Position
	ended  []entry
	opened map[string]opening // begun in it and not ended
	closed []string           // begun in an earlier one, ended in this
}

// read takes the next entries off the journal; more: the batch is full.
func (d *loader) read(ctx context.Context) (b batch, more bool, err error) {
	b.opened, b.ended = make(map[string]opening), d.spare[:0]
	begun := d.begun[:0]
	defer func() { // the batch is stored before the next one is read
		d.spare, d.begun = b.ended, nil
		if cap(begun) <= batchBytes {
			d.begun = begun
		}
	}()
	size := 0
	for len(b.ended) < batchRecords && size < batchBytes {
		payload, err := d.reader.Next()
		if errors.Is(err, io.EOF) {
			d.interrupt(&b)
			b.to = d.reader.Position()
			return b, false, nil
		}
		if err != nil {
			return b, false, err
		}
		segment := d.reader.Position().Segment
		if !d.dead(segment) {
			d.interrupt(&b)
		}
		size += len(payload)
		if id, ok := beginning(payload); ok { // its end says all of it again
			from := len(begun)
			begun = append(begun, payload...)
			b.opened[id] = opening{segment: segment, entry: begun[from:len(begun):len(begun)]}
			continue
		}
		e, err := parseEntry(payload)
		if err != nil {
			d.metrics.failures.Inc()
			d.log.ErrorContext(ctx, "audit entry skipped", "position", d.reader.Position(), "error", err)
			continue
		}
		d.end(&b, e)
	}
	b.to = d.reader.Position()
	return b, true, nil
}

func (d *loader) end(b *batch, e entry) {
	b.ended = append(b.ended, e)
	delete(b.opened, e.id)
	if _, ok := d.open[e.id]; ok {
		delete(d.open, e.id)
		b.closed = append(b.closed, e.id)
	}
}

// interrupt ends what dead processes began, in the order of their beginnings, once everything that
// those wrote was read.
func (d *loader) interrupt(b *batch) {
	if d.alive {
		return
	}
	d.alive = true
	var left []entry
	for _, from := range []map[string]opening{d.open, b.opened} {
		for _, o := range from {
			if e, err := parseEntry(o.entry); err == nil && d.dead(o.segment) {
				e.mark, e.outcome, e.code = ended, Interrupted, Interrupted
				left = append(left, e)
			}
		}
	}
	slices.SortFunc(left, func(a, b entry) int {
		return cmp.Or(a.started.Compare(b.started), cmp.Compare(a.id, b.id))
	})
	for _, e := range left {
		d.end(b, e)
	}
}
