package tmforum

import (
	"puente/contracts/papi/reconnection"
	"puente/contracts/xapi/tmf641"
	"puente/shared/problem"
)

// orderOfBatch is a batch of one as TMF641 shows it; pending is the state of one that is not over. A
// batch of several was not ordered here.
func orderOfBatch(batch reconnection.Batch, pending tmf641.State) (tmf641.ServiceOrder, error) {
	if len(batch.Results) != 1 {
		return tmf641.ServiceOrder{}, problem.Errorf(problem.NotFound, "service order: a batch of %d", len(batch.Results))
	}
	result := batch.Results[0]
	order := tmf641.ServiceOrder{
		ID: batch.ID, Href: href(orders, batch.ID), ExternalID: result.Correlation, Category: tmf641.CategoryReconnection,
		State: pending, OrderDate: &batch.CreatedAt, Type: "ServiceOrder",
	}
	if result.State == reconnection.ItemDone {
		if result.Outcome != nil {
			conclude(&order, *result.Outcome)
		} else {
			fail(&order, result.Code)
		}
	}
	order.ServiceOrderItem = []tmf641.ServiceOrderItem{{
		ID: tmf641.ItemID, Action: tmf641.ActionModify, State: order.State, Type: "ServiceOrderItem",
		Service: tmf641.Service{ID: result.Connection, Type: "Service"},
	}}
	return order, nil
}

// conclude writes what became of an order: the operator's order, or a PQR.
func conclude(order *tmf641.ServiceOrder, out reconnection.Outcome) {
	order.ExternalReference = reference(out.CUN)
	if out.Kind == reconnection.KindOrder {
		order.State = tmf641.StateCompleted
		order.OrderRelationship = []tmf641.OrderRelationship{{
			ID: out.OrderNumber, Href: href(orders, out.OrderNumber),
			RelationshipType: tmf641.FulfilledBy, ReferredType: "ServiceOrder",
		}}
		return
	}
	const reason = "No fue posible crear la orden de reconexión"
	registered := "Se registró la PQR " + out.PQRNumber
	order.State = tmf641.StateRejected
	order.ExternalReference = append(order.ExternalReference, tmf641.ExternalReference{
		ID: out.PQRNumber, Href: href(tickets, out.PQRNumber), Name: "PQR", Type: "TroubleTicket",
	})
	order.Note = []tmf641.Note{{ID: "1", Text: reason + ". " + registered}}
	order.ErrorMessage = []tmf641.ErrorMessage{{Code: tmf641.CodePQRRegistered, Reason: reason, Message: registered}}
}

// reference is the CUN that goes with an order or a PQR, if there is one.
func reference(cun string) []tmf641.ExternalReference {
	if cun == "" {
		return nil
	}
	return []tmf641.ExternalReference{{ID: cun, Name: "CUN", Type: "CUN"}}
}

// fail writes why an order failed.
func fail(order *tmf641.ServiceOrder, code string) {
	why := failures[code]
	why.Code = code
	order.State, order.ErrorMessage = tmf641.StateFailed, []tmf641.ErrorMessage{why}
}

// failures are the texts of the process's codes (source document: Servicio de Reconexión v2, "Manejo de
// errores"), without the caller's values.
var failures = map[string]tmf641.ErrorMessage{
	reconnection.CodeNoService:    {Reason: "Servicio no encontrado", Message: "El número telefónico no existe en el sistema"},
	reconnection.CodeNotSuspended: {Reason: "Servicio no está suspendido", Message: "El servicio está activo, no requiere reconexión"},
	reconnection.CodeNotHolder:    {Reason: "Error de titularidad", Message: "El documento no corresponde al titular del servicio"},
	reconnection.CodeNoStrategy:   {Reason: "Error en el tipo de reconexión", Message: "No se puede procesar la reconexión según el motivo"},
	reconnection.CodeTechnical:    {Reason: "Error técnico", Message: "Un sistema no respondió como se esperaba; la reconexión puede pedirse de nuevo con otra orden"},
}

// orderOfNumber is one of the operator's orders as TMF641 shows it.
func orderOfNumber(found reconnection.Order) tmf641.ServiceOrder {
	return tmf641.ServiceOrder{
		ID: found.Number, Href: href(orders, found.Number), Category: tmf641.CategoryReconnection, State: orderState[found.State],
		OrderDate: &found.CreatedAt, CompletionDate: found.CompletedAt, ExternalReference: reference(found.CUN), Type: "ServiceOrder",
	}
}

var orderState = map[reconnection.OrderState]tmf641.State{
	reconnection.OrderOpen:      tmf641.StateInProgress,
	reconnection.OrderCompleted: tmf641.StateCompleted,
	reconnection.OrderCancelled: tmf641.StateCancelled,
}
