package tmforum

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"puente/contracts/papi/reconnection"
	"puente/contracts/xapi/tmf641"
	"puente/shared/hop"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// process is what TMF641 needs of the reconnection process.
type process interface {
	StartBatch(context.Context, reconnection.BatchRequest) (reconnection.Batch, error)
	Batch(context.Context, reconnection.BatchQuery) (reconnection.Batch, error)
	Order(context.Context, reconnection.NumberQuery) (reconnection.Order, error)
}

type orderChannel struct{ process process }

// Create orders a reconnection: a batch of one, for that is how the process works in the background.
// The item goes by the order's externalId, so that reading the order tells it again.
func (c *orderChannel) Create(ctx context.Context, in tmf641.ServiceOrderCreate) (tmf641.ServiceOrder, error) {
	documentType, documentNumber, err := holder(in.RelatedParty)
	if err != nil {
		return tmf641.ServiceOrder{}, err
	}
	key, external := in.IdempotencyKey, in.ExternalID
	if key == "" {
		key = telemetry.Correlation(ctx)
	}
	if external == "" {
		external = telemetry.Correlation(ctx)
	}
	batch, err := c.process.StartBatch(ctx, reconnection.BatchRequest{
		Key: hop.PrincipalOf(ctx).Scoped(tmf641.Contract.Name, key), // no batch of another channel is meant by it
		Items: []reconnection.BatchItem{{
			Correlation: external, Connection: in.ServiceOrderItem[0].Service.ID,
			DocumentType: documentType, DocumentNumber: documentNumber,
		}},
	})
	if err != nil {
		return tmf641.ServiceOrder{}, fmt.Errorf("service order: start: %w", err)
	}
	return orderOfBatch(batch, tmf641.StateAcknowledged)
}

// documentTypes are those by which a holder may be named.
var documentTypes = []string{"CC", "CE", "NIT", "TI", "PA", "PEP", "PPT", "RC"}

// holder is the document of the one customer among parties.
func holder(parties []tmf641.RelatedParty) (documentType, number string, err error) {
	at := -1
	for i, party := range parties {
		if !strings.EqualFold(party.Role, tmf641.RoleCustomer) {
			continue
		}
		if at >= 0 {
			return "", "", invalid("relatedParty", "must have one party of role customer, not several")
		}
		at = i
	}
	if at < 0 {
		return "", "", invalid("relatedParty", "must have one party of role customer")
	}
	documentType, number, _ = strings.Cut(parties[at].ID, "-")
	if !slices.Contains(documentTypes, documentType) || number == "" || len(number) > maxNumber {
		return "", "", invalid(fmt.Sprintf("relatedParty[%d].id", at), fmt.Sprintf("must be one of %s, a hyphen, and a document number of 1 to %d characters", strings.Join(documentTypes, ", "), maxNumber))
	}
	return documentType, number, nil
}

// maxNumber is the longest document number that the process takes.
const maxNumber = 32

func invalid(path, rule string) error {
	return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: path, Rule: rule}}}
}

// orderNumber is how the operator's order numbers begin; the ids of batches never do.
const orderNumber = "ORD"

// Retrieve finds an order that was created here, or one of the operator's by its number.
func (c *orderChannel) Retrieve(ctx context.Context, in tmf641.OrderQuery) (tmf641.ServiceOrder, error) {
	var order tmf641.ServiceOrder
	if strings.HasPrefix(in.ID, orderNumber) {
		found, err := c.process.Order(ctx, reconnection.NumberQuery{Number: in.ID})
		if err != nil {
			return order, fmt.Errorf("service order: by number: %w", err)
		}
		order = orderOfNumber(found)
	} else {
		batch, err := c.process.Batch(ctx, reconnection.BatchQuery{ID: in.ID})
		if err != nil {
			return order, fmt.Errorf("service order: %w", err)
		}
		if order, err = orderOfBatch(batch, tmf641.StateInProgress); err != nil {
			return order, err
		}
	}
	return selected(order, in.Fields), nil
}
