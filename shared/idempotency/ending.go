package idempotency

import (
	"context"

	"github.com/jackc/pgx/v5"

	"puente/shared/idempotency/sql"
)

// ending ends a claim: with an answer, or if that is nil, by its release.
type ending struct {
	Ticket
	answer []byte // sealed
}

// end ends a group of claims in tx and reports of each whether it was still held; releases are
// content in any case.
func (s *Store) end(ctx context.Context, tx pgx.Tx, items []ending) ([]bool, error) {
	q := sql.New(tx)
	var answers sql.AnswerParams
	var releases []sql.ReleaseParams
	for i := range items {
		it := &items[i]
		if it.answer == nil {
			releases = append(releases, sql.ReleaseParams{Key: it.key[:], Day: it.day, Token: it.token[:]})
			continue
		}
		answers.Keys = append(answers.Keys, it.key[:])
		answers.Days = append(answers.Days, it.day)
		answers.Tokens = append(answers.Tokens, it.token[:])
		answers.Answers = append(answers.Answers, it.answer)
	}
	kept := map[[16]byte]bool{}
	if len(answers.Keys) > 0 {
		tokens, err := q.Answer(ctx, answers)
		if err != nil {
			return nil, err
		}
		for _, token := range tokens {
			kept[[16]byte(token)] = true
		}
	}
	if len(releases) > 0 {
		var failed error
		q.Release(ctx, releases).Exec(func(_ int, err error) {
			if failed == nil {
				failed = err
			}
		})
		if failed != nil {
			return nil, failed
		}
	}
	held := make([]bool, len(items))
	for i := range items {
		held[i] = items[i].answer == nil || kept[items[i].token]
	}
	return held, nil
}
