package smsc

import (
	"context"
	"fmt"

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

// Take hands over what waits, oldest first.
func (s *system) Take(ctx context.Context, in smsc.Take) (smsc.Inbound, error) {
	var b broken
	b.unless(in.Limit >= 1 && in.Limit <= smsc.MaxItems, "limit", "must be from 1 to 500")
	if err := b.err(); err != nil {
		return smsc.Inbound{}, err
	}
	rows, err := sql.New(s.db).Waiting(ctx, int32(in.Limit))
	if err != nil {
		return smsc.Inbound{}, fmt.Errorf("smsc: read inbound: %w", database.Problem(err))
	}
	out := smsc.Inbound{Items: make([]smsc.Item, 0, len(rows))}
	for _, row := range rows {
		item := smsc.Item{
			ID: row.ID.String(), Kind: smsc.Kind(row.Kind), Repeated: row.Repeated, Message: row.Reference, State: smsc.State(row.State), ReceivedAt: row.ReceivedAt.UTC(),
		}
		if row.Message != nil {
			item.MessageID = row.Message.String()
		}
		if item.Kind == smsc.KindMessage {
			c, err := open(s.ring, row.Sealed)
			if err != nil { // the others would wait behind it unseen: an operator has to put back the key
				return smsc.Inbound{}, fmt.Errorf("smsc: open inbound %s: %w", row.ID, err)
			}
			item.From, item.To, item.Text, item.Reference, item.SMSC = c.From, c.To, c.Text, c.Reference, c.SMSC
		}
		out.Items = append(out.Items, item)
	}
	return out, nil
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
