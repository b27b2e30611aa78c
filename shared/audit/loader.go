package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

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

// Run moves the journal to the database until ctx ends. It is the only one that does: a chain has
// one end.
func (l *Log) Run(ctx context.Context) error {
	s, err := l.resume(ctx)
	if err != nil {
		return err
	}
	reader := l.journal.Reader(s.at)
	defer func() { _ = reader.Close() }() // read only
	ticker := time.NewTicker(l.cfg.FlushEvery)
	defer ticker.Stop()
	housekeeping := time.Time{}
	for {
		if time.Since(housekeeping) > time.Hour {
			if err := l.keepDays(ctx); err == nil {
				housekeeping = time.Now()
			}
		}
		for more := true; more; {
			var b batch
			if b, more, err = s.read(reader, l.journal.Start()); err != nil {
				return err
			}
			if err := l.store(ctx, s, &b); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		case <-l.kick:
		}
	}
}

// state is how far the loader has come, as the database has it.
type state struct {
	instance string
	at       journal.Position
	sequence int64
	hash     []byte
	day      time.Time
	open     map[string]openEntry // begun, not ended, by ID
	passed   bool                 // what dead processes left is behind us
}

type openEntry struct {
	segment uint64
	entry   entry
	stored  bool // in table open
}

// resume reads the state; it waits for the database.
func (l *Log) resume(ctx context.Context) (*state, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		s, err := l.readState(ctx)
		if err == nil {
			l.advance(s.at)
			return s, nil
		}
		l.metrics.failures.Inc()
		l.log.WarnContext(ctx, "audit loader waits for the database", "error", err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (l *Log) readState(ctx context.Context) (*state, error) {
	s := &state{instance: l.journal.ID(), open: make(map[string]openEntry)}
	s.hash = genesis(s.instance)
	err := l.db.QueryRow(ctx, "SELECT segment, position, sequence, hash, day FROM audit.chains WHERE instance = $1", s.instance).
		Scan(&s.at.Segment, &s.at.Offset, &s.sequence, &s.hash, &s.day)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("audit: read state: %w", database.Problem(err))
	}
	rows, err := l.db.Query(ctx, "SELECT id, segment, entry FROM audit.open WHERE instance = $1", s.instance)
	if err != nil {
		return nil, fmt.Errorf("audit: read open requests: %w", database.Problem(err))
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var text []byte
		o := openEntry{stored: true}
		if err := rows.Scan(&id, &o.segment, &text); err != nil {
			return nil, err
		}
		if o.entry, err = parseEntry(text); err != nil {
			return nil, err
		}
		s.open[id] = o
	}
	return s, rows.Err()
}

// batch is what one transaction moves.
type batch struct {
	to     journal.Position
	before []byte // hash of the record before the first one
	rows   []linked
	opened map[string]openEntry // begun in it, without an end in it
	closed []string             // stored ones that ended in it
}

// read takes the next records off the journal; more: there may be others.
func (s *state) read(r *journal.Reader, start journal.Position) (b batch, more bool, err error) {
	b.opened, b.before = make(map[string]openEntry), s.hash
	size := 0
	for len(b.rows) < batchRecords && size < batchBytes {
		payload, err := r.Next()
		if errors.Is(err, io.EOF) {
			s.interrupt(&b, start)
			b.to = r.Position()
			return b, false, nil
		}
		if err != nil {
			return b, false, err
		}
		e, err := parseEntry(payload)
		if err != nil {
			return b, false, err
		}
		size += len(payload)
		at := r.Position()
		if !at.Before(start) {
			s.interrupt(&b, start)
		}
		if e.mark == begun {
			b.opened[e.id] = openEntry{segment: at.Segment, entry: e}
			continue
		}
		s.end(&b, e)
	}
	b.to = r.Position()
	return b, true, nil
}

// end links a record whose end was read.
func (s *state) end(b *batch, e entry) {
	delete(b.opened, e.id)
	if o, ok := s.open[e.id]; ok {
		delete(s.open, e.id)
		if o.stored {
			b.closed = append(b.closed, e.id)
		}
	}
	day := e.started.Add(time.Duration(e.micros) * time.Microsecond).Truncate(24 * time.Hour)
	if day.Before(s.day) {
		day = s.day
	}
	s.sequence++
	row := link(e, day, s.sequence, s.hash)
	s.day, s.hash = day, row.hash
	b.rows = append(b.rows, row)
}

// interrupt ends what dead processes began, once everything that they wrote was read.
func (s *state) interrupt(b *batch, start journal.Position) {
	if s.passed {
		return
	}
	s.passed = true
	for _, from := range []map[string]openEntry{s.open, b.opened} {
		for _, o := range from {
			if o.segment < start.Segment {
				o.entry.mark, o.entry.outcome, o.entry.code = ended, Interrupted, Interrupted
				s.end(b, o.entry)
			}
		}
	}
}

// store brings a batch to the database, however long that takes, or until ctx ends.
func (l *Log) store(ctx context.Context, s *state, b *batch) error {
	if len(b.rows) == 0 && len(b.opened) == 0 && b.to == s.at {
		return nil
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := l.write(ctx, s, b)
		if err == nil {
			break
		}
		l.metrics.failures.Inc()
		l.log.WarnContext(ctx, "audit batch waits for the database", "records", len(b.rows), "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	for id, o := range b.opened {
		o.stored = true
		s.open[id] = o
	}
	s.at = b.to
	if len(b.rows) > 0 {
		l.metrics.lag.Set(time.Since(b.rows[0].started).Seconds())
	}
	if err := l.journal.Remove(b.to); err != nil {
		l.log.WarnContext(ctx, "audit segments not removed", "error", err)
	}
	l.advance(b.to)
	return nil
}

// advance tells Flush how far the loader has come.
func (l *Log) advance(to journal.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loaded = to
	close(l.moved)
	l.moved = make(chan struct{})
}

// Flush waits until everything journalled so far is in the database. Run must be running.
func (l *Log) Flush(ctx context.Context) error {
	end := l.journal.End()
	for {
		l.mu.Lock()
		loaded, moved := l.loaded, l.moved
		l.mu.Unlock()
		if !loaded.Before(end) {
			return nil
		}
		select {
		case l.kick <- struct{}{}:
		default:
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("audit: flush: %w", ctx.Err())
		case <-moved:
		}
	}
}
