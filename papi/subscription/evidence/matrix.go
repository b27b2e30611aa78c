package evidence

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/sql"
	"puente/shared/database"
)

// Desk shows the matrix, takes what people sign, and keeps the gate.
type Desk struct {
	db        *database.DB
	catalogue *catalogue.Store
	validity  time.Duration
	now       func() time.Time
}

// NewDesk makes a desk; now is business time.
func NewDesk(cfg Config, db *database.DB, store *catalogue.Store, now func() time.Time) *Desk {
	return &Desk{db, store, cfg.Validity, now}
}

// place is where a row of the matrix stands.
type place struct {
	partner, product int64 // product zero: all of the partner's
	environment      catalogue.Environment
}

func (p place) id() string {
	id := strconv.FormatInt(p.partner, 10)
	if p.product != 0 {
		id += "." + strconv.FormatInt(p.product, 10) + "." + string(p.environment)
	}
	return id
}

// line is a row before it is read: what it is of, and what is said of it.
type line struct {
	place
	of      *catalogue.Product
	current bool // its environment is the partner's now
	decided sql.SubscriptionDecision
	shown   bool // something is known of it
	row     acceptance.Row
}

var environments = []catalogue.Environment{catalogue.Staging, catalogue.Production}

// rows reads the matrix of products: a row for the environment in which each is, and one for the other where it
// has been there.
func (d *Desk) rows(ctx context.Context, products []*catalogue.Product) ([]*line, error) {
	var lines []*line
	for _, p := range products {
		for _, e := range environments {
			current := e == p.Partner().Environment
			lines = append(lines, &line{place: place{p.Partner().ID, p.ID, e}, of: p, current: current, shown: current})
		}
	}
	err := d.db.AtOneMoment(ctx, func(tx pgx.Tx) error {
		q := sql.New(tx)
		if err := d.decisions(ctx, q, lines); err != nil {
			return err
		}
		if err := d.cells(ctx, q, lines); err != nil {
			return err
		}
		counts, err := q.ActiveSubscriptions(ctx)
		active := make(map[int64]int, len(counts))
		for _, c := range counts {
			active[c.ProductID] = int(c.Number)
		}
		for _, l := range lines {
			l.finish(active, d.now())
		}
		return err
	})
	if err != nil {
		return nil, database.Problem(fmt.Errorf("read acceptance matrix: %w", err))
	}
	var shown []*line
	for _, l := range lines {
		if l.shown {
			shown = append(shown, l)
		}
	}
	return shown, nil
}

// decisions are what people said of each row, or of all of its partner's.
func (d *Desk) decisions(ctx context.Context, q *sql.Queries, lines []*line) error {
	all, err := q.LastDecisions(ctx)
	if err != nil {
		return err
	}
	by := make(map[place]sql.SubscriptionDecision, len(all))
	for _, one := range all {
		by[place{one.PartnerID, one.ProductID, catalogue.Environment(one.Environment)}] = one
	}
	for _, l := range lines {
		own, said := by[l.place]
		partner, saidOfAll := by[place{partner: l.partner, environment: l.environment}]
		l.shown = l.shown || said || saidOfAll
		l.decided = inherit(own, partner)
	}
	return nil
}

// inherit fills in what a row's own decision does not say from that of its partner's.
func inherit(own, partner sql.SubscriptionDecision) sql.SubscriptionDecision {
	own.E2e, own.Delivery, own.Integration = cmp.Or(own.E2e, partner.E2e), cmp.Or(own.Delivery, partner.Delivery), cmp.Or(own.Integration, partner.Integration)
	if own.WaivedBy == "" {
		own.WaivedBy, own.WaivedWhy, own.WaivedAt = partner.WaivedBy, partner.WaivedWhy, partner.WaivedAt
	}
	return own
}

// cells fills the checks in.
func (d *Desk) cells(ctx context.Context, q *sql.Queries, lines []*line) error {
	var in sql.LastEvidenceParams
	for i, l := range lines {
		for c := range acceptance.Check(acceptance.Checks) {
			if !applies(l.of, c) {
				l.row.Cells[c].State = acceptance.NotApplicable
				continue
			}
			in.Positions = append(in.Positions, int32(i*acceptance.Checks+int(c)))
			in.Partners, in.Products = append(in.Partners, l.partner), append(in.Products, l.product)
			in.Environments, in.Steps = append(in.Environments, string(l.environment)), append(in.Steps, c.String())
			in.Configurations = append(in.Configurations, Configuration(l.of, c))
		}
	}
	found, err := q.LastEvidence(ctx, in)
	if err != nil {
		return err
	}
	by := map[int32][]sql.LastEvidenceRow{}
	for _, e := range found {
		by[e.Position] = append(by[e.Position], e)
	}
	now := d.now()
	for position, values := range by {
		l, c := lines[int(position)/acceptance.Checks], acceptance.Check(int(position)%acceptance.Checks)
		l.shown = true
		configuration := ""
		if l.current { // what an environment was configured with that the partner left is not known any more
			configuration = Configuration(l.of, c)
		}
		if l.row.Cells[c], err = judge(values, configuration, d.validity, now); err != nil {
			return err
		}
	}
	return nil
}

// judge is what the last evidence of each value makes of a check: the strongest that holds under the
// configuration (empty: any) and came after the last failure under it. Of what does not hold any more the
// latest is shown, as NOK.
func judge(values []sql.LastEvidenceRow, configuration string, validity time.Duration, now time.Time) (acceptance.Cell, error) {
	holds := func(e sql.LastEvidenceRow) bool { return configuration == "" || e.Configuration == configuration }
	var failed time.Time
	for _, e := range values {
		if e.Value == acceptance.NOK.String() && holds(e) {
			failed = e.At
		}
	}
	var best acceptance.Cell
	for _, e := range values {
		one := acceptance.Cell{Evidence: e.ID.String(), At: e.At.UTC(), By: cmp.Or(e.SignedBy, "hub")}
		if err := one.State.UnmarshalText([]byte(e.Value)); err != nil {
			return best, err
		}
		var changed time.Time
		if !holds(e) {
			changed = e.At.Add(1)
		}
		one = one.AsOf(now, changed, validity)
		if !failed.IsZero() && !e.At.After(failed) {
			one.State = acceptance.NOK
		}
		if one.State > best.State || one.State == best.State && one.At.After(best.At) {
			best = one
		}
	}
	return best, nil
}

// finish fills in what is not of the checks.
func (l *line) finish(active map[int64]int, now time.Time) {
	partner, r := l.of.Partner(), &l.row
	r.ID, r.Name = l.id(), partner.Name+" / "+l.of.Name
	r.PartnerID, r.ProductID, r.Environment = l.partner, l.product, string(l.environment)
	r.E2E, r.Delivery, r.Integration = l.decided.E2e, l.decided.Delivery, l.decided.Integration
	r.Waiver = waiver(l.decided)
	if l.current { // each product is counted once
		r.Products, r.Subscriptions, r.Warnings = 1, active[l.product], warnings(partner, now, l.of.Endpoint(catalogue.ToldSubscriptions), l.of.Endpoint(catalogue.ToldCharges))
	}
	r.Status = acceptance.Planned
	for _, c := range r.Cells {
		if c.Evidence != "" {
			r.Status = acceptance.InProgress
		}
	}
	if l.decided.At != (time.Time{}) {
		r.Status = acceptance.InProgress
	}
	if partner.Environment == catalogue.Production {
		r.Status = acceptance.Delivered
	}
}

func waiver(d sql.SubscriptionDecision) *acceptance.Waiver {
	if d.WaivedBy == "" || d.WaivedAt == nil {
		return nil
	}
	return &acceptance.Waiver{By: d.WaivedBy, Reason: d.WaivedWhy, At: d.WaivedAt.UTC()}
}
