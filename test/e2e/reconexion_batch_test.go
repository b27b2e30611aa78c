package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"puente/test/sandbox/inventory"
)

// batch is a batch as its channel shows it.
type batch struct {
	ID     string `json:"Batch_Id"`
	Status string `json:"Status"`
	Total  int    `json:"Total"`
	Done   int    `json:"Done"`
	Items  []struct {
		CorrelationID string
		Phone         string
		Status        string
		Code          string
		CUN           string
		Order         string `json:"Order_Number"`
		PQR           string `json:"Num_PQR"`
	} `json:"Items"`
}

// batchOf reads an answer about a batch.
func batchOf(t testing.TB, a answer) batch {
	t.Helper()
	var read struct {
		Body batch `json:"WSResponseBody"`
	}
	if err := json.Unmarshal([]byte(a.body), &read); err != nil || a.status != 200 || read.Body.ID == "" {
		t.Fatalf("%d, no batch: %v\n%s", a.status, err, a.body)
	}
	if b := read.Body; b.Total != len(b.Items) || (b.Status == "DONE") != (b.Done == b.Total) {
		t.Errorf("%s of %s: %d of %d done, %d items", b.Status, b.ID, b.Done, b.Total, len(b.Items))
	}
	return read.Body
}

// startBatch starts a batch of lines under a correlation.
func (c *caller) startBatch(t testing.TB, correlation string, lines ...line) answer {
	t.Helper()
	items := make([]json.RawMessage, len(lines))
	for i, l := range lines {
		items[i] = json.RawMessage(text(members{"Document_Number": l.document, "Document_Type": l.documentType, "Phone": l.phone}))
	}
	return c.post(t, batchPath, inEnvelope(c.system, correlation, text(members{"Items": items})))
}

// batch asks how far a batch has come.
func (c *caller) batch(t testing.TB, id string) answer {
	t.Helper()
	a, err := c.try(http.MethodGet, batchPath+"/"+id, "", "X-Correlation-ID", c.correlation(), "Content-Type", "")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// awaitBatch waits for the end of a batch, and returns it.
func (c *caller) awaitBatch(t testing.TB, id string, within time.Duration) (b batch) {
	t.Helper()
	eventually(t, within, "the batch is done", func() bool {
		now := batchOf(t, c.batch(t, id))
		if now.Done < b.Done {
			t.Errorf("%d done, and then %d", b.Done, now.Done)
		}
		b = now
		return b.Status == "DONE"
	})
	return b
}

// reconexionBatches: a batch is taken at once, tells its progress, and has a result for each item; it is
// its client's alone.
func reconexionBatches(t *testing.T, p *platform) {
	c, other := p.caller(t), p.caller(t)
	lines := []line{
		p.newLine(t, "ROBO"), p.newLine(t, "MORA", owes), {p.phone(), "CC", "1020304050"}, p.newLine(t, "ROBO", active),
		p.newLine(t, "ROBO"), p.newLine(t, "FRAUDE"), p.newLine(t, "ROBO", refusesOrders),
	}
	lines[4].document = "1020304050"
	lines = append(lines, lines[0]) // twice in one batch
	id := c.correlation()
	started := c.startBatch(t, id, lines...)
	first := batchOf(t, started)
	if first.Total != len(lines) || !strings.Contains(started.body, "El lote fue recibido") {
		t.Errorf("started %s", started.body)
	}
	replayed(t, started, c.startBatch(t, id, lines...))
	leaks(t, started)
	b := c.awaitBatch(t, first.ID, 20*time.Second)
	order, debt, refused := p.onlyOrder(t, lines[0]), p.onlyPQR(t, lines[1]), p.onlyPQR(t, lines[6])
	want := []reply{order, debt, {code: "ERROR_06"}, {code: "ERROR_07"}, {code: "ERROR_08"}, {code: "ERROR_09"}, refused, order}
	for i, item := range b.Items {
		if got := (reply{item.Code, item.Order, item.CUN, item.PQR}); got != want[i] || item.Phone != lines[i].phone ||
			item.CorrelationID != fmt.Sprintf("%s-%d", id, i+1) || item.Status != "DONE" {
			t.Errorf("item %d: %+v, want %+v", i, item, want[i])
		}
	}
	item := p.audited(t, b.Items[0].CorrelationID)
	if len(atEdge(item)) != 0 || item[0].Client != c.id || item[0].System != c.system {
		t.Errorf("the audit of an item: %+v", item)
	}
	for _, id := range []string{b.ID, "RB-00000000000000000000000000000000", "x"} {
		a := other.batch(t, id)
		if a.status != 404 || replyOfError(t, a) != "ERROR_31" || strings.Contains(a.body, lines[0].phone) {
			t.Errorf("another's batch: %d %s", a.status, a.body)
		}
		leaks(t, a)
	}
	for name, items := range map[string][]line{"empty": {}, "too long": make([]line, 501)} {
		for i := range items {
			items[i] = lines[0]
		}
		id := c.correlation()
		c.wantCode(of(t, name), c.startBatch(t, id, items...), c.system, id, "ERROR_04")
	}
}

// replyOfError is the code of an error.
func replyOfError(t testing.TB, a answer) string {
	t.Helper()
	var read struct {
		Header struct {
			Service struct{ Code string }
		} `json:"WSResponseHeader"`
	}
	if err := json.Unmarshal([]byte(a.body), &read); err != nil {
		t.Fatal(err)
	}
	return read.Header.Service.Code
}

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
		eventually(t, 20*time.Second, "the order is "+state, func() bool {
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

// typologies: a text that an operator edits is told within a second, for one system or all, and the
// declared one when it is gone again.
func typologies(t *testing.T, p *platform) {
	c, other, unknown := p.caller(t), p.caller(t), line{p.phone(), "CC", "1020304050"}
	told := func(what string, who *caller, status int, parts ...string) {
		t.Helper()
		var a answer
		eventually(t, time.Second, what, func() bool {
			a = who.reconnect(t, unknown, "")
			for _, part := range parts {
				if !strings.Contains(a.body, part) {
					return false
				}
			}
			return a.status == status
		})
		leaks(t, a)
	}
	name := "reconexion:" + c.system + ":ERROR_06"
	edit := func(spec string) {
		t.Helper()
		if status, body := p.admin(t, p.edge(), http.MethodPost, "/admin/v1/apply", document("Typology", name, spec)); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
	}
	told("the document's text", c, 200, `"Detail":"No se encontró servicio asociado al número `+unknown.phone+`"`)
	edit(`{httpStatus: 404, errorDetailCode: No hay, errorMessage: 'Nada en {phone}', errorMessageUser: 'Solicitud {correlationID}'}`)
	told("the operator's text", c, 404, `"Message":"No hay"`, `"Message":"Nada en `+unknown.phone+`"`, `"Detail":"Solicitud `+c.system+`-`)
	told("another system's text is the document's", other, 200, `"Message":"Servicio no encontrado"`)
	edit(`{httpStatus: 200, errorDetailCode: '', errorMessage: null, errorMessageUser: null}`)
	told("null and empty", c, 200, `"Message":""`, `"Message":null,"Detail":null`)
	if status, body := p.admin(t, p.edge(), http.MethodDelete, "/admin/v1/typologies/"+name, ""); status/100 != 2 {
		t.Fatalf("%d %s", status, body)
	}
	told("the document's text again", c, 200, `"Message":"Servicio no encontrado"`)
}

// reconexionRecords: the audit has who asked for what and which systems were called, and like the logs
// nobody's phone or document.
func reconexionRecords(t *testing.T, p *platform) {
	c, l := p.caller(t), p.newLine(t, "VOLUNTARIA", technology("FTTH"))
	debt, refused := p.newLine(t, "MORA", owes), p.newLine(t, "ROBO", refusesOrders, failsPQR)
	const wrong = "1020304050"
	stranger := l
	stranger.document = wrong
	id := c.correlation()
	a := c.reconnect(t, l, id, "X-Forwarded-For", "192.0.2.1")
	c.wantReconnected(t, a, id, p.onlyOrder(t, l))
	correlations := []string{
		id, c.reconnect(t, stranger, "").correlation(), c.reconnect(t, debt, "").correlation(), c.reconnect(t, refused, "").correlation(),
		c.startBatch(t, c.correlation(), l, debt, stranger).correlation(),
	}
	own := batchOf(t, c.startBatch(t, c.correlation(), l, debt))
	own = c.awaitBatch(t, own.ID, 20*time.Second)
	correlations = append(correlations, own.Items[0].CorrelationID, own.Items[1].CorrelationID)
	eventually(t, 5*time.Second, "every layer's record", func() bool { return len(p.audited(t, id)) == 5 }) // process, service, holder, order
	hops := map[string]bool{}
	for _, r := range p.audited(t, id) {
		hops[r.Layer+"."+r.API+"."+r.Operation] = true
		if r.Client != c.id || r.System != c.system || r.Channel != "WEB" || r.Outcome != "ok" {
			t.Errorf("the record %+v", r)
		}
	}
	for _, want := range []string{"xapi.reconexion.reconnect", "papi.reconnection.reconnect", "sapi.inventory.queryService", "sapi.inventory.queryHolder", "sapi.orders.createReconnection"} {
		if !hops[want] {
			t.Errorf("no record of %s: %v", want, hops)
		}
	}
	if told := p.auditText(t, id); !strings.Contains(told, "******"+l.phone[6:]) || !strings.Contains(told, "******"+l.document[6:]) || !strings.Contains(told, p.onlyOrder(t, l).order) {
		t.Errorf("the request is not kept: %s", told)
	}
	personal := append([]string{wrong, c.token}, p.secrets...)
	for _, one := range []line{l, debt, refused} {
		personal = append(personal, one.phone, one.document)
	}
	for _, id := range correlations {
		for _, secret := range personal {
			if told := p.auditText(t, id); strings.Contains(told, secret) {
				t.Errorf("the audit of %s holds %q: %s", id, secret, told)
			}
		}
	}
	for _, one := range p.processes {
		for _, written := range one.log.lines() {
			for _, secret := range personal {
				if strings.Contains(string(written), secret) {
					t.Errorf("%s: the log holds %q: %s", one.name, secret, written)
				}
			}
		}
	}
}

// lines of a batch, all suspended for theft.
func (p *platform) lines(t testing.TB, n int, changes ...func(*inventory.Change)) []line {
	t.Helper()
	all := make([]line, n)
	for i := range all {
		all[i] = p.newLine(t, "ROBO", changes...)
	}
	return all
}
