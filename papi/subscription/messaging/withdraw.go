package messaging

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/sql"
	"puente/shared/database"
)

// untrue are the purposes that a message takes the truth from: after a cancellation nothing is renewed, and the
// partner has no right to write; of two PINs the later alone is good.
var untrue = map[Purpose][]string{
	Cancelled: {string(Reminder), string(Renewed), string(Partner)},
	PIN:       {string(PIN)},
}

// supersede withdraws what messages make untrue.
func (s *Sender) supersede(ctx context.Context, tx pgx.Tx, all []written) error {
	w := sql.WithdrawMessagesParams{Reason: ReasonWithdrawn, At: s.now()}
	for _, m := range all {
		if purposes := untrue[m.Purpose]; purposes != nil {
			w.Lines, w.Products, w.Purposes = append(w.Lines, m.LineID), append(w.Products, m.product()), append(w.Purposes, strings.Join(purposes, " "))
		}
	}
	if len(w.Lines) == 0 {
		return nil
	}
	withdrawn, err := sql.New(tx).WithdrawMessages(ctx, w)
	return s.withdrawn(withdrawn, ReasonWithdrawn, err)
}

// Leave withdraws what partners have for a line that wants nothing more from a short code: it wants nothing more of
// the services that are on it, whichever of their short codes they write from.
func (s *Sender) Leave(ctx context.Context, tx pgx.Tx, lineID int64, shortCode string) error {
	products := []int64{}
	for _, p := range s.catalogue.Snapshot().Products(shortCode) {
		products = append(products, p.ID)
	}
	withdrawn, err := sql.New(tx).WithdrawFromShortCode(ctx, sql.WithdrawFromShortCodeParams{
		LineID: lineID, ShortCode: shortCode, Products: products, Purposes: []string{string(Partner)}, Reason: ReasonOptedOut, At: s.now(),
	})
	return s.withdrawn(withdrawn, ReasonOptedOut, err)
}

func (s *Sender) withdrawn(purposes []string, reason string, err error) error {
	if err != nil {
		return database.Problem(fmt.Errorf("withdraw messages: %w", err))
	}
	for _, p := range purposes {
		s.metrics.ended(Purpose(p), Failed, reason)
	}
	return nil
}
