package support

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"puente/papi/subscription/enrolment"
	"puente/papi/subscription/sql"
	"puente/shared/admin"
	"puente/shared/database"
	"puente/shared/problem"
)

// opener reads the records of consents; an enrolment.Flows is one.
type opener interface {
	Consent(context.Context, uuid.UUID) (enrolment.Consent, error)
	OpenConsent(sql.SubscriptionConsent) (enrolment.Consent, error)
}

// Consent is what a line's owner agreed to, as a list shows it.
type Consent struct {
	ID             uuid.UUID `json:"id"`
	Line           string    `json:"line"`                    // masked
	SubscriptionID int64     `json:"subscriptionId,omitzero"` // that it made
	PartnerID      int64     `json:"partnerId"`
	ServiceID      int64     `json:"serviceId"`
	ProductID      int64     `json:"productId"`
	PricepointID   int64     `json:"pricepointId"`
	Amount         int64     `json:"amount"` // as shown, minor units
	Currency       string    `json:"currency"`
	Proof          string    `json:"proof"`
	GivenAt        time.Time `json:"givenAt"`
}

// Proof is a consent with all that is known of it: the proof for the consumer authority (specification §7.3).
type Proof struct {
	Consent
	Record enrolment.Consent `json:"record"`
}

func (d *Desk) consentResource() admin.Resource {
	return admin.Resource{
		Name: "consents", Kind: "Consent", Role: admin.Operator, List: d.recentConsents, Get: d.consent,
		Exports: map[string]admin.Export{
			"csv":  d.consentExport("text/csv; charset=utf-8; header=present", "csv", writeCSV),
			"json": d.consentExport("application/json", "json", writeJSON),
		},
	}
}

// agreed is a consent's row, with the subscription that it made.
type agreed struct {
	sql.SubscriptionConsent
	subscription int64
}

func (d *Desk) recentConsents(ctx context.Context) ([]any, error) {
	rows, err := sql.New(d.db).RecentConsents(ctx, most)
	if err != nil {
		return nil, database.Problem(err)
	}
	all := make([]agreed, len(rows))
	for i, r := range rows {
		all[i] = agreed{r.SubscriptionConsent, r.SubscriptionID}
	}
	return listed(all, func(r agreed) int64 { return r.LineID }, d.masked(ctx), shownConsent)
}

// consent finds one by id with its record, or those of a number.
func (d *Desk) consent(ctx context.Context, id string) (any, error) {
	if one, err := uuid.Parse(id); err == nil {
		return d.proof(ctx, one)
	}
	all, err := d.consentsOf(ctx, id, most)
	if err != nil {
		return nil, err
	}
	items, err := listed(all, func(r agreed) int64 { return r.LineID }, d.masked(ctx), shownConsent)
	return map[string]any{"items": items}, err
}

// consentsOf are those of a number.
func (d *Desk) consentsOf(ctx context.Context, number string, most int32) ([]agreed, error) {
	_, lineID, err := d.identify(ctx, number)
	if err != nil {
		return nil, err
	}
	if lineID == 0 {
		return nil, problem.NotFound
	}
	rows, err := sql.New(d.db).ConsentsOfLine(ctx, sql.ConsentsOfLineParams{LineID: lineID, Most: most})
	if err != nil {
		return nil, database.Problem(err)
	}
	all := make([]agreed, len(rows))
	for i, r := range rows {
		all[i] = agreed{r.SubscriptionConsent, r.SubscriptionID}
	}
	return all, nil
}

func (d *Desk) proof(ctx context.Context, id uuid.UUID) (Proof, error) {
	record, err := d.consents.Consent(ctx, id)
	if err != nil {
		return Proof{}, err
	}
	masked, err := d.masked(ctx)(record.Line)
	if err != nil {
		return Proof{}, err
	}
	p := Proof{Record: record, Consent: Consent{
		ID: id, Line: masked[record.Line], PartnerID: record.PartnerID, ServiceID: record.ServiceID, ProductID: record.ProductID,
		PricepointID: record.PricepointID, Amount: record.Amount, Currency: record.Currency, Proof: string(record.Proof), GivenAt: record.GivenAt,
	}}
	made, err := sql.New(d.db).SubscriptionOfConsent(ctx, id)
	if err == nil {
		p.SubscriptionID = made.ID
	} else if err = absent(err); errors.Is(err, problem.NotFound) { // of a one-shot product, or there was one already
		err = nil
	}
	return p, err
}

func shownConsent(r agreed, line string) Consent {
	return Consent{
		ID: r.ID, Line: line, SubscriptionID: r.subscription, PartnerID: r.PartnerID, ServiceID: r.ServiceID, ProductID: r.ProductID,
		PricepointID: r.PricepointID, Amount: r.Amount, Currency: r.Currency, Proof: r.Proof, GivenAt: r.GivenAt,
	}
}
