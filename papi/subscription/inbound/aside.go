package inbound

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/contracts/sapi/smsc"
	"puente/papi/subscription/line"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// putAside writes a message down as one that could not be done. Of a report there is nothing to keep.
func (i *Inbound) putAside(ctx context.Context, item smsc.Item) error {
	if item.Kind != smsc.KindMessage {
		return nil
	}
	m, ok := i.read(item)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, i.cfg.Timeout)
	defer cancel()
	err := pgx.BeginFunc(ctx, i.db, func(tx pgx.Tx) error {
		_, err := i.receive(ctx, tx, &m, messaging.Failed)
		return err
	})
	if err != nil {
		return database.Problem(fmt.Errorf("put inbound item aside: %w", err))
	}
	return nil
}

// Again tries what was put aside, for as long as somebody may still want it.
func (i *Inbound) Again(ctx context.Context) error {
	for {
		now := i.now()
		rows, err := sql.New(i.db).UndoneMessages(ctx, sql.UndoneMessagesParams{Before: now.Add(-i.cfg.Again), After: now.Add(-i.cfg.GiveUp)})
		if err != nil {
			return database.Problem(fmt.Errorf("list undone messages: %w", err))
		}
		for _, row := range rows {
			if err := i.again(ctx, row, now); err != nil {
				return err
			}
		}
		if len(rows) == 0 {
			return nil
		}
	}
}

// again tries one, and notes that it did. Its error is one of the surroundings.
func (i *Inbound) again(ctx context.Context, row sql.SubscriptionMessage, now time.Time) error {
	limited, cancel := context.WithTimeout(telemetry.WithCorrelation(ctx, row.ID.String()), i.cfg.Timeout)
	defer cancel()
	result, err := i.redo(limited, row)
	if err == nil {
		i.items.WithLabelValues("message", result).Inc()
		return nil
	}
	if errors.Is(err, problem.Unavailable) || ctx.Err() != nil {
		return err
	}
	i.log.ErrorContext(ctx, "inbound message fails again", "item", row.ID, "error", err)
	if err := sql.New(i.db).StillUndone(ctx, sql.StillUndoneParams{ID: row.ID, At: now}); err != nil {
		return database.Problem(fmt.Errorf("note undone message: %w", err))
	}
	return nil
}

// redo does what a row asks for. Its user does not wait for an answer any more, but for a confirmation.
func (i *Inbound) redo(ctx context.Context, row sql.SubscriptionMessage) (result string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("inbound message %s: panic: %v", row.ID, r)
		}
	}()
	m := message{id: row.ID, line: row.LineID, at: row.CreatedAt, quiet: true}
	current := i.catalogue.Snapshot()
	ok := false
	if m.code, ok = current.ShortCode(row.ShortCode); !ok {
		return "", fmt.Errorf("short code %s is not in the catalogue", row.ShortCode)
	}
	if m.text, err = i.messages.Open(row.ID, row.Text); err != nil {
		return "", err
	}
	m.parse(current)
	err = pgx.BeginFunc(ctx, i.db, func(tx pgx.Tx) error {
		n, err := sql.New(tx).DoneMessage(ctx, sql.DoneMessageParams{ID: row.ID, At: i.now()})
		if err != nil || n == 0 {
			result = resultRepeated
			return err
		}
		m.msisdn, err = i.book.Number(ctx, tx, row.LineID)
		if errors.Is(err, line.ErrErased) {
			result = resultDropped
			return nil
		}
		if err != nil {
			return err
		}
		result, err = i.do(ctx, tx, &m)
		return err
	})
	return result, database.Problem(err)
}
