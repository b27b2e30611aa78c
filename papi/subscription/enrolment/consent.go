package enrolment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/problem"
)

// Consent is the proof for the consumer authority (specification §7.3): who agreed to what, when, how
// that was shown, and by what it is known that the line was theirs. Nobody changes it.
type Consent struct {
	ID           uuid.UUID `json:"id"`
	Flow         uuid.UUID `json:"flow"`
	Line         int64     `json:"line"` // by which the number is found, until it is erased
	PartnerID    int64     `json:"partnerId"`
	ServiceID    int64     `json:"serviceId"`
	ProductID    int64     `json:"productId"`
	PricepointID int64     `json:"pricepointId"`
	Amount       int64     `json:"amount"` // as shown, minor units
	Currency     string    `json:"currency"`

	Fallbacks []catalogue.Fallback `json:"fallbacks,omitempty"` // lower prices, as shown beside it
	Period    *catalogue.Period    `json:"period,omitempty"`    // for which Amount is paid, again and again
	Single    bool                 `json:"single,omitempty"`    // Amount is paid once, and for no period

	Proof     contract.Proof `json:"proof"`
	PIN       int32          `json:"pin,omitempty"`    // which one of the flow's was typed
	Source    *source        `json:"source,omitempty"` // of ProofHE
	Campaign  string         `json:"campaign"`
	Channel   string         `json:"channel"`
	TID       string         `json:"tid,omitempty"`
	Texts     string         `json:"texts"`           // their version
	Shown     string         `json:"shown,omitempty"` // what they said of what is agreed to
	Screens   []string       `json:"screens"`         // in the order in which they were confirmed
	StartedAt time.Time      `json:"startedAt"`
	GivenAt   time.Time      `json:"givenAt"`
	Started   origin         `json:"started"`
	Confirmed origin         `json:"confirmed"`
}

// origin is from where something was asked for.
type origin struct {
	Address    string  `json:"address"`
	UserAgent  string  `json:"userAgent,omitempty"`
	Enrichment *source `json:"enrichment,omitempty"`
}

// source is who told whose line it is: the operator's proxy, and its network's address.
type source struct {
	Operator  string `json:"operator"`
	Peer      string `json:"peer"`
	Forwarded string `json:"forwarded,omitempty"`
}

func originOf(flow uuid.UUID) string    { return "subscription.flows/" + flow.String() }
func recordOf(consent uuid.UUID) string { return "subscription.consents/" + consent.String() }

func (f *Flows) sealOrigin(flow uuid.UUID, from origin) []byte {
	text, _ := json.Marshal(from, json.Deterministic(true)) // texts only
	return f.ring.Seal(originOf(flow), text)
}

// consent writes down what was agreed to in a flow.
func (f *Flows) consent(ctx context.Context, tx pgx.Tx, flow sql.SubscriptionFlow, o offer, in contract.Confirmation, pin int32, at time.Time) (uuid.UUID, error) {
	var started origin
	text, err := f.ring.Open(originOf(flow.ID), flow.Origin)
	if err == nil {
		err = json.Unmarshal(text, &started)
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("read origin of flow: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, err
	}
	c := Consent{
		ID:           id,
		Flow:         flow.ID,
		Line:         flow.LineID,
		PartnerID:    flow.PartnerID,
		ServiceID:    flow.ServiceID,
		ProductID:    flow.ProductID,
		PricepointID: flow.PricepointID,
		Amount:       o.point.Amount,
		Currency:     o.product.Country().Currency,
		Fallbacks:    o.product.Fallbacks(o.point),
		Period:       o.product.Period,
		Single:       o.product.Type == catalogue.OneShot,
		Proof:        contract.Proof(flow.Proof),
		PIN:          pin,
		Source:       started.Enrichment,
		Campaign:     flow.Campaign,
		Channel:      flow.Channel,
		TID:          flow.TID,
		Texts:        in.Texts,
		Shown:        in.Shown,
		Screens:      in.Screens,
		StartedAt:    flow.StartedAt.UTC(),
		GivenAt:      at.UTC(),
		Started:      origin{Address: started.Address, UserAgent: started.UserAgent},
		Confirmed:    origin{Address: in.Address, UserAgent: in.UserAgent},
	}
	if text, err = json.Marshal(c, json.Deterministic(true)); err != nil {
		return id, fmt.Errorf("write consent: %w", err)
	}
	lower, err := json.Marshal(c.Fallbacks)
	if err != nil {
		return id, fmt.Errorf("write consent: %w", err)
	}
	q := sql.New(tx)
	if err = q.AddConsent(ctx, sql.AddConsentParams{
		ID: id, LineID: flow.LineID, PartnerID: flow.PartnerID, ServiceID: flow.ServiceID, ProductID: flow.ProductID, PricepointID: flow.PricepointID,
		Amount: c.Amount, Currency: c.Currency, Fallbacks: lower, Proof: flow.Proof, OwnerEpoch: flow.OwnerEpoch, GivenAt: at, Record: f.ring.Seal(recordOf(id), text),
	}); err != nil {
		return id, fmt.Errorf("add consent: %w", err)
	}
	if err = q.ConfirmFlow(ctx, sql.ConfirmFlowParams{ID: flow.ID, ConsentID: &id}); err != nil {
		return id, fmt.Errorf("confirm flow: %w", err)
	}
	return id, nil
}

// Consent reads what was agreed to. Error: NotFound.
func (f *Flows) Consent(ctx context.Context, id uuid.UUID) (c Consent, err error) {
	row, err := sql.New(f.db).Consent(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, problem.NotFound
	}
	if err != nil {
		return c, database.Problem(fmt.Errorf("read consent: %w", err))
	}
	return f.OpenConsent(row)
}

// OpenConsent reads what was agreed to out of its row.
func (f *Flows) OpenConsent(row sql.SubscriptionConsent) (c Consent, err error) {
	text, err := f.ring.Open(recordOf(row.ID), row.Record)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return c, fmt.Errorf("read consent %s: %w", row.ID, err)
	}
	return c, nil
}
