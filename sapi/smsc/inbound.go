package smsc

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"puente/contracts/sapi/smsc"
	"puente/sapi/smsc/sql"
	"puente/shared/database"
	"puente/shared/keyring"
)

// content is what is sealed of a message of a phone.
type content struct {
	From      string `json:"from,omitempty"`
	To        string `json:"to,omitempty"`
	Text      string `json:"text,omitempty"`
	Reference string `json:"reference,omitempty"`
	SMSC      string `json:"smsc,omitempty"`
}

// sealing names where a content lies: it opens nowhere else.
const sealing = "smsc.inbound"

func seal(ring *keyring.Ring, c content) ([]byte, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return ring.Seal(sealing, text), nil
}

func open(ring *keyring.Ring, sealed []byte) (c content, err error) {
	text, err := ring.Open(sealing, sealed)
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(text, &c)
}

// Take hands over what waits, oldest first. What does not open under the key ring is left out, and stays: an
// operator has to put back its key, and nobody else is to wait for that.
func (s *system) Take(ctx context.Context, in smsc.Take) (smsc.Inbound, error) {
	var b broken
	b.unless(in.Limit >= 1 && in.Limit <= smsc.MaxItems, "limit", "must be from 1 to 500")
	if err := b.err(); err != nil {
		return smsc.Inbound{}, err
	}
	out := smsc.Inbound{Items: make([]smsc.Item, 0, in.Limit)}
	shut := map[uuid.UUID]error{}
	page := sql.WaitingParams{Most: int32(in.Limit)}
	for {
		rows, err := sql.New(s.db).Waiting(ctx, page)
		if err != nil {
			return smsc.Inbound{}, fmt.Errorf("smsc: read inbound: %w", database.Problem(err))
		}
		for _, row := range rows {
			if len(out.Items) == int(in.Limit) {
				break
			}
			item, err := s.item(row)
			if err != nil {
				shut[row.ID] = err
				continue
			}
			out.Items = append(out.Items, item)
		}
		if len(out.Items) == int(in.Limit) || len(rows) < int(page.Most) {
			s.shut.note(ctx, s.log, shut)
			return out, nil
		}
		last := rows[len(rows)-1]
		page = sql.WaitingParams{After: last.ReceivedAt, AfterID: last.ID, Most: smsc.MaxItems} // behind what does not open
	}
}

// item is a row, opened.
func (s *system) item(row sql.WaitingRow) (smsc.Item, error) {
	item := smsc.Item{
		ID: row.ID.String(), Kind: smsc.Kind(row.Kind), Repeated: row.Repeated, Message: row.Reference, State: smsc.State(row.State), ReceivedAt: row.ReceivedAt.UTC(),
	}
	if row.Message != nil {
		item.MessageID = row.Message.String()
	}
	if item.Kind == smsc.KindMessage {
		c, err := open(s.ring, row.Sealed)
		if err != nil {
			return item, err
		}
		item.From, item.To, item.Text, item.Reference, item.SMSC = c.From, c.To, c.Text, c.Reference, c.SMSC
	}
	return item, nil
}

// shut are the items that the last page had to leave out.
type shut struct {
	mu  sync.Mutex
	ids map[uuid.UUID]error
}

// note keeps those of a page, and logs each once: a page is asked for every second.
func (s *shut) note(ctx context.Context, log *slog.Logger, now map[uuid.UUID]error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, err := range now {
		if _, known := s.ids[id]; !known {
			log.ErrorContext(ctx, "inbound item does not open under the key ring, and waits for its key", "item", id, "error", err)
		}
	}
	s.ids = now
}

func (s *shut) count() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return float64(len(s.ids))
}

// Ack ends that items are handed over.
func (s *system) Ack(ctx context.Context, in smsc.Ack) (smsc.Acknowledged, error) {
	var b broken
	b.unless(len(in.IDs) >= 1 && len(in.IDs) <= smsc.MaxItems, "ids", "must have 1 to 500 items")
	ids := make([]uuid.UUID, len(in.IDs))
	for i, text := range in.IDs {
		var err error
		ids[i], err = uuid.Parse(text)
		b.unless(err == nil && len(text) == 36, fmt.Sprintf("ids[%d]", i), "must be the id of an item")
	}
	if err := b.err(); err != nil {
		return smsc.Acknowledged{}, err
	}
	n, err := sql.New(s.db).Acknowledge(ctx, ids)
	if err != nil {
		return smsc.Acknowledged{}, fmt.Errorf("smsc: acknowledge inbound: %w", database.Problem(err))
	}
	return smsc.Acknowledged{Acknowledged: n}, nil
}
