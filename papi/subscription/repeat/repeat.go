// Package repeat knows a request of a partner's again by the key that it named, and what it was answered
// (specification §2): a repetition within a day does nothing more. What a request does and its answer are written in
// one transaction, so that they are there together or not at all; what was refused did nothing, and is not kept.
// Charges have names of their own (package charging).
package repeat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/problem"
)

// Remembered is how long a request is known again.
const Remembered = 24 * time.Hour

// Name is what a request is known by. Nil: it named nothing, and is none that was before.
type Name struct {
	PartnerID   int64
	Key         []byte // keyed hash of operation and key
	Fingerprint []byte // likewise, of what was asked for
}

// Answer reads what a request of the name was answered, and reports whether there was one. Error: Rejected
// KEY_REUSED, where it asked for something else.
func (n *Name) Answer(ctx context.Context, db sql.DBTX, now time.Time, answer any) (bool, error) {
	if n == nil {
		return false, nil
	}
	row, err := sql.New(db).NamedAnswer(ctx, sql.NamedAnswerParams{PartnerID: n.PartnerID, Key: n.Key, Now: now})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, nil
	case err != nil:
		return false, database.Problem(fmt.Errorf("read answer: %w", err))
	case string(row.Fingerprint) != string(n.Fingerprint):
		return false, &problem.Error{Kind: problem.Rejected, Code: contract.CodeKeyReused}
	}
	if err := json.Unmarshal(row.Answer, answer); err != nil {
		return false, fmt.Errorf("read answer: %w", err)
	}
	return true, nil
}

// ErrRepeated says that another request of the name was faster: its transaction is to be rolled back, and Answer
// has what that was answered.
var ErrRepeated = errors.New("another request of the name was faster")

// Keep writes an answer with tx, before what it tells of reaches the outbox. It waits for another request of the
// name to end.
func (n *Name) Keep(ctx context.Context, tx pgx.Tx, now time.Time, answer any) error {
	if n == nil {
		return nil
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("keep answer: %w", err)
	}
	kept, err := sql.New(tx).NameAnswer(ctx, sql.NameAnswerParams{
		PartnerID: n.PartnerID, Key: n.Key, Fingerprint: n.Fingerprint, Answer: text, GoodUntil: now.Add(Remembered), Now: now,
	})
	switch {
	case err != nil:
		return database.Problem(fmt.Errorf("keep answer: %w", err))
	case kept == 0:
		return ErrRepeated
	}
	return nil
}

// Prune forgets the answers that are good no more.
func Prune(ctx context.Context, db *database.DB, now time.Time) error {
	for n := int64(1); n > 0; {
		var err error
		if n, err = sql.New(db).PruneAnswers(ctx, now); err != nil || ctx.Err() != nil {
			return database.Problem(err)
		}
	}
	return nil
}
