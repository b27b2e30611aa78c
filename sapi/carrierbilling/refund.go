package carrierbilling

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"puente/contracts/sapi/carrierbilling"
	"puente/shared/httpclient"
	"puente/shared/problem"
)

// refundRequest is the body by which the operator is told to give back.
type refundRequest struct {
	RefundID string `json:"idDevolucion"`
	Amount   int64  `json:"monto"` // minor units
}

// refund is what the operator says of a refund. TxID is in the answer to a refund only.
type refund struct {
	TxID      string    `json:"txId"`
	RefundID  string    `json:"idDevolucion"`
	Operation string    `json:"idOperacion"`
	Amount    int64     `json:"monto"`
	Currency  string    `json:"moneda"`
	Date      time.Time `json:"fecha"`
}

// Refund gives back a charge or a part of it, in one attempt.
func (s *system) Refund(ctx context.Context, in carrierbilling.RefundOrder) (carrierbilling.Refund, error) {
	var b broken
	b.unless(identifier.MatchString(in.TxID), "txId", "must match "+identifier.String())
	b.unless(identifier.MatchString(in.RefundID), "refundId", "must match "+identifier.String())
	b.unless(in.Amount > 0, "amount", "must be at least 1")
	if err := b.err(); err != nil {
		return carrierbilling.Refund{}, err
	}
	var made refund
	err := s.refund.Call(ctx, httpclient.Ask{Path: []string{in.TxID}, Body: refundRequest{in.RefundID, in.Amount}}, &made)
	if err == nil && (made.TxID != in.TxID || made.RefundID != in.RefundID || made.Amount != in.Amount) {
		err = malformed(target, "another refund than was sent")
	}
	var out carrierbilling.Refund
	if err == nil {
		out, err = made.refund(target)
	}
	if err != nil {
		return carrierbilling.Refund{}, fmt.Errorf("carrierbilling: create refund: %w", certain(ctx, err))
	}
	return out, nil
}

// notRefunded is a refusal of a refund in the operator's own words.
func notRefunded(status int, text []byte) error {
	said := read(text)
	switch {
	case status == http.StatusNotFound && said.Code == unknownTx:
		return said.refusal(problem.NotFound, carrierbilling.CodeNoCharge, "The operator has no charge of this txId")
	case status == http.StatusUnprocessableEntity && said.Code == "NO_DEVOLVIBLE":
		return said.refusal(problem.Rejected, carrierbilling.CodeRefundNotPossible, "The operator does not allow this refund")
	}
	return nil
}

// refund is r in the contract's terms; target is who said it.
func (r refund) refund(target string) (carrierbilling.Refund, error) {
	if r.RefundID == "" || r.Operation == "" || r.Amount < 1 || !currency.MatchString(r.Currency) || r.Date.IsZero() {
		return carrierbilling.Refund{}, malformed(target, "a refund without id, number, amount, currency or date")
	}
	return carrierbilling.Refund{RefundID: r.RefundID, OperatorRef: r.Operation, Amount: r.Amount, Currency: r.Currency, RefundedAt: r.Date.UTC()}, nil
}
