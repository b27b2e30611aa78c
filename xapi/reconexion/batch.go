package reconexion

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"puente/contracts/papi/reconnection"
	"puente/contracts/xapi/reconexion"
	"puente/shared/envelope"
	"puente/shared/hop"
	"puente/shared/problem"
)

// StartBatch hands a batch to the process, under a key that its client and system name it by.
func (c *channel) StartBatch(ctx context.Context, in reconexion.BatchRequest) (reconexion.BatchResponse, error) {
	items, err := itemsOf(in)
	if err != nil {
		return reconexion.BatchResponse{}, err
	}
	batch, err := c.process.StartBatch(ctx, reconnection.BatchRequest{Key: hop.PrincipalOf(ctx).Scoped(in.Caller.Correlation), Items: items})
	if err != nil {
		return reconexion.BatchResponse{}, err
	}
	return c.batch(ctx, in.Caller, batch), nil
}

// GetBatch tells how far a batch has come.
func (c *channel) GetBatch(ctx context.Context, in reconexion.BatchQuery) (reconexion.BatchResponse, error) {
	batch, err := c.process.Batch(ctx, reconnection.BatchQuery{ID: in.ID})
	if errors.Is(err, problem.NotFound) {
		err = &problem.Error{Kind: problem.NotFound, Code: reconexion.CodeNoBatch, Err: err}
	}
	if err != nil {
		return reconexion.BatchResponse{}, err
	}
	return c.batch(ctx, in.Caller, batch), nil
}

// itemsOf are the items of a batch, each with a correlation of its own.
func itemsOf(in reconexion.BatchRequest) ([]reconnection.BatchItem, error) {
	items := make([]reconnection.BatchItem, len(in.Items))
	taken := make(map[string]bool, len(in.Items))
	var twice []problem.Field
	for i, item := range in.Items {
		correlation := item.CorrelationID
		if correlation == "" {
			correlation = numbered(in.Caller.Correlation, i+1)
		}
		if taken[correlation] {
			twice = append(twice, problem.Field{Path: fmt.Sprintf("Items[%d].CorrelationID", i), Rule: "is another item's, too"})
		}
		taken[correlation] = true
		items[i] = reconnection.BatchItem{
			Correlation: correlation, Connection: item.Phone, DocumentType: string(item.DocumentType), DocumentNumber: item.DocumentNumber,
		}
	}
	if twice != nil {
		return nil, &problem.Error{Kind: problem.Invalid, Fields: twice}
	}
	return items, nil
}

// maxCorrelation bounds a correlation ID, in bytes.
const maxCorrelation = 128

// numbered is the correlation of a batch's item that names none. Where the batch's own is too long to
// take a number, its end is replaced by its hash, so that two batches have no item's in common.
func numbered(batch string, number int) string {
	correlation := fmt.Sprintf("%s-%d", batch, number)
	if len(correlation) <= maxCorrelation {
		return correlation
	}
	sum := sha256.Sum256([]byte(batch))
	end := fmt.Sprintf("~%x-%d", sum[:8], number)
	return batch[:maxCorrelation-len(end)] + end
}

// batch is the documented shape of a batch.
func (c *channel) batch(ctx context.Context, caller envelope.Header, b reconnection.Batch) reconexion.BatchResponse {
	out := reconexion.Batch{ID: b.ID, Status: reconexion.BatchStatus(b.State), Total: b.Total, Done: b.Done, Items: make([]reconexion.BatchResult, len(b.Results))}
	for i, r := range b.Results {
		item := reconexion.BatchResult{CorrelationID: r.Correlation, Phone: r.Connection, Status: reconexion.ItemStatus(r.State), Code: given(r.Code)}
		if o := r.Outcome; o != nil {
			item.Code, item.CUN, item.OrderNumber, item.PQRNumber = given(envelope.CodeOK), given(o.CUN), given(o.OrderNumber), given(o.PQRNumber)
		}
		out.Items[i] = item
	}
	header, status := c.header(ctx, caller, textBatch, "", "", "")
	return reconexion.BatchResponse{Status: status, Header: header, Body: out}
}
