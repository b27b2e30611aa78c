package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// tmForum: the same process as TM Forum names it: an order is taken, and then completed, rejected with
// a PQR, or failed; the PQR is a trouble ticket.
func tmForum(t *testing.T, p *platform) {
	c, other := p.caller(t), p.caller(t)
	get := func(who *caller, path string) answer {
		a, err := who.try(http.MethodGet, path, "", "X-Correlation-ID", who.correlation(), "Content-Type", "")
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	type serviceOrder struct {
		ID, Href, ExternalID, State string
		OrderRelationship           []struct{ ID string }
		ExternalReference           []struct{ ID, Name, Href string }
		ErrorMessage                []struct{ Code string }
	}
	read := func(a answer) (o serviceOrder) {
		if err := json.Unmarshal([]byte(a.body), &o); err != nil {
			t.Fatalf("%d %s: %v", a.status, a.body, err)
		}
		leaks(t, a)
		return o
	}
	ordered := func(l line, state string) serviceOrder {
		t.Helper()
		body := text(members{
			"externalId": "TMF-" + l.phone, "category": "reconnection", "relatedParty": []members{{"id": l.documentType + "-" + l.document, "role": "customer"}},
			"serviceOrderItem": []members{{"id": "1", "action": "modify", "service": members{"id": l.phone}}},
		})
		id := c.correlation()
		a := c.post(t, serviceOrders, body, "X-Correlation-ID", id)
		o := read(a)
		if a.status != 202 || o.State != "acknowledged" && o.State != state || a.header.Get("Location") != o.Href || o.ExternalID != "TMF-"+l.phone {
			t.Fatalf("%d %v %s", a.status, a.header, a.body)
		}
		replayed(t, a, c.post(t, serviceOrders, body, "X-Correlation-ID", id))
		eventually(t, within, "the order is "+state, func() bool {
			o = read(get(c, o.Href))
			return o.State == state
		})
		if a := get(other, o.Href); a.status != 404 {
			t.Errorf("another's order: %d %s", a.status, a.body)
		}
		return o
	}

	l := p.newLine(t, "ROBO")
	o := ordered(l, "completed")
	order := p.onlyOrder(t, l)
	if len(o.OrderRelationship) != 1 || o.OrderRelationship[0].ID != order.order || len(o.ExternalReference) != 1 || o.ExternalReference[0].ID != order.cun {
		t.Errorf("completed %+v, want %+v", o, order)
	}
	if _, _, err := p.sandbox.Orders.SetState(order.order, "COMPLETADA"); err != nil {
		t.Fatal(err)
	}
	if found := read(get(c, serviceOrders+"/"+order.order)); found.State != "completed" {
		t.Errorf("by the operator's number %+v", found)
	}

	l = p.newLine(t, "MORA", owes)
	o = ordered(l, "rejected")
	filed := p.onlyPQR(t, l)
	if len(o.ExternalReference) != 1 || o.ExternalReference[0].ID != filed.pqr || o.ExternalReference[0].Href != troubleTickets+filed.pqr {
		t.Errorf("rejected %+v, want %+v", o, filed)
	}
	for state, status := range map[string]string{"EN_GESTION": "inProgress", "RESUELTO": "resolved"} {
		if _, _, err := p.sandbox.PQR.SetState(filed.pqr, state); err != nil {
			t.Fatal(err)
		}
		var ticket struct{ ID, TicketType, Status string }
		a := get(c, troubleTickets+filed.pqr)
		if err := json.Unmarshal([]byte(a.body), &ticket); err != nil || a.status != 200 || ticket.ID != filed.pqr || ticket.TicketType != "PQR" || ticket.Status != status {
			t.Errorf("the ticket: %d %s", a.status, a.body)
		}
		if strings.Contains(a.body, l.document) || strings.Contains(a.body, l.phone) {
			t.Errorf("the ticket tells whose it is: %s", a.body)
		}
	}
	if a := get(c, troubleTickets+"PQR-999999"); a.status != 404 {
		t.Errorf("a ticket that is none: %d %s", a.status, a.body)
	}

	l = p.newLine(t, "FRAUDE")
	if o = ordered(l, "failed"); len(o.ErrorMessage) != 1 || o.ErrorMessage[0].Code != "ERROR_09" {
		t.Errorf("failed %+v", o)
	}
	p.nothing(t, l)
}
