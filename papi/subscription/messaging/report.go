package messaging

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/contracts/sapi/smsc"
	"puente/papi/subscription/sql"
	"puente/shared/database"
)

// reported is what a state of the SMS center means for a message.
func reported(state smsc.State) end {
	switch state {
	case smsc.StateAccepted:
		return end{state: Sent}
	case smsc.StateDelivered:
		return end{state: Delivered}
	case smsc.StateUndelivered:
		return end{Failed, ReasonUndelivered}
	case smsc.StateExpired:
		return end{Failed, ReasonLapsed}
	case smsc.StateRejected:
		return end{Failed, ReasonRejected}
	}
	return end{state: Unknown}
}

// Report notes what the SMS center tells of a message. It reports false where that changes nothing: it was
// told before, or the message is not ours or not kept any more.
func (s *Sender) Report(ctx context.Context, id uuid.UUID, state smsc.State) (bool, error) {
	e := reported(state)
	if e.state == Unknown {
		return false, nil
	}
	purpose, err := sql.New(s.db).ReportMessage(ctx, sql.ReportMessageParams{ID: id, State: e.state, Reason: e.reason, At: s.now()})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, database.Problem(fmt.Errorf("note report: %w", err))
	}
	s.metrics.ended(Purpose(purpose), e.state, e.reason)
	return true, nil
}
