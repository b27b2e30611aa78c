package tmforum

import (
	"context"
	"fmt"

	"puente/contracts/papi/reconnection"
	"puente/contracts/xapi/tmf621"
)

// pqrs is what TMF621 needs of the reconnection process.
type pqrs interface {
	PQR(context.Context, reconnection.NumberQuery) (reconnection.PQR, error)
}

type ticketChannel struct{ pqrs pqrs }

// Retrieve finds the PQR of a number.
func (c *ticketChannel) Retrieve(ctx context.Context, in tmf621.TicketQuery) (tmf621.TroubleTicket, error) {
	pqr, err := c.pqrs.PQR(ctx, reconnection.NumberQuery{Number: in.ID})
	if err != nil {
		return tmf621.TroubleTicket{}, fmt.Errorf("trouble ticket: %w", err)
	}
	return selected(ticketOf(pqr), in.Fields), nil
}

// ticketOf is a PQR as TMF621 shows it.
func ticketOf(pqr reconnection.PQR) tmf621.TroubleTicket {
	ticket := tmf621.TroubleTicket{
		ID: pqr.Number, Href: href(tickets, pqr.Number), TicketType: "PQR", Status: ticketStatus[pqr.State],
		CreationDate: &pqr.CreatedAt, ResolutionDate: pqr.ResolvedAt, ExternalID: pqr.CUN, Type: "TroubleTicket",
	}
	switch pqr.Reason {
	case reconnection.PQROrderNotPossible:
		ticket.Severity, ticket.StatusChangeReason = tmf621.SeverityMajor, tmf621.ReasonOrderNotPossible
		ticket.Name, ticket.Description = "Reconexión sin orden", "No fue posible crear la orden de reconexión del servicio."
	case reconnection.PQRDebtNotSettled:
		ticket.Severity, ticket.StatusChangeReason = tmf621.SeverityMinor, tmf621.ReasonDebtNotSettled
		ticket.Name, ticket.Description = "Reconexión con deuda pendiente", "El servicio está suspendido por falta de pago y la deuda no está saldada."
	}
	return ticket
}

var ticketStatus = map[reconnection.PQRState]tmf621.Status{
	reconnection.PQROpen:       tmf621.StatusAcknowledged,
	reconnection.PQRInProgress: tmf621.StatusInProgress,
	reconnection.PQRResolved:   tmf621.StatusResolved,
	reconnection.PQRClosed:     tmf621.StatusClosed,
}
