// Package support is what operators see of the hub, and do about it: subscriptions with their history,
// charges with their attempts, what was agreed to, and whether the money adds up. A number is shown masked; one may be asked
// for whole, for that is what a customer calls with.
package support

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/charging"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/line"
	"puente/shared/admin"
	"puente/shared/database"
	"puente/shared/phone"
	"puente/shared/problem"
)

// Desk answers operators.
type Desk struct {
	db        *database.DB
	book      *line.Book
	charging  *charging.Charging
	consents  opener
	lifecycle *lifecycle.Lifecycle
	writer    *lifecycle.Writer
	named     Named
	now       func() time.Time
}

// Named finds the keys of charges that partners named so, by a key of theirs or a tid.
type Named func(ctx context.Context, name string) (keys []string, err error)

// New makes a desk.
func New(db *database.DB, book *line.Book, c *charging.Charging, o opener, l *lifecycle.Lifecycle, w *lifecycle.Writer, named Named, now func() time.Time) *Desk {
	return &Desk{db, book, c, o, l, w, named, now}
}

const (
	most       = 100                 // that a list shows
	reconciled = 90 * 24 * time.Hour // days that a list shows
)

// Resources makes all that administrable.
func (d *Desk) Resources() []admin.Resource {
	return []admin.Resource{
		{Name: "subscriptions", Kind: "Subscription", Role: admin.Operator, List: d.subscriptions, Get: d.subscription, Apply: d.cancel},
		{Name: "charges", Kind: "Charge", Role: admin.Operator, List: d.charges, Get: d.charge, Apply: d.refund},
		{Name: "charges-open", Kind: "OpenCharge", List: d.openCharges, Get: d.charge},
		d.consentResource(),
		{Name: "reconciliations", Kind: "Reconciliation", List: d.days, Get: d.reconcile},
	}
}

// identify reads an id: a row's, or a number, whose line it gives.
func (d *Desk) identify(ctx context.Context, id string) (number, lineID int64, err error) {
	number, err = strconv.ParseInt(id, 10, 64)
	if err != nil || number < 1 {
		return 0, 0, problem.NotFound
	}
	lineID, err = d.book.Find(ctx, d.db, id)
	return number, lineID, err
}

// masked gives the numbers of lines as people may see them.
func (d *Desk) masked(ctx context.Context) func(...int64) (map[int64]string, error) {
	return func(ids ...int64) (map[int64]string, error) {
		numbers, err := d.book.Numbers(ctx, d.db, ids...)
		for id, n := range numbers {
			numbers[id] = phone.Mask(n)
		}
		return numbers, err
	}
}

func listed[R, S any](rows []R, lineOf func(R) int64, masked func(...int64) (map[int64]string, error), show func(R, string) S) ([]any, error) {
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = lineOf(r)
	}
	numbers, err := masked(ids...)
	if err != nil {
		return nil, err
	}
	all := make([]any, len(rows))
	for i, r := range rows {
		all[i] = show(r, numbers[lineOf(r)])
	}
	return all, nil
}

func absent(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return problem.NotFound
	}
	return database.Problem(fmt.Errorf("support: %w", err))
}

func or(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
