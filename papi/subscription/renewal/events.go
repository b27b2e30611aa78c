package renewal

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/problem"
)

const (
	lineCursor = "line-events"
	mostPages  = 200 // of a run; the next one goes on
)

// FollowLines reads what became of lines since it last did, and ends the subscriptions of those that are not
// their owner's any more. An event that comes again does nothing. What an event leaves open is found out by the
// look-up before the next charge.
func (r *Renewal) FollowLines(ctx context.Context) error {
	ctx = identified(ctx)
	cursor, err := sql.New(r.DB).ReadCursor(ctx, lineCursor)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return database.Problem(fmt.Errorf("read cursor of line events: %w", err))
	}
	for range mostPages {
		page, err := r.Deps.Events.LineEvents(ctx, subscriber.LineEventsQuery{After: cursor, Limit: subscriber.MaxLimit})
		var e *problem.Error
		if errors.As(err, &e) && e.Code == subscriber.CodeCursorExpired && cursor != "" {
			r.Log.WarnContext(ctx, "line directory does not know the cursor any more, its events are read from the oldest on", "cursor", cursor)
			r.metrics.restarts.Inc()
			cursor = ""
			continue
		}
		if err != nil {
			return fmt.Errorf("read line events: %w", err)
		}
		for _, event := range page.Events {
			if err := r.followLine(ctx, event); err != nil {
				return fmt.Errorf("follow line event %s: %w", event.ID, err)
			}
		}
		if page.Next == "" || page.Next == cursor {
			return nil
		}
		cursor = page.Next
		if err := sql.New(r.DB).SaveCursor(ctx, sql.SaveCursorParams{Name: lineCursor, Value: cursor}); err != nil {
			return database.Problem(fmt.Errorf("save cursor of line events: %w", err))
		}
		if len(page.Events) == 0 {
			return nil
		}
	}
	return nil
}

// followLine ends what an event ends.
func (r *Renewal) followLine(ctx context.Context, event subscriber.LineEvent) error {
	if event.Type == subscriber.EventBarred { // it may be used again; until then it is not charged
		return nil
	}
	id, err := r.Book.Find(ctx, r.DB, event.MSISDN)
	if err != nil || id == 0 {
		return err
	}
	open, err := sql.New(r.DB).OpenSubscriptionsOfLine(ctx, id)
	if err != nil {
		return database.Problem(err)
	}
	known, err := r.Writer.Complete(ctx, r.DB, open)
	if err != nil {
		return err
	}
	var over []int64
	for _, row := range open {
		if s, ok := known[row.ID]; ok && r.over(ctx, s, event) {
			over = append(over, row.ID)
		}
	}
	if len(over) == 0 {
		return nil
	}
	return database.Problem(pgx.BeginFunc(ctx, r.DB, func(tx pgx.Tx) error { return r.endAll(ctx, tx, over) }))
}

// over reports whether an event ends a subscription. One that may be older than the subscription, as after
// reading from the oldest on, says nothing by itself: the number may have been given to whom it is for.
func (r *Renewal) over(ctx context.Context, s *lifecycle.Subscription, event subscriber.LineEvent) bool {
	switch event.Type {
	case subscriber.EventOwnerChanged:
		if event.OwnerEpoch != "" && event.OwnerEpoch == s.OwnerEpoch {
			return false
		}
	case subscriber.EventTerminated, subscriber.EventPortedOut:
		if event.At.After(s.CreatedAt) {
			return true
		}
	}
	if event.Type == subscriber.EventOwnerChanged && event.At.After(s.CreatedAt) {
		return true
	}
	userType := s.UserType
	found, _ := r.lookLine(ctx, s, &userType)
	if found == lineAway {
		r.Log.WarnContext(ctx, "line of an event not looked up, it will be before its next charge", "event", event.ID, "subscription", s.ID)
	}
	return found == lineEnded
}

func (r *Renewal) endAll(ctx context.Context, tx pgx.Tx, ids []int64) error {
	held, err := r.Writer.Lock(ctx, tx, ids...)
	if err != nil {
		return err
	}
	var change lifecycle.Change
	now := r.Now()
	for _, id := range ids {
		s, ok := held[id]
		if !ok || !lifecycle.Open(s.State) {
			continue
		}
		r.Lifecycle.Cancel(&change, s, now, lifecycle.Cancellation{Reason: lifecycle.ReasonLifecycle, Cause: lifecycle.CauseLine, Channel: s.Channel, Silent: true})
		r.metrics.of(s.ProductID, string(lineEnded)).Inc()
	}
	return r.Writer.Write(ctx, tx, &change)
}
