package renewal

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/charging"
	"puente/papi/subscription/sql"
	"puente/shared/database"
)

// The steps at which a process may die.
const (
	dieLooking = iota
	dieOpening
	dieOpened // the intentions are there, the operator has not heard
	dieCalled // the operator has
	dieSettling
	deaths
)

// mortal is charging in a process that dies at a step.
type mortal struct {
	charger
	db    *database.DB
	at    int
	after int64 // so many times the step is taken first
	dead  atomic.Bool
	left  atomic.Int64
}

var errDead = errors.New("the process is dead")

// dies reports whether the process is dead at a step; from then on it has no database.
func (m *mortal) dies(step int) bool {
	if m.dead.Load() {
		return true
	}
	if step != m.at || m.left.Add(1) <= m.after {
		return false
	}
	m.dead.Store(true)
	go m.db.Pool.Close() // which waits for what is under way
	return true
}

func (m *mortal) Open(ctx context.Context, tx pgx.Tx, now time.Time, all ...charging.Intent) (charging.Opened, error) {
	opened, err := m.charger.Open(ctx, tx, now, all...)
	if m.dies(dieOpening) {
		return opened, errDead
	}
	return opened, err
}

func (m *mortal) Call(ctx context.Context, o charging.Order) charging.Result {
	if m.dies(dieOpened) {
		return charging.Result{}
	}
	result := m.charger.Call(ctx, o)
	m.dies(dieCalled)
	return result
}

func (m *mortal) Settle(ctx context.Context, tx pgx.Tx, now time.Time, all ...charging.Settlement) (map[int64]sql.SubscriptionCharge, error) {
	rows, err := m.charger.Settle(ctx, tx, now, all...)
	if m.dies(dieSettling) {
		return rows, errDead
	}
	return rows, err
}

type dying struct {
	directory
	mortal *mortal
}

func (d dying) Look(ctx context.Context, msisdn string) (subscriber.Line, error) {
	if d.mortal.dies(dieLooking) {
		return subscriber.Line{}, errDead
	}
	return d.directory.Look(ctx, msisdn)
}
