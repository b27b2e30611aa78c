package evidence

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/sql"
	"puente/shared/admin"
	"puente/shared/database"
	"puente/shared/problem"
)

// Resource is the matrix for operators. Its ids are those of rows, 52272.1000000001 or, of the environment that
// the partner has left, 52272.1000000001.STAGING; those of partners, 52272 (or 52272.STAGING), whose rows are
// rolled up in one; and two words: totals, and seed, the table of the platform that this hub succeeds.
//
// It is applied before the catalogue, so that a waiver may come in one call with the partner whom it lets into
// production.
func (d *Desk) Resource() admin.Resource {
	export := func(e admin.Export, rows func(context.Context) ([]acceptance.Row, error), write func(io.Writer, []acceptance.Row, acceptance.Totals) error) admin.Export {
		e.Write, e.WriteOf = written(rows, write), writtenOf(rows, write)
		return e
	}
	csv := func(extension string, rows func(context.Context) ([]acceptance.Row, error)) admin.Export {
		return export(admin.Export{MediaType: "text/csv; charset=utf-8; header=present", Extension: extension}, rows, acceptance.WriteCSV)
	}
	text := func(extension string, rows func(context.Context) ([]acceptance.Row, error)) admin.Export {
		return export(admin.Export{MediaType: "application/json", Extension: extension}, rows, acceptance.WriteJSON)
	}
	seed := func(context.Context) ([]acceptance.Row, error) { return acceptance.Seed() }
	return admin.Resource{
		Name: "acceptances", Kind: "Acceptance", Role: admin.Operator, List: d.list, Get: d.get, Check: d.check, Apply: d.sign,
		Exports: map[string]admin.Export{
			"csv": csv("csv", d.matrix), "json": text("json", d.matrix), "seed-csv": csv("seed.csv", seed), "seed-json": text("seed.json", seed),
		},
	}
}

func written(rows func(context.Context) ([]acceptance.Row, error), write func(io.Writer, []acceptance.Row, acceptance.Totals) error) func(context.Context, io.Writer) error {
	return func(ctx context.Context, w io.Writer) error {
		all, err := rows(ctx)
		if err != nil {
			return err
		}
		return write(w, all, acceptance.Total(all))
	}
}

// writtenOf writes those of the rows that a reader names.
func writtenOf(rows func(context.Context) ([]acceptance.Row, error), write func(io.Writer, []acceptance.Row, acceptance.Totals) error) func(context.Context, string, io.Writer) error {
	return func(ctx context.Context, of string, w io.Writer) error {
		all, err := rows(ctx)
		if err != nil {
			return err
		}
		total := acceptance.Total(all)
		if all, err = filter(of, all); err != nil {
			return err
		}
		return write(w, all, total)
	}
}

// matrix is all rows.
func (d *Desk) matrix(ctx context.Context) ([]acceptance.Row, error) {
	lines, err := d.rows(ctx, d.catalogue.Snapshot().Catalogue())
	return rowsOf(lines), err
}

func rowsOf(lines []*line) []acceptance.Row {
	rows := make([]acceptance.Row, len(lines))
	for i, l := range lines {
		rows[i] = l.row
	}
	return rows
}

func (d *Desk) list(ctx context.Context) ([]any, error) {
	rows, err := d.matrix(ctx)
	all := make([]any, len(rows))
	for i, r := range rows {
		all[i] = r
	}
	return all, err
}

// Row is a row with what is behind it, the latest first.
type Row struct {
	Row       acceptance.Row `json:"row"`
	Missing   []string       `json:"missing"` // until it may go to production
	Evidence  []Evidence     `json:"evidence"`
	Decisions []Decision     `json:"decisions"`
}

// Partner is a partner's rows, and one of all where the partner is now.
type Partner struct {
	Row       acceptance.Row   `json:"row"`
	Rows      []acceptance.Row `json:"rows"`
	Decisions []Decision       `json:"decisions"`
}

// Matrix is rows with their totals.
type Matrix struct {
	Source string            `json:"source"` // hub, or seed: what was before it, to be read only
	Rows   []acceptance.Row  `json:"rows"`
	Totals acceptance.Totals `json:"totals"`
}

// matrixOf gives each of the rows its share.
func matrixOf(source string, rows []acceptance.Row) Matrix {
	m := Matrix{source, rows, acceptance.Total(rows)}
	for i := range rows {
		share := m.Totals.Share(rows[i])
		rows[i].SharePercent = &share
	}
	return m
}

// Evidence is one thing that a check rests on, or did.
type Evidence struct {
	ID     string    `json:"id"`
	Check  string    `json:"check"`
	State  string    `json:"state"`
	Source string    `json:"source"`
	By     string    `json:"by,omitempty"` // of a person's word
	Reason string    `json:"reason,omitempty"`
	Token  string    `json:"token,omitempty"` // by which it came in
	Now    bool      `json:"now"`             // under the configuration that holds
	At     time.Time `json:"at"`
}

// Decision is what somebody said of a row.
type Decision struct {
	Environment string             `json:"environment"`
	E2E         string             `json:"e2e,omitempty"`
	Delivery    string             `json:"delivery,omitempty"`
	Integration string             `json:"integration,omitempty"`
	Waiver      *acceptance.Waiver `json:"waiver,omitempty"`
	By          string             `json:"by"`
	Reason      string             `json:"reason"`
	Token       string             `json:"token,omitempty"`
	At          time.Time          `json:"at"`
}

// historyMost is how much of a row's history is shown.
const historyMost = 200

func (d *Desk) get(ctx context.Context, id string) (any, error) {
	switch id {
	case "seed":
		rows, err := acceptance.Seed()
		return matrixOf("seed", rows), err
	case "totals":
		return d.totals(ctx)
	}
	p, ok := parse(id)
	if !ok {
		return nil, problem.NotFound
	}
	product, err := d.locate(&p)
	if err != nil {
		return nil, err
	}
	if product == nil {
		return d.partner(ctx, p)
	}
	lines, err := d.rows(ctx, []*catalogue.Product{product})
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		if l.environment == p.environment {
			return d.behind(ctx, l)
		}
	}
	return nil, problem.NotFound
}

// behind is a row with its history.
func (d *Desk) behind(ctx context.Context, l *line) (Row, error) {
	out := Row{Row: l.row, Missing: append([]string{}, l.row.Missing()...), Evidence: []Evidence{}}
	rows, err := sql.New(d.db).EvidenceOf(ctx, sql.EvidenceOfParams{PartnerID: l.partner, ProductID: l.product, Environment: string(l.environment), Most: historyMost})
	if err != nil {
		return out, database.Problem(fmt.Errorf("read evidence: %w", err))
	}
	for _, e := range rows {
		var check acceptance.Check
		if err := check.UnmarshalText([]byte(e.Step)); err != nil {
			return out, err
		}
		out.Evidence = append(out.Evidence, Evidence{
			ID: e.ID.String(), Check: e.Step, State: e.Value, Source: e.Source, By: e.SignedBy, Reason: e.Reason, Token: e.Actor,
			Now: l.current && e.Configuration == Configuration(l.of, check), At: e.At.UTC(),
		})
	}
	out.Decisions, err = d.decided(ctx, l.place)
	return out, err
}

func (d *Desk) decided(ctx context.Context, p place) ([]Decision, error) {
	rows, err := sql.New(d.db).DecisionsOf(ctx, sql.DecisionsOfParams{PartnerID: p.partner, ProductID: p.product, Environment: string(p.environment), Most: historyMost})
	if err != nil {
		return nil, database.Problem(fmt.Errorf("read decisions: %w", err))
	}
	all := make([]Decision, len(rows))
	for i, r := range rows {
		all[i] = Decision{Environment: r.Environment, E2E: r.E2e, Delivery: r.Delivery, Integration: r.Integration, Waiver: waiver(r), By: r.SignedBy, Reason: r.Reason, Token: r.Actor, At: r.At.UTC()}
	}
	return all, nil
}

// partner is all rows of a partner.
func (d *Desk) partner(ctx context.Context, p place) (any, error) {
	now := d.catalogue.Snapshot()
	partner, known := now.Partner(p.partner)
	decisions, err := d.decided(ctx, p)
	if err != nil {
		return nil, err
	}
	var waived *acceptance.Waiver
	if len(decisions) > 0 {
		waived = decisions[0].Waiver
	}
	for _, e := range environments {
		if e != p.environment { // what let it pass is of where it was before
			before, err := d.decided(ctx, place{partner: p.partner, environment: e})
			if err != nil {
				return nil, err
			}
			decisions = append(decisions, before...)
		}
	}
	switch {
	case !known && len(decisions) == 0:
		return nil, problem.NotFound
	case !known: // waived before it is there
		return Partner{Row: acceptance.Row{ID: p.id(), PartnerID: p.partner, Status: acceptance.Planned, Waiver: waived}, Rows: []acceptance.Row{}, Decisions: decisions}, nil
	}
	var products []*catalogue.Product
	for _, product := range now.Catalogue() {
		if product.Partner() == partner {
			products = append(products, product)
		}
	}
	lines, err := d.rows(ctx, products)
	if err != nil {
		return nil, err
	}
	row := rollUp(partner, p.environment, lines, d.now())
	row.Waiver = waived
	return Partner{row, rowsOf(lines), decisions}, nil
}

// rollUp makes one row of those that a partner has in an environment.
func rollUp(partner *catalogue.Partner, in catalogue.Environment, lines []*line, now time.Time) acceptance.Row {
	var rows []acceptance.Row
	for _, l := range lines {
		if l.environment == in && l.of.Partner().ID == partner.ID {
			rows = append(rows, l.row)
		}
	}
	row := acceptance.RollUp(partner.Name, rows)
	row.ID, row.PartnerID, row.Environment = strconv.FormatInt(partner.ID, 10), partner.ID, string(in)
	if in != partner.Environment {
		row.ID += "." + string(in)
		return row
	}
	row.Warnings = warnings(partner, now, partner.Endpoint(catalogue.ToldSubscriptions), partner.Endpoint(catalogue.ToldCharges))
	return row
}

// totals is a row of each partner that sells, and the sums.
func (d *Desk) totals(ctx context.Context) (Matrix, error) {
	lines, err := d.rows(ctx, d.catalogue.Snapshot().Catalogue())
	rows := []acceptance.Row{}
	for i, l := range lines { // those of a partner stand together
		if i == 0 || lines[i-1].partner != l.partner {
			rows = append(rows, rollUp(l.of.Partner(), l.of.Partner().Environment, lines, d.now()))
		}
	}
	return matrixOf("hub", rows), err
}
