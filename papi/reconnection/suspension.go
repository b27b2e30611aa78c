package reconnection

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"puente/contracts/papi/reconnection"
	"puente/contracts/sapi/inventory"
	"puente/contracts/sapi/orders"
	"puente/contracts/sapi/pqr"
	"puente/papi/reconnection/sql"
	"puente/shared/database"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// States of a row of suspensions: see the package's comment. Only abandoned may be claimed again.
const (
	ordering  = "ordering"  // an order is being made, or nobody knows what became of it
	filing    = "filing"    // no order is possible; the same of the PQR
	ordered   = "ordered"   // the order management has an order
	filed     = "filed"     // the register has a PQR
	abandoned = "abandoned" // certainly neither has anything
)

// demand is a suspension that its holder wants to end.
type demand struct {
	id         [32]byte
	reference  string
	asked      string // the connection as it was asked for
	connection string
	holder     inventory.Holder
	strategy   orders.Strategy
	debt       bool // something is due that keeps the line suspended
}

func (p *process) demand(in reconnection.Request, s inventory.Service, h inventory.Holder, strategy orders.Strategy) demand {
	connection, suspension := []byte(s.Connection), []byte(s.Suspension.ID)
	reference := p.ring.MAC("reconnection.reference", connection, suspension)
	return demand{
		id: p.ring.MAC("reconnection.suspension", connection, suspension), reference: "RX-" + hex.EncodeToString(reference[:16]),
		asked: in.Connection, connection: s.Connection, holder: h, strategy: strategy,
	}
}

// settlement is a state of a row, with the numbers that belong to it. The zero settlement: not known.
type settlement struct{ state, order, cun, pqr string }

func (s settlement) final() bool { return s.state == ordered || s.state == filed }

func (s settlement) outcome() reconnection.Outcome {
	if s.state == ordered {
		return reconnection.Outcome{Kind: reconnection.KindOrder, OrderNumber: s.order, CUN: s.cun}
	}
	return reconnection.Outcome{Kind: reconnection.KindPQR, PQRNumber: s.pqr, CUN: s.cun}
}

// attempt is the right to act for a suspension, in one of its steps: ordering or filing.
type attempt struct {
	id     [32]byte
	number int32
	step   string
}

// known is what became of d's suspension, if that is certain.
func (p *process) known(ctx context.Context, d demand) (reconnection.Outcome, bool) {
	row, err := sql.New(p.db).Suspension(ctx, sql.SuspensionParams{ID: d.id[:], Settle: p.cfg.Suspension.Settle})
	s := settlement{row.State, row.OrderNumber, row.Cun, row.PqrNumber}
	if err != nil || !s.final() {
		return reconnection.Outcome{}, false
	}
	return s.outcome(), true
}

// decide has an order or a PQR of d's suspension made, or tells the one that there is. ctx is the time
// in which systems may be called; what it returns is written down unless it is an error.
func (p *process) decide(ctx context.Context, d demand) (reconnection.Outcome, error) {
	for {
		a, err := p.claim(ctx, d)
		if err != nil {
			return reconnection.Outcome{}, err
		}
		if a.number > 0 {
			return p.act(ctx, d, a)
		}
		row, err := p.await(ctx, d)
		if err != nil {
			return reconnection.Outcome{}, err
		}
		found := settlement{row.State, row.OrderNumber, row.Cun, row.PqrNumber}
		a = attempt{d.id, row.Attempt, row.State}
		if !found.final() && row.State != abandoned { // its attempt is over, and left no outcome
			if found, err = p.inquire(ctx, row.Reference, a.step, row.Settled); err != nil {
				return reconnection.Outcome{}, technical("find out what became of an attempt", err)
			}
			if found.state == "" {
				return reconnection.Outcome{}, &problem.Error{Kind: problem.Unknown, RetryAfter: max(p.cfg.Suspension.Settle, time.Second),
					Detail: "The outcome of an earlier attempt is not known yet; ask again"}
			}
			_, _ = p.settle(ctx, a, found) // where that fails the row is asked for again
		}
		if found.final() {
			p.forget(d.asked, d.connection)
			return found.outcome(), nil
		}
		if err := ctx.Err(); err != nil { // the claim would find out, but not what for
			return reconnection.Outcome{}, technical("wait for another attempt", err)
		}
	}
}

// claim is a demand about to be acted on.
type claim struct {
	demand
	token       [16]byte // by which it knows itself when the writer writes it again
	correlation string
	lasts       time.Duration // by then the attempt is over
}

// step is the one that an attempt for d begins with.
func (d demand) step() string {
	if d.debt {
		return filing
	}
	return ordering
}

// claim gives the right to act for d's suspension; the attempt's number is 0 where there is none.
func (p *process) claim(ctx context.Context, d demand) (attempt, error) {
	end, _ := ctx.Deadline()
	c := claim{demand: d, correlation: telemetry.Correlation(ctx), lasts: time.Until(end) + time.Second}
	_, _ = rand.Read(c.token[:]) // crypto/rand: never fails
	number, err := p.claims.Do(ctx, c)
	if err != nil {
		return attempt{}, database.Problem(fmt.Errorf("claim suspension: %w", err))
	}
	return attempt{d.id, number, d.step()}, nil
}

// writeClaims claims a group of suspensions. No two of a group are the same (see once).
func (p *process) writeClaims(ctx context.Context, db database.Statements, group []claim) ([]int32, error) {
	var in sql.ClaimSuspensionsParams
	place := make(map[[32]byte]int, len(group))
	for i := range group {
		c := &group[i]
		place[c.id] = i
		in.Ids = append(in.Ids, c.id[:])
		in.Tokens = append(in.Tokens, c.token[:])
		in.Refs = append(in.Refs, c.reference)
		in.States = append(in.States, c.step())
		in.Strategies = append(in.Strategies, string(c.strategy))
		in.Correlations = append(in.Correlations, c.correlation)
		in.Lasts = append(in.Lasts, c.lasts)
	}
	rows, err := sql.New(db).ClaimSuspensions(ctx, in)
	numbers := make([]int32, len(group))
	for _, row := range rows {
		numbers[place[[32]byte(row.ID)]] = row.Attempt
	}
	return numbers, err
}

// await waits until the attempt that holds d's row ended, or must have.
func (p *process) await(ctx context.Context, d demand) (sql.SuspensionRow, error) {
	looks := time.NewTicker(p.cfg.Suspension.Poll)
	defer looks.Stop()
	for {
		row, err := sql.New(p.db).Suspension(ctx, sql.SuspensionParams{ID: d.id[:], Settle: p.cfg.Suspension.Settle})
		if err != nil {
			return row, database.Problem(fmt.Errorf("read suspension: %w", err))
		}
		if row.Over || row.State != ordering && row.State != filing {
			return row, nil
		}
		select {
		case <-looks.C:
		case <-ctx.Done():
			return row, technical("wait for another attempt", ctx.Err())
		}
	}
}

// act carries an attempt out: the order, or the PQR where none is possible.
func (p *process) act(ctx context.Context, d demand, a attempt) (reconnection.Outcome, error) {
	if d.debt {
		return p.file(ctx, d, a, pqr.ReasonDebtNotSettled, "")
	}
	in := orders.Reconnection{Reference: d.reference, Connection: d.connection, Strategy: d.strategy}
	if d.strategy == orders.StrategyVoluntary {
		in.DocumentType, in.DocumentNumber = d.holder.DocumentType, d.holder.DocumentNumber
	}
	if err := late(ctx); err != nil {
		return p.abandon(ctx, a, err)
	}
	order, err := p.orders.Reconnect(ctx, in)
	made, err := orderOf(order, err)
	switch e := problem.Of(err); {
	case err == nil:
		return p.conclude(ctx, d, a, made)
	case e.Kind == problem.Rejected && e.Code == orders.CodeNotPossible:
		held, err := p.settle(ctx, a, settlement{state: filing})
		if err != nil {
			return reconnection.Outcome{}, err
		}
		if !held {
			return reconnection.Outcome{}, problem.Errorf(problem.Unknown, "reconnect: the attempt was taken for over")
		}
		a.step = filing
		return p.file(ctx, d, a, pqr.ReasonOrderNotPossible, e.Detail)
	case e.Kind == problem.Unavailable: // the contract's promise: nothing was sent
		return p.abandon(ctx, a, technical("order", err))
	}
	return p.doubt(ctx, d, a, p.findOrder, technical("order", err))
}

// file files the PQR of an attempt that holds its row in step filing.
func (p *process) file(ctx context.Context, d demand, a attempt, reason pqr.Reason, detail string) (reconnection.Outcome, error) {
	if err := late(ctx); err != nil {
		return p.abandon(ctx, a, err)
	}
	created, err := p.pqrs.Create(ctx, pqr.Filing{
		Reference: d.reference, Connection: d.connection, DocumentType: d.holder.DocumentType, DocumentNumber: d.holder.DocumentNumber,
		Reason: reason, Detail: shortened(detail),
	})
	made, err := pqrOf(created, err)
	switch {
	case err == nil:
		return p.conclude(ctx, d, a, made)
	case errors.Is(err, problem.Unavailable):
		return p.abandon(ctx, a, technical("file a PQR", err))
	}
	return p.doubt(ctx, d, a, p.findPQR, technical("file a PQR", err))
}

// late is the error of an attempt whose time is over, also where no timer has noticed yet: a process
// that was held up must not act on a row that others may take for free.
func late(ctx context.Context) error {
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		return technical("act", context.DeadlineExceeded)
	}
	return nil
}

// maxDetail is the contract's.
const maxDetail = 500

func shortened(text string) string {
	if characters := []rune(text); len(characters) > maxDetail {
		return string(characters[:maxDetail])
	}
	return text
}

// conclude writes down what a system has. It is the answer even where that fails: an inquiry will
// find the same.
func (p *process) conclude(ctx context.Context, d demand, a attempt, made settlement) (reconnection.Outcome, error) {
	_, _ = p.settle(ctx, a, made)
	p.forget(d.asked, d.connection)
	return made.outcome(), nil
}

// abandon ends an attempt that certainly did nothing, because of err.
func (p *process) abandon(ctx context.Context, a attempt, err error) (reconnection.Outcome, error) {
	_, _ = p.settle(ctx, a, settlement{state: abandoned}) // where that fails an inquiry finds nothing
	return reconnection.Outcome{}, err
}

// doubt ends a call that may have acted: if there is time its system is asked once, and what it has is
// the outcome. What it has not is not believed yet, and the caller gets the call's own error.
func (p *process) doubt(ctx context.Context, d demand, a attempt, find func(context.Context, string) (settlement, error), err error) (reconnection.Outcome, error) {
	if ctx.Err() == nil {
		if made, err := find(ctx, d.reference); err == nil && made.final() {
			return p.conclude(ctx, d, a, made)
		}
	}
	ctx, cancel := afterwards(ctx)
	defer cancel()
	_ = sql.New(p.db).ReleaseSuspension(ctx, sql.ReleaseSuspensionParams{ID: a.id[:], Attempt: a.number}) // else its lease ends by itself
	return reconnection.Outcome{}, err
}

// settle ends a's step with s. It reports whether the attempt still held its row in that step.
func (p *process) settle(ctx context.Context, a attempt, s settlement) (bool, error) {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	n, err := sql.New(p.db).SettleSuspension(ctx, sql.SettleSuspensionParams{
		ID: a.id[:], Attempt: a.number, Step: a.step, State: s.state, OrderNumber: s.order, Cun: s.cun, PqrNumber: s.pqr,
	})
	if err != nil {
		return false, database.Problem(fmt.Errorf("settle suspension: %w", err))
	}
	return n > 0, nil
}

// afterwards bounds what is still to be written when a request's own time may be over.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 500*time.Millisecond)
}
