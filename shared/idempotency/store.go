package idempotency

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/database"
	"puente/shared/keyring"
)

// Store keeps claims and answers in PostgreSQL. While that is away every method fails with
// problem.Unavailable, within about two seconds.
type Store struct {
	db     *database.DB
	ring   *keyring.Ring
	log    *slog.Logger
	days   int        // before today, in which a key is remembered
	at     *time.Time // in tests, the time in place of the database's
	begins [len(stateNames)]prometheus.Counter

	maintaining chan struct{} // holds one element while Maintain is in work

	claims  *database.Writer[claim, claimed]
	endings *database.Writer[ending, bool]
}

// group is how many requests share a transaction at most.
const group = 64

// New makes the store; Run keeps its partitions.
func New(db *database.DB, ring *keyring.Ring, cfg Config, log *slog.Logger, reg prometheus.Registerer) *Store {
	s := &Store{db: db, ring: ring, log: log, days: cfg.days(), maintaining: make(chan struct{}, 1)}
	begins := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "idempotency_begins_total",
		Help: "Requests with an idempotency key by what their claim met.",
	}, []string{"state"})
	reg.MustRegister(begins)
	for state := Started; int(state) < len(stateNames); state++ {
		s.begins[state] = begins.WithLabelValues(state.String())
	}
	s.claims = database.NewWriter(db, "idempotency_claims", group, s.claim)
	s.endings = database.NewWriter(db, "idempotency_answers", group, s.end)
	return s
}

// Begin claims c's key, before anything is done. After an error nothing may be done either; where
// the error's chain holds database.ErrUnknown the key may be taken until its deadline.
func (s *Store) Begin(ctx context.Context, c Claim) (Outcome, error) {
	key := s.ring.MAC("idempotency key", []byte(c.Scope), []byte(c.Key))
	it := claim{key: key, body: s.ring.MAC("idempotency body", key[:], []byte(c.Path), c.Body), deadline: c.Deadline}
	rand.Read(it.token[:])

	met, err := s.claims.Do(ctx, it)
	if noPartition(err) { // nobody made tomorrow's, or not even the first
		if err = s.Maintain(ctx); err == nil {
			met, err = s.claims.Do(ctx, it)
		}
	}
	if err != nil {
		return Outcome{}, fmt.Errorf("idempotency: begin: %w", err)
	}
	out := Outcome{State: met.state}
	switch met.state {
	case Started, Resumed:
		out.Ticket = Ticket{key, met.day, met.token}
	case Replayed:
		if out.Answer, err = s.open(key, met.answer); err != nil {
			return Outcome{}, fmt.Errorf("idempotency: begin: %w", err)
		}
	}
	s.begins[met.state].Inc()
	return out, nil
}

// Finish stores the answer of a claim, before it is sent. After an error other than ErrTaken the
// answer may not be stored: then the key is Resumed after its deadline.
func (s *Store) Finish(ctx context.Context, t Ticket, a Answer) error {
	held, err := s.endings.Do(ctx, ending{t, s.seal(t.key, a)})
	if err != nil {
		return fmt.Errorf("idempotency: finish: %w", err)
	}
	if !held {
		return ErrTaken
	}
	return nil
}

// Release gives the key free: the request was refused before it had any effect.
func (s *Store) Release(ctx context.Context, t Ticket) error {
	if _, err := s.endings.Do(ctx, ending{Ticket: t}); err != nil {
		return fmt.Errorf("idempotency: release: %w", err)
	}
	return nil
}

// plains are those of answers on their way into a seal.
var plains = sync.Pool{New: func() any { return new([]byte) }}

const keptPlain = 64 << 10

func (s *Store) seal(key [32]byte, a Answer) []byte {
	plain := plains.Get().(*[]byte)
	*plain = a.encode((*plain)[:0])
	sealed := s.ring.Seal(sealContext(key), *plain)
	if cap(*plain) <= keptPlain {
		plains.Put(plain)
	}
	return sealed
}

func (s *Store) open(key [32]byte, sealed []byte) (*Answer, error) {
	plain, err := s.ring.Open(sealContext(key), sealed)
	if err != nil {
		return nil, fmt.Errorf("open stored answer: %w", err)
	}
	return decodeAnswer(plain)
}

// sealContext binds a sealed answer to its key: in another row it cannot be opened.
func sealContext(key [32]byte) string {
	const of = "idempotency answer "
	var text [len(of) + 2*len(key)]byte
	hex.Encode(text[copy(text[:], of):], key[:])
	return string(text[:])
}

// noPartition reports whether a row was for a day that has no partition, which PostgreSQL calls a
// check violation; the tables have no other checks.
func noPartition(err error) bool {
	if err == nil {
		return false
	}
	var said *pgconn.PgError
	return errors.As(err, &said) && said.Code == "23514"
}
