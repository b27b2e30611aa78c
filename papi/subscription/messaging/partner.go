package messaging

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/evidence"
	"puente/papi/subscription/repeat"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/problem"
	"puente/shared/sms"
)

// Request is a partner's message, whose offer was found in the catalogue.
type Request struct {
	Product   *catalogue.Product
	MSISDN    string // as line.Parse has it
	ShortCode string // of the product's service
	Text      string
	Channel   string // of the request; no rule depends on it
	Name      *repeat.Name
}

// SendMessage queues a partner's message to one of its users (specification §4.2). Errors: Invalid, of the text
// or the number; Conflict NO_RIGHT_TO_MESSAGE; why the line could not be looked up.
func (s *Sender) SendMessage(ctx context.Context, in Request) (contract.MessageResult, error) {
	m := Message{MSISDN: in.MSISDN, ShortCode: in.ShortCode, Product: in.Product, Purpose: Partner, Text: in.Text, At: s.now()}
	if err := fits(in); err != nil {
		return contract.MessageResult{}, err
	}
	// One without a right learns nothing of a number from the operator's directory, and does not reach it. What is
	// found here may change while the directory answers: it is looked at again below, where nobody can leave.
	if _, _, err := s.right(ctx, s.db, &m); err != nil {
		return contract.MessageResult{}, fmt.Errorf("send message: %w", database.Problem(err))
	}
	if _, err := s.directory.Look(ctx, in.MSISDN); err != nil {
		return contract.MessageResult{}, fmt.Errorf("send message: %w", err)
	}
	var out contract.MessageResult
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := s.hold(ctx, tx, &m); err != nil {
			return err
		}
		acted, after, err := s.right(ctx, tx, &m)
		if err != nil {
			return err
		}
		w, err := s.write(m, m.At.Sub(acted) < s.cfg.Answer)
		if err != nil {
			return err
		}
		out = contract.MessageResult{ID: w.id.String(), Segments: w.sms.Segments}
		if err := in.Name.Keep(ctx, tx, m.At, out); err != nil {
			return err
		}
		if err := s.queue(ctx, tx, w); err != nil || after.none {
			return err
		}
		return s.evidence.Proved(ctx, tx, evidence.Proof{
			Product: m.Product, Check: after.check, Configuration: evidence.Configuration(m.Product, after.check), Source: "message " + out.ID, At: m.At,
		})
	})
	if errors.Is(err, repeat.ErrRepeated) {
		out.Replayed, err = in.Name.Answer(ctx, s.db, m.At, &out)
	}
	if err != nil {
		return contract.MessageResult{}, fmt.Errorf("send message: %w", database.Problem(err))
	}
	return out, nil
}

// fits refuses a text that says nothing, or takes more messages than the product allows.
func fits(in Request) error {
	encoded := sms.Encode(in.Text, in.Product.Unicode)
	rule := ""
	switch {
	case strings.TrimSpace(encoded.Text) == "":
		rule = "must have a character that can be read"
	case encoded.Segments > in.Product.MaxSegments:
		rule = fmt.Sprintf("must fit into %d messages, and takes %d in %s", in.Product.MaxSegments, encoded.Segments, encoded.Encoding)
	default:
		return nil
	}
	return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "text", Rule: rule}}}
}

// shortCodes are those of the product's service, and the one that the message comes from, sorted.
func (m *Message) shortCodes() []string {
	all := append(slices.Clone(m.Product.Service.ShortCodes), m.ShortCode)
	slices.Sort(all)
	return slices.Compact(all)
}

// hold keeps the line's conversations until tx ends, so that one who leaves at the same moment comes before, or
// finds the message and withdraws it. All who hold several take them in one order.
func (s *Sender) hold(ctx context.Context, tx pgx.Tx, m *Message) error {
	for _, code := range m.shortCodes() {
		if _, err := sql.New(tx).Converse(ctx, sql.ConverseParams{LineID: m.LineID, ShortCode: code}); err != nil {
			return database.Problem(fmt.Errorf("read conversation: %w", err))
		}
	}
	return nil
}

// right is when the line last did what gives the product's partner a right to write to it: it has a
// subscription, it bought the product within the window, or it wrote to the short code within the window. What
// it did before it asked one of the service's short codes to be left alone altogether gives none. It finds the
// message's line.
func (s *Sender) right(ctx context.Context, db sql.DBTX, m *Message) (acted time.Time, after event, err error) {
	id, err := s.book.Find(ctx, db, m.MSISDN)
	if err != nil {
		return acted, after, err
	}
	refused := &problem.Error{Kind: problem.Conflict, Code: contract.CodeNoRight}
	if m.LineID = id; id == 0 { // nothing was ever sold to it, and it never wrote
		s.metrics.count(Partner, resultNoRight)
		return acted, after, refused
	}
	q := sql.New(db)
	said, err := q.Conversed(ctx, sql.ConversedParams{LineID: id, ShortCode: m.ShortCode, ShortCodes: m.shortCodes()})
	if err != nil {
		return acted, after, database.Problem(fmt.Errorf("read conversations: %w", err))
	}
	found, err := q.RightToMessage(ctx, sql.RightToMessageParams{LineID: id, ProductID: m.Product.ID})
	if err != nil {
		return acted, after, database.Problem(fmt.Errorf("read right to message: %w", err))
	}
	since := m.At.Add(-s.cfg.Window)
	consider := func(at time.Time, counts bool) {
		if counts && at.After(acted) && at.After(said.LeftAt) {
			acted = at
		}
	}
	consider(found.SubscribedAt, found.SubscribedAt.Unix() > 0)
	consider(found.BoughtAt, found.BoughtAt.After(since))
	consider(said.WroteAt, said.WroteAt.After(since))
	if acted.IsZero() {
		s.metrics.count(Partner, resultNoRight)
		return acted, after, refused
	}
	return acted, last(found, m.At), nil
}

// event is the last one of a line and product that a message follows within a day, by the check of the
// acceptance matrix that the partner passes by sending it.
type event struct {
	none  bool
	check acceptance.Check
}

// following is how long after an event a message of a partner's goes for one about it (specification §14).
const following = 24 * time.Hour

func last(found sql.RightToMessageRow, now time.Time) event {
	began := found.SubscribedAt
	if found.FirstAt.After(began) {
		began = found.FirstAt
	}
	at, check := began, acceptance.SubscriptionSendMT
	if found.RenewedAt.After(began) {
		at, check = found.RenewedAt, acceptance.RenewalSendMT
	}
	return event{none: now.Sub(at) > following, check: check}
}
