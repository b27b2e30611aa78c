package enrolment

import (
	"context"
	"fmt"
	"time"

	"puente/papi/subscription/sql"
	"puente/shared/database"
)

// kept is how long a flow is kept after its time, with its PINs: the locks of lines look back two days.
// What was agreed to stands in its consent.
const kept = 7 * 24 * time.Hour

// Expire ends the flows that nobody confirmed in time, and forgets old ones and handles that nobody used.
func (f *Flows) Expire(ctx context.Context) error {
	q, at := sql.New(f.db), f.now()
	for _, batch := range []func() (int64, error){
		func() (int64, error) { return q.ExpireFlows(ctx, at) },
		func() (int64, error) { return q.PruneFlows(ctx, at.Add(-kept)) },
		func() (int64, error) { return q.PruneHandles(ctx, at) },
	} {
		for {
			n, err := batch()
			if err != nil {
				return database.Problem(fmt.Errorf("expire flows: %w", err))
			}
			if n == 0 {
				break
			}
		}
	}
	return nil
}
