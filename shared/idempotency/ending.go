package idempotency

import (
	"context"
	"time"

	"puente/shared/database"
	"puente/shared/idempotency/sql"
)

// ending ends a claim: with an answer, or if that is nil, by its release.
type ending struct {
	Ticket
	answer []byte // sealed
}

// end ends a group of claims in one transaction and reports of each whether it was still held;
// releases are content in any case.
func (s *Store) end(ctx context.Context, db database.Statements, items []ending) ([]bool, error) {
	g := endings{store: s, q: sql.New(db), items: items, held: make([]bool, len(items))}
	for i := range items {
		it := &items[i]
		if it.answer != nil {
			g.answers = append(g.answers, i)
			continue
		}
		g.held[i] = true
		if err := g.q.Release(ctx, sql.ReleaseParams{Key: it.key[:], Day: it.day, Token: it.token[:]}); err != nil {
			return nil, err
		}
	}
	if len(g.answers) == 0 {
		return g.held, nil
	}
	if err := g.keep(ctx); err != nil {
		return nil, err
	}
	return g.held, g.look(ctx)
}

// endings is a group on its way.
type endings struct {
	store   *Store
	q       *sql.Queries
	items   []ending
	held    []bool
	answers []int // indexes of answers that are not known to be kept
}

// params are what the answers are kept by.
func (g *endings) params() sql.AnswerParams {
	n := len(g.answers)
	p := sql.AnswerParams{At: g.store.at, Remembered: int32(g.store.days), Keys: make([][]byte, n), Days: make([]time.Time, n), Tokens: make([][]byte, n), Answers: make([][]byte, n)}
	for n, i := range g.answers {
		it := &g.items[i]
		p.Keys[n], p.Days[n], p.Tokens[n], p.Answers[n] = it.key[:], it.day, it.token[:], it.answer
	}
	return p
}

// keep stores the answers.
func (g *endings) keep(ctx context.Context) error {
	rows, err := g.q.Answer(ctx, g.params())
	if err != nil {
		return err
	}
	type place struct {
		key [32]byte
		day int64
	}
	kept := make(map[place]bool, len(rows))
	for _, row := range rows {
		kept[place{[32]byte(row.Key), row.Day.Unix()}] = true
	}
	of := func(i int) place { return place{g.items[i].key, g.items[i].day.Unix()} }
	asked := make(map[place]int, len(g.answers))
	for _, i := range g.answers {
		asked[of(i)]++
	}
	open := g.answers[:0]
	for _, i := range g.answers {
		if at := of(i); kept[at] && asked[at] == 1 {
			g.held[i] = true
		} else {
			open = append(open, i)
		}
	}
	g.answers = open
	return nil
}

// look finds those that keep did not store: they may have been there already, for nobody learned
// that they were written, and of several for one key one was stored.
func (g *endings) look(ctx context.Context) error {
	if len(g.answers) == 0 {
		return nil
	}
	p := g.params()
	there, err := g.q.Answered(ctx, sql.AnsweredParams{Keys: p.Keys, Days: p.Days, Tokens: p.Tokens, Answers: p.Answers})
	for _, n := range there {
		g.held[g.answers[n-1]] = true
	}
	return err
}
