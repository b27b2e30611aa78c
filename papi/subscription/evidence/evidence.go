// Package evidence is what the integration acceptance matrix rests on (specification §14): what partners
// have shown that they can do, written down as it happens and in the transaction that makes it so; what people
// have signed; the matrix of both; and the gate to production, which asks it.
package evidence

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/sql"
	"puente/shared/database"
)

// Proof is something that a partner's side did, or did not do.
type Proof struct {
	Product       *catalogue.Product
	Check         acceptance.Check
	Configuration string // under which it was done; see Configuration and Webhook
	Source        string // what it was, and its id
	At            time.Time
}

// How often the same is written down. That something works is worth a row a day, for a row is good for half a
// year; that it does not, one an hour.
const (
	provedAgain = 24 * time.Hour
	failedAgain = time.Hour
)

// Recorder writes proofs down. A nil one writes nothing.
type Recorder struct {
	mu     sync.Mutex
	recent map[cell]time.Time // when a row was last found in the table that makes another superfluous
}

// cell is what a note is about.
type cell struct {
	partner, product int64
	environment      catalogue.Environment
	check            acceptance.Check
	configuration    string
}

const (
	noted   = time.Minute // how long a note spares the table; other processes may write a failure meanwhile
	noteMax = 4096
)

// New makes a recorder.
func New() *Recorder { return &Recorder{recent: map[cell]time.Time{}} }

// Proved writes down in tx that the partner did it: OK Prov.
func (r *Recorder) Proved(ctx context.Context, tx sql.DBTX, p Proof) error {
	if r == nil || r.fresh(p) {
		return nil
	}
	n, err := add(ctx, tx, p, acceptance.OKProv, provedAgain)
	if err == nil && n == 0 { // committed by somebody before: a row of tx itself may yet be rolled back
		r.note(p)
	}
	return err
}

// Failed writes down in tx that the partner did it wrong: NOK, until it is done right.
func (r *Recorder) Failed(ctx context.Context, tx sql.DBTX, p Proof) error {
	if r == nil {
		return nil
	}
	_, err := add(ctx, tx, p, acceptance.NOK, failedAgain)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.recent, p.cell())
	return err
}

func add(ctx context.Context, tx sql.DBTX, p Proof, state acceptance.State, again time.Duration) (int64, error) {
	partner := p.Product.Partner()
	id, err := uuid.NewV7()
	if err != nil {
		return 0, fmt.Errorf("evidence: make an id: %w", err)
	}
	n, err := sql.New(tx).AddEvidence(ctx, sql.AddEvidenceParams{
		ID: id, PartnerID: partner.ID, ProductID: p.Product.ID, Environment: string(partner.Environment), Step: p.Check.String(), Value: state.String(),
		Source: p.Source, Configuration: p.Configuration, At: p.At, Since: p.At.Add(-again),
	})
	if err != nil {
		return 0, database.Problem(fmt.Errorf("evidence: add: %w", err))
	}
	return n, nil
}

func (p Proof) cell() cell {
	return cell{p.Product.Partner().ID, p.Product.ID, p.Product.Partner().Environment, p.Check, p.Configuration}
}

// fresh reports whether the table was just found to have what p would add.
func (r *Recorder) fresh(p Proof) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.recent[p.cell()]
	age := p.At.Sub(at)
	return ok && age < noted && age > -noted
}

func (r *Recorder) note(p Proof) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.recent) >= noteMax {
		clear(r.recent)
	}
	r.recent[p.cell()] = p.At
}
