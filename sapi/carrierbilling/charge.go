package carrierbilling

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"puente/contracts/sapi/carrierbilling"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// request is the body by which the operator is told to charge.
type request struct {
	TxID         string `json:"txId"`
	MSISDN       string `json:"msisdn"`
	Amount       int64  `json:"monto"` // minor units
	Currency     string `json:"moneda"`
	Description  string `json:"descripcion"`
	PartnerID    int64  `json:"idSocio"`
	ProductID    int64  `json:"idProducto"`
	PricepointID int64  `json:"idPuntoPrecio"`
	Context      string `json:"contexto"`
}

// charge is what the operator says of a charge.
type charge struct {
	TxID      string    `json:"txId"`
	Operation string    `json:"idOperacion"`
	State     string    `json:"estado"`
	Reason    string    `json:"motivo"`
	Amount    int64     `json:"monto"`
	Currency  string    `json:"moneda"`
	Date      time.Time `json:"fecha"`
	Refunds   []refund  `json:"devoluciones"`
}

var contexts = map[carrierbilling.Context]string{
	carrierbilling.ContextSubscription: "SUSCRIPCION", carrierbilling.ContextRenewal: "RENOVACION", carrierbilling.ContextOneShot: "DEMANDA",
}

const (
	charged  = "COBRADO"
	pending  = "PENDIENTE"
	declined = "RECHAZADO"

	unavailable = "NO_DISPONIBLE" // a reason of declined
)

// reasons are why the operator declines. One that is not here is as good a decline: ReasonRejected.
var reasons = map[string]carrierbilling.Reason{
	"SALDO_INSUFICIENTE": carrierbilling.ReasonInsufficientBalance,
	"LINEA_BLOQUEADA":    carrierbilling.ReasonLineBarred,
	"MSISDN_DESCONOCIDO": carrierbilling.ReasonUnknownMSISDN,
	"LISTA_NEGRA":        carrierbilling.ReasonBlacklisted,
	"LIMITE_EXCEDIDO":    carrierbilling.ReasonLimitExceeded,
	"RECHAZADO":          carrierbilling.ReasonRejected,
	unavailable:          carrierbilling.ReasonUnavailable,
}

// Charge charges a line, in one attempt.
func (s *system) Charge(ctx context.Context, in carrierbilling.Order) (carrierbilling.Charge, error) {
	body := request{in.TxID, in.MSISDN, in.Amount, in.Currency, in.Description, in.PartnerID, in.ProductID, in.PricepointID, contexts[in.Context]}
	var b broken
	b.unless(identifier.MatchString(in.TxID), "txId", "must match "+identifier.String())
	b.unless(international.MatchString(in.MSISDN), "msisdn", "must match "+international.String())
	b.unless(in.Amount > 0, "amount", "must be at least 1")
	b.unless(currency.MatchString(in.Currency), "currency", "must match "+currency.String())
	b.unless(in.Description != "" && utf8.RuneCountInString(in.Description) <= 160, "description", "must have 1 to 160 characters")
	b.unless(in.PartnerID > 0, "partnerId", "must be at least 1")
	b.unless(in.ProductID > 0, "productId", "must be at least 1")
	b.unless(in.PricepointID > 0, "pricepointId", "must be at least 1")
	b.unless(body.Context != "", "context", "must be one of the contract's")
	if err := b.err(); err != nil {
		return carrierbilling.Charge{}, err
	}
	out, err := s.order(ctx, in, body)
	if err != nil {
		return carrierbilling.Charge{}, fmt.Errorf("carrierbilling: create charge: %w", certain(ctx, err))
	}
	return out, nil
}

// order has the operator charge. An answer that cannot be of this order says nothing of it.
func (s *system) order(ctx context.Context, in carrierbilling.Order, body request) (carrierbilling.Charge, error) {
	var made charge
	err := s.charge.Call(ctx, httpclient.Ask{Body: body}, &made)
	var no *decline
	if errors.As(err, &no) {
		made, err = no.charge, nil
	}
	switch {
	case err != nil:
		return carrierbilling.Charge{}, err
	case made.TxID != in.TxID:
		return carrierbilling.Charge{}, malformed(target, "another txId than was sent")
	case made.Amount != in.Amount:
		return carrierbilling.Charge{}, malformed(target, "another amount than was sent")
	case made.Currency != in.Currency:
		return carrierbilling.Charge{}, malformed(target, "another currency than was sent")
	case (made.State == declined) != (no != nil):
		return carrierbilling.Charge{}, malformed(target, "a status that belies its state")
	}
	return made.charge(target)
}

// decline is a charge that was declined, on its way out of httpclient, which knows it as an error.
type decline struct{ charge charge }

func (*decline) Error() string { return "declined" }

// notCharged is a refusal of a charge in the operator's own words: that it was declined, that it is not
// available, or that the txId is of another charge. Any other answer may come from anywhere.
func notCharged(status int, text []byte) error {
	if status == http.StatusConflict {
		said := read(text)
		if said.Code != "TX_DISTINTA" {
			return nil
		}
		return said.refusal(problem.Conflict, carrierbilling.CodeTxIDReused, "The operator has a charge of this txId with other values")
	}
	var no decline
	if status != http.StatusPaymentRequired && status != http.StatusServiceUnavailable || json.Unmarshal(text, &no.charge) != nil || no.charge.State != declined {
		return nil
	}
	if (status == http.StatusServiceUnavailable) != (no.charge.Reason == unavailable) {
		return nil
	}
	return &no
}

// rejection is how the operator refuses a request.
type rejection struct {
	Code    string `json:"codigo"`
	Message string `json:"mensaje"`
}

// read is a rejection of which the code is empty where text is none.
func read(text []byte) (r rejection) {
	if json.Unmarshal(text, &r) != nil {
		return rejection{}
	}
	return r
}

func (r rejection) refusal(kind problem.Kind, code, detail string) error {
	e := &problem.Error{Kind: kind, Code: code, Detail: detail, Err: fmt.Errorf("%s: %s", telemetry.MaskText(r.Code), telemetry.MaskText(r.Message))}
	return e.Caused(target)
}

// unknownTx is how the operator says that it has no charge of a txId.
const unknownTx = "NO_EXISTE"

// absent is the operator's own word that it has none. Who hears it may charge again: a 404 of a gateway
// does not say it.
func absent(text []byte) bool { return read(text).Code == unknownTx }

// Query tells what became of a charge.
func (s *system) Query(ctx context.Context, in carrierbilling.ChargeQuery) (carrierbilling.Charge, error) {
	if !identifier.MatchString(in.TxID) {
		return carrierbilling.Charge{}, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "txId", Rule: "must match " + identifier.String()}}}
	}
	var found charge
	err := s.query.Call(ctx, httpclient.Ask{Path: []string{in.TxID}}, &found)
	if errors.Is(err, problem.NotFound) {
		err = (&problem.Error{Kind: problem.NotFound, Code: carrierbilling.CodeNoCharge, Detail: "The operator has no charge of this txId"}).Caused(queryTarget)
	}
	if err == nil && found.TxID != in.TxID {
		err = malformed(queryTarget, "another txId than was asked for")
	}
	var out carrierbilling.Charge
	if err == nil {
		out, err = found.charge(queryTarget)
	}
	if err != nil {
		return carrierbilling.Charge{}, fmt.Errorf("carrierbilling: get charge: %w", err)
	}
	return out, nil
}

// charge is c in the contract's terms; target is who said it.
func (c charge) charge(target string) (carrierbilling.Charge, error) {
	out := carrierbilling.Charge{
		TxID: c.TxID, OperatorRef: c.Operation, Amount: c.Amount, Currency: c.Currency, Refunds: []carrierbilling.Refund{},
	}
	if c.Amount < 1 || !currency.MatchString(c.Currency) {
		return carrierbilling.Charge{}, malformed(target, "no amount or no currency")
	}
	if c.Operation == "" && c.Reason != unavailable {
		return carrierbilling.Charge{}, malformed(target, "a charge without number")
	}
	if (c.State == declined) != (c.Reason != "") {
		return carrierbilling.Charge{}, malformed(target, "a decline without reason, or a reason without one")
	}
	switch c.State {
	case charged:
		if c.Date.IsZero() {
			return carrierbilling.Charge{}, malformed(target, "a charge without date")
		}
		at := c.Date.UTC()
		out.Outcome, out.ChargedAt = carrierbilling.OutcomeCharged, &at
	case pending:
		out.Outcome = carrierbilling.OutcomePending
	case declined:
		out.Outcome, out.Reason = carrierbilling.OutcomeDeclined, carrierbilling.ReasonRejected
		if known, ok := reasons[c.Reason]; ok {
			out.Reason = known
		}
	default:
		return carrierbilling.Charge{}, malformed(target, "a charge in no known state")
	}
	left := c.Amount
	for _, r := range c.Refunds {
		given, err := r.refund(target)
		if err != nil {
			return carrierbilling.Charge{}, err
		}
		if left -= given.Amount; left < 0 || given.Currency != c.Currency || c.State != charged {
			return carrierbilling.Charge{}, malformed(target, "refunds that its charge does not cover")
		}
		out.Refunds = append(out.Refunds, given)
	}
	return out, nil
}
