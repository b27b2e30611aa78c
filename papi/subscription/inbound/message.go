package inbound

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/contracts/sapi/smsc"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/messaging/keyword"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/phone"
)

// message is one of a phone, read.
type message struct {
	id     uuid.UUID
	line   int64
	msisdn string
	code   *catalogue.ShortCode
	text   string
	at     time.Time // when the SMS center's system received it, in business time
	read   keyword.Result
	// quiet: the same was written a moment before, and nobody knows whether this is it again. It is read as
	// what it may be at worst, one who wants an end once more, and is not answered.
	quiet bool
}

// message does one, once, in one transaction. One of no number or short code of ours concerns nobody: there
// is no line to keep it under, and no subscription that it could end.
func (i *Inbound) message(ctx context.Context, item smsc.Item) (result string, err error) {
	m, ok := i.read(item)
	if !ok {
		i.log.WarnContext(ctx, "inbound message dropped", "item", item.ID, "from", phone.Mask(item.From), "short_code", known(m.code))
		return resultDropped, nil
	}
	err = pgx.BeginFunc(ctx, i.db, func(tx pgx.Tx) error {
		n, err := i.receive(ctx, tx, &m, messaging.Received)
		if err != nil {
			return err
		}
		if n == 0 {
			result = resultRepeated
			return nil
		}
		result, err = i.do(ctx, tx, &m)
		return err
	})
	return result, database.Problem(err)
}

func known(code *catalogue.ShortCode) string {
	if code == nil {
		return "unknown"
	}
	return code.Code
}

// read understands an item. It is false where it has no short code, number or id of ours.
func (i *Inbound) read(item smsc.Item) (m message, ok bool) {
	current := i.catalogue.Snapshot()
	if m.code, ok = current.ShortCode(item.To); !ok {
		return m, false
	}
	if m.msisdn, ok = i.number(current, m.code, item.From); !ok {
		return m, false
	}
	id, err := uuid.Parse(item.ID)
	m.id, m.text, m.at, m.quiet = id, item.Text, i.received(item), item.Repeated
	m.parse(current)
	return m, err == nil
}

// skew is by how much clocks may differ: of the database, by which items are dated, and of processes. One who
// ends what he began a moment before must not be taken for one who began it after.
const skew = 5 * time.Second

// received is when an item came, in business time: as long ago as it is old by the clocks of machines, which a
// demo's clock does not move. It is never in the future.
func (i *Inbound) received(item smsc.Item) time.Time {
	now := i.now()
	if item.ReceivedAt.IsZero() {
		return now
	}
	return now.Add(-max(0, i.machine().Sub(item.ReceivedAt)-skew))
}

func (m *message) parse(current *catalogue.Snapshot) {
	m.read = keyword.Parse(m.text, m.code.OptOutWords, m.code.AllWord, current.Keywords(m.code.Code))
}

// number is the MSISDN of a sender, as gateways write it.
func (i *Inbound) number(current *catalogue.Snapshot, code *catalogue.ShortCode, from string) (string, bool) {
	if msisdn, ok := code.Country.Code.ParseTyped(from); ok {
		return msisdn, true
	}
	for _, p := range current.Products(code.Code) {
		if partner := p.Partner(); partner.Environment == catalogue.Staging && slices.Contains(partner.SandboxMSISDNs, from) {
			return from, true
		}
	}
	return "", false
}

// receive writes a message down. It is 0 where it was before.
func (i *Inbound) receive(ctx context.Context, tx pgx.Tx, m *message, state string) (n int64, err error) {
	if m.line, err = i.book.Enter(ctx, tx, m.msisdn); err != nil {
		return 0, err
	}
	row := sql.ReceiveMessageParams{
		ID: m.id, LineID: m.line, ShortCode: m.code.Code, Purpose: string(m.read.Intent), Text: i.messages.Seal(m.id, m.text), State: state, At: m.at,
	}
	if len(m.read.Keywords) == 1 {
		if p, ok := i.catalogue.Snapshot().Keyword(m.code.Code, m.read.Keywords[0]); ok {
			row.PartnerID, row.ProductID = p.Partner().ID, p.ID
		}
	}
	if n, err = sql.New(tx).ReceiveMessage(ctx, row); err != nil {
		return 0, fmt.Errorf("write down inbound message: %w", err)
	}
	return n, nil
}

// The answers to a message, which are results, too.
const (
	resultCancelled  = "cancelled"
	resultNoneActive = "none_active"
	resultAsked      = "asked"
	resultHelped     = "helped"
	resultIgnored    = "ignored" // not understood, and helped a moment ago
)

// do does what a message asks for. What it holds locked, it locks in this order: the conversation, then the
// subscriptions, then what the outbox orders by.
func (i *Inbound) do(ctx context.Context, tx pgx.Tx, m *message) (string, error) {
	conversation, err := sql.New(tx).Converse(ctx, sql.ConverseParams{LineID: m.line, ShortCode: m.code.Code})
	if err != nil {
		return "", fmt.Errorf("read conversation: %w", err)
	}
	if m.read.Intent == keyword.Unknown {
		return i.help(ctx, tx, m, conversation)
	}
	open, missing, err := i.open(ctx, tx, m)
	if err != nil {
		return "", err
	}
	if len(missing) > 0 && meant(m, open) { // that there is nothing to end would not be true: it is tried again
		return "", fmt.Errorf("subscriptions %v of the line cannot be read: their product is not in the catalogue of this process, or their number is gone", missing)
	}
	ends, which := choose(m, open)
	if len(which) > 0 {
		return resultAsked, i.answer(ctx, tx, m, messaging.Message{Purpose: messaging.Which, Keywords: which})
	}
	if m.read.Intent == keyword.CancelAll {
		if err := i.leave(ctx, tx, m, conversation); err != nil {
			return "", err
		}
	}
	if len(ends) == 0 {
		return resultNoneActive, i.answer(ctx, tx, m, messaging.Message{Purpose: messaging.NoneActive, Product: i.named(m)})
	}
	return resultCancelled, i.cancel(ctx, tx, m, ends)
}

// open are the line's subscriptions on the short code, locked, in the order of their ids. One is on each short
// code of its service, and on the one that it was sold with. One that began after the message, which may have
// been put aside, is not meant by it. missing are those that cannot be read here and now, on whatever short code.
func (i *Inbound) open(ctx context.Context, tx pgx.Tx, m *message) (open []*lifecycle.Subscription, missing []int64, err error) {
	rows, err := sql.New(tx).OpenSubscriptionsOfLine(ctx, m.line)
	if err != nil || len(rows) == 0 {
		return nil, nil, err
	}
	ids := make([]int64, len(rows))
	for n, row := range rows {
		ids[n] = row.ID
	}
	held, err := i.writer.Lock(ctx, tx, ids...)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		if row.CreatedAt.After(m.at) {
			continue
		}
		s, ok := held[row.ID]
		if !ok {
			missing = append(missing, row.ID)
			continue
		}
		if lifecycle.Open(s.State) && (s.ShortCode == m.code.Code || s.Product.Service.Has(m.code.Code)) {
			open = append(open, s)
		}
	}
	return open, missing, nil
}

// meant reports whether one of the subscriptions that cannot be read may be what a message asks an end to: not
// where each product that it names was found.
func meant(m *message, open []*lifecycle.Subscription) bool {
	if m.read.Intent != keyword.Cancel {
		return true
	}
	for _, k := range m.read.Keywords {
		if !slices.ContainsFunc(open, func(s *lifecycle.Subscription) bool { return s.Product.Keyword == k }) {
			return true
		}
	}
	return false
}

// choose are the subscriptions that a message ends; or, where the short code asks and there is a choice, the
// keywords to choose from.
func choose(m *message, open []*lifecycle.Subscription) (ends []*lifecycle.Subscription, which []string) {
	if m.read.Intent == keyword.Cancel {
		for _, s := range open {
			if slices.Contains(m.read.Keywords, s.Product.Keyword) {
				ends = append(ends, s)
			}
		}
		return ends, nil
	}
	if m.code.MultiCancel != "ask" || m.read.All || len(open) < 2 {
		return open, nil
	}
	for _, s := range open {
		if k := s.Product.Keyword; k != "" && !slices.Contains(which, k) {
			which = append(which, k)
		}
	}
	if len(which) == 0 { // none can be named
		return open, nil
	}
	slices.Sort(which)
	return nil, which[:min(len(which), mostKeywords)]
}

// mostKeywords is how many are named in one message.
const mostKeywords = 8

// named is the product that a message names, where it names one.
func (i *Inbound) named(m *message) *catalogue.Product {
	if len(m.read.Keywords) != 1 {
		return nil
	}
	p, _ := i.catalogue.Snapshot().Keyword(m.code.Code, m.read.Keywords[0])
	return p
}

// cancel ends subscriptions: with the state, the partner's notification and the user's confirmation.
func (i *Inbound) cancel(ctx context.Context, tx pgx.Tx, m *message, ends []*lifecycle.Subscription) error {
	var c lifecycle.Change
	now := i.now()
	for _, s := range ends {
		i.lifecycle.Cancel(&c, s, now, lifecycle.Cancellation{Reason: lifecycle.ReasonMO, Cause: lifecycle.CauseMO, Channel: "SMS"})
	}
	return i.writer.Write(ctx, tx, &c)
}

// leave notes that the line wants nothing more from the short code.
func (i *Inbound) leave(ctx context.Context, tx pgx.Tx, m *message, c sql.SubscriptionConversation) error {
	c.LeftAt = later(c.LeftAt, m.at)
	if err := i.keep(ctx, tx, c); err != nil {
		return err
	}
	return i.messages.Leave(ctx, tx, m.line, m.code.Code)
}

// help notes that the line wrote, which lets partners answer, and tells it how to end what it has.
func (i *Inbound) help(ctx context.Context, tx pgx.Tx, m *message, c sql.SubscriptionConversation) (string, error) {
	c.WroteAt = later(c.WroteAt, m.at)
	helped := !m.quiet && (c.HelpedAt == nil || !m.at.Before(c.HelpedAt.Add(i.cfg.HelpEvery)))
	if helped {
		c.HelpedAt = &m.at
	}
	if err := i.keep(ctx, tx, c); err != nil || !helped {
		return resultIgnored, err
	}
	return resultHelped, i.answer(ctx, tx, m, messaging.Message{Purpose: messaging.Help})
}

func later(a *time.Time, b time.Time) *time.Time {
	if a != nil && a.After(b) {
		return a
	}
	return &b
}

func (i *Inbound) keep(ctx context.Context, tx pgx.Tx, c sql.SubscriptionConversation) error {
	err := sql.New(tx).UpdateConversation(ctx, sql.UpdateConversationParams{
		LineID: c.LineID, ShortCode: c.ShortCode, WroteAt: c.WroteAt, LeftAt: c.LeftAt, HelpedAt: c.HelpedAt,
	})
	if err != nil {
		return fmt.Errorf("keep conversation: %w", err)
	}
	return nil
}

// answer sends a message back.
func (i *Inbound) answer(ctx context.Context, tx pgx.Tx, m *message, out messaging.Message) error {
	if m.quiet {
		return nil
	}
	out.LineID, out.MSISDN, out.ShortCode, out.At = m.line, m.msisdn, m.code.Code, i.now()
	return i.messages.Send(ctx, tx, out)
}
