package messaging

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/evidence"
	"puente/papi/subscription/line"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/keyring"
	"puente/shared/outbox"
	"puente/shared/sms"
)

// box takes events; an outbox.Outbox is one.
type box interface {
	Add(context.Context, pgx.Tx, ...outbox.Event) error
}

// Sender writes messages, and keeps what became of them.
type Sender struct {
	cfg       Config
	db        *database.DB
	box       box
	ring      *keyring.Ring
	catalogue *catalogue.Store
	book      *line.Book
	directory *line.Directory
	evidence  *evidence.Recorder
	now       func() time.Time
	log       *slog.Logger
	metrics   *metrics
}

// Deps is what a Sender works with.
type Deps struct {
	DB         *database.DB
	Outbox     box
	Ring       *keyring.Ring
	Catalogue  *catalogue.Store
	Book       *line.Book
	Directory  *line.Directory
	Evidence   *evidence.Recorder // nil: none is kept
	Now        func() time.Time   // business time
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// New makes a sender.
func New(cfg Config, d Deps) *Sender {
	return &Sender{
		cfg: cfg, db: d.DB, box: d.Outbox, ring: d.Ring, catalogue: d.Catalogue, book: d.Book, directory: d.Directory, evidence: d.Evidence,
		now: d.Now, log: d.Log, metrics: newMetrics(d.Registerer),
	}
}

// written is a message that was made up.
type written struct {
	Message
	id    uuid.UUID
	sms   sms.Message
	kept  string
	order order
}

// Send writes messages in tx: each as a row, and as an event that has it submitted once tx commits. What
// they make untrue and is still here is withdrawn. What cannot be said is left out: for want of a message
// nobody's cancellation fails.
func (s *Sender) Send(ctx context.Context, tx pgx.Tx, messages ...Message) error {
	var all []written
	for _, m := range messages {
		w, err := s.write(m, false)
		if err != nil {
			s.log.ErrorContext(ctx, "message cannot be sent", "message", m, "error", err)
			s.metrics.count(m.Purpose, resultUnable)
			continue
		}
		all = append(all, w)
	}
	if err := s.supersede(ctx, tx, all); err != nil {
		return err
	}
	return s.queue(ctx, tx, all...)
}

// errNoSender says that a message has no short code of the catalogue to come from.
var errNoSender = errors.New("its short code is not in the catalogue")

// write makes a message up. answers: to something that its user did just now.
func (s *Sender) write(m Message, answers bool) (written, error) {
	now := s.now()
	if m.At.IsZero() {
		m.At = now
	}
	current := s.catalogue.Snapshot()
	m.ShortCode = m.shortCode()
	code, ok := current.ShortCode(m.ShortCode)
	if !ok {
		return written{}, errNoSender
	}
	said, kept, err := m.text(code, s.language(current, &m))
	if err != nil {
		return written{}, err
	}
	id, err := uuid.NewV7() // near each other in the index
	if err != nil {
		return written{}, err
	}
	w := written{Message: m, id: id, sms: sms.Encode(said, m.Product != nil && m.Product.Unicode), kept: kept}
	notBefore := s.cfg.Quiet.when(&m, answers, now, code.Country)
	w.order = newOrder(&w, notBefore, s.until(&m, now), notBefore.After(now))
	return w, nil
}

// language is the partner's. What is of no product is in that of the short code, where its partners agree.
func (s *Sender) language(current *catalogue.Snapshot, m *Message) string {
	if m.Product != nil {
		return m.Product.Partner().Language
	}
	language := ""
	for _, p := range current.Products(m.ShortCode) {
		if l := p.Partner().Language; language != "" && l != language {
			return defaultLanguage
		} else {
			language = l
		}
	}
	return cmp.Or(language, defaultLanguage)
}

const defaultLanguage = "es"

// until is when a message has become useless; zero: never, and the outbox gives it up in its own time.
func (s *Sender) until(m *Message, now time.Time) time.Time {
	switch m.Purpose {
	case PIN, Reminder:
		return m.Until
	case NoneActive, Which, Help:
		return now.Add(s.cfg.Useful)
	}
	return time.Time{}
}

// queue writes rows and events. Locks of the outbox are taken in the order of lines, in all transactions.
func (s *Sender) queue(ctx context.Context, tx pgx.Tx, all ...written) error {
	if len(all) == 0 {
		return nil
	}
	rows := make([]sql.AddMessagesParams, len(all))
	for i, w := range all {
		partner := int64(0)
		if w.Purpose == Partner {
			partner = w.Product.Partner().ID
		}
		rows[i] = sql.AddMessagesParams{
			ID: w.id, Direction: "MT", LineID: w.LineID, ShortCode: w.ShortCode, PartnerID: partner, ProductID: w.product(), Purpose: string(w.Purpose),
			Text: s.ring.Seal(sealedFor(w.id), []byte(w.kept)), Segments: int32(w.sms.Segments), State: Queued, CreatedAt: w.At, ChangedAt: w.At,
		}
	}
	if _, err := sql.New(tx).AddMessages(ctx, rows); err != nil {
		return database.Problem(fmt.Errorf("write messages: %w", err))
	}
	slices.SortStableFunc(all, func(a, b written) int { return cmp.Or(cmp.Compare(a.LineID, b.LineID), cmp.Compare(a.key(), b.key())) })
	events := make([]outbox.Event, len(all))
	for i, w := range all {
		event, err := w.event()
		if err != nil {
			return err
		}
		events[i] = event
	}
	if err := s.box.Add(ctx, tx, events...); err != nil {
		return err
	}
	for _, w := range all {
		result := resultQueued
		if !w.order.NotBefore.IsZero() {
			result = resultWaiting
		}
		s.metrics.count(w.Purpose, result)
	}
	return nil
}

func sealedFor(id uuid.UUID) string { return "subscription.messages/" + id.String() }

// Seal keeps the text of a message that came in.
func (s *Sender) Seal(id uuid.UUID, text string) []byte {
	return s.ring.Seal(sealedFor(id), []byte(text))
}

// Open reads the text of a message.
func (s *Sender) Open(id uuid.UUID, sealed []byte) (string, error) {
	plain, err := s.ring.Open(sealedFor(id), sealed)
	return string(plain), err
}

// Prune forgets messages that are older than is kept.
func (s *Sender) Prune(ctx context.Context) error {
	for {
		n, err := sql.New(s.db).PruneMessages(ctx, s.now().Add(-s.cfg.Keep))
		if err != nil {
			return database.Problem(fmt.Errorf("prune messages: %w", err))
		}
		if n == 0 || ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// key is what a message keeps its order in. A PIN waits for nothing: it would be dead. What goes out in the
// morning is an order of its own, or what is to go at once would wait for it.
func (w *written) key() string {
	key := strconv.FormatInt(w.LineID, 10)
	switch {
	case w.Purpose == PIN:
		return key + "/pin/" + w.id.String()
	case !w.order.NotBefore.IsZero():
		return key + "/later"
	}
	return key
}
