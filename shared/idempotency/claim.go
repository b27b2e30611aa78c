package idempotency

import (
	"bytes"
	"context"
	"slices"
	"time"

	"puente/shared/database"
	"puente/shared/idempotency/sql"
)

// claim is a Claim as the database sees it.
type claim struct {
	key, body [32]byte
	token     [16]byte
	deadline  time.Time
}

// takeover is the token under which it takes an overdue claim over. It is another one, so that a
// claim that finds itself in the table, because nobody learned that it was written, knows which of
// the two it did.
func (c claim) takeover() [16]byte {
	token := c.token
	token[0] ^= 0xff
	return token
}

func (c claim) seconds() float64 { return max(0, time.Until(c.deadline).Seconds()) }

// claimed is what a claim met.
type claimed struct {
	state  State
	day    time.Time // of Started and Resumed
	token  [16]byte  // of Started and Resumed
	answer []byte    // of Replayed, sealed
}

// claim claims a group: most often all are new, and it is one statement. A claim that meets
// another's, and then no longer finds it because that was released at the same moment, tries again.
func (s *Store) claim(ctx context.Context, db database.Statements, items []claim) ([]claimed, error) {
	g := claiming{store: s, q: sql.New(db), items: items, met: make([]claimed, len(items)), open: make([]int, len(items))}
	for i := range items {
		g.met[i].state = Running // unless something better is found
		g.open[i] = i
	}
	// All groups lock their keys in one order, so that none waits for another in a circle.
	slices.SortFunc(g.open, func(i, j int) int { return bytes.Compare(items[i].key[:], items[j].key[:]) })
	for try := 0; len(g.open) > 0 && try < 3; try++ {
		if err := g.insert(ctx); err != nil {
			return nil, err
		}
		if err := g.look(ctx); err != nil {
			return nil, err
		}
	}
	return g.met, nil
}

// apart is as far as this clock and the database's may ever be apart, with the five minutes in which
// LockNearMidnight locks.
const apart = 15 * time.Minute

// nearMidnight saves the statement that locks near midnight for most of the day; which of the two
// clocks is right is the statement's to say.
func (s *Store) nearMidnight() bool {
	now := time.Now().UTC()
	if s.at != nil {
		now = s.at.UTC()
	}
	return now.Add(-apart).Day() != now.Add(apart).Day()
}

// claiming is a group on its way.
type claiming struct {
	store *Store
	q     *sql.Queries
	items []claim
	met   []claimed
	open  []int // indexes of items that have met nothing yet
}

func (g *claiming) keys() [][]byte {
	keys := make([][]byte, len(g.open))
	for n, i := range g.open {
		keys[n] = g.items[i].key[:]
	}
	return keys
}

// insert claims the keys that are new.
func (g *claiming) insert(ctx context.Context) error {
	if g.store.nearMidnight() { // it goes with the claim, in one transaction
		if err := g.q.LockNearMidnight(ctx, sql.LockNearMidnightParams{Keys: g.keys(), At: g.store.at}); err != nil {
			return err
		}
	}
	p := sql.ClaimParams{
		At: g.store.at, Days: int32(g.store.days),
		Keys: g.keys(), Bodies: make([][]byte, len(g.open)), Tokens: make([][]byte, len(g.open)), Seconds: make([]float64, len(g.open)),
	}
	for n, i := range g.open {
		it := &g.items[i]
		p.Bodies[n], p.Tokens[n], p.Seconds[n] = it.body[:], it.token[:], it.seconds()
	}
	rows, err := g.q.Claim(ctx, p)
	if err != nil {
		return err
	}
	started := make(map[[16]byte]time.Time, len(rows))
	for _, row := range rows {
		started[[16]byte(row.Token)] = row.Day
	}
	open := g.open[:0]
	for _, i := range g.open {
		if day, ok := started[g.items[i].token]; ok {
			g.met[i] = claimed{state: Started, day: day, token: g.items[i].token}
		} else {
			open = append(open, i)
		}
	}
	g.open = open
	return nil
}

// look finds what the others met. It is a statement after insert, so that it sees what insert had to
// wait for.
func (g *claiming) look(ctx context.Context) error {
	if len(g.open) == 0 {
		return nil
	}
	rows, err := g.q.Claimed(ctx, sql.ClaimedParams{Keys: g.keys(), At: g.store.at, Days: int32(g.store.days)})
	if err != nil {
		return err
	}
	asked := g.open
	found := make([]bool, len(asked))
	for _, row := range rows {
		i := asked[row.N-1]
		found[row.N-1] = true
		if g.met[i], err = g.judge(ctx, &g.items[i], row); err != nil {
			return err
		}
	}
	g.open = nil
	for n, i := range asked {
		if !found[n] {
			g.open = append(g.open, i)
		}
	}
	return nil
}

// judge says what it means that it met row.
func (g *claiming) judge(ctx context.Context, it *claim, row sql.ClaimedRow) (claimed, error) {
	takeover := it.takeover()
	switch {
	case bytes.Equal(row.Token, it.token[:]):
		return claimed{state: Started, day: row.Day, token: it.token}, nil
	case bytes.Equal(row.Token, takeover[:]):
		return claimed{state: Resumed, day: row.Day, token: takeover}, nil
	case !bytes.Equal(row.Body, it.body[:]):
		return claimed{state: Reused}, nil
	case row.Answer != nil:
		return claimed{state: Replayed, answer: row.Answer}, nil
	case !row.Overdue:
		return claimed{state: Running}, nil
	}
	taken, err := g.q.TakeOver(ctx, sql.TakeOverParams{
		Token: takeover[:], At: g.store.at, Seconds: it.seconds(),
		Key: it.key[:], Day: row.Day, OldToken: row.Token,
	})
	if err != nil || len(taken) == 0 { // another one was faster
		return claimed{state: Running}, err
	}
	return claimed{state: Resumed, day: row.Day, token: takeover}, nil
}
