package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// typologies: a text that an operator edits is told by every process within a second, for one system or
// all, and the declared one when it is gone again.
func typologies(t *testing.T, p *platform) {
	c, other, unknown := p.caller(t), p.caller(t), line{p.phone(), "CC", "1020304050"}
	told := func(what string, who *caller, status int, parts ...string) {
		t.Helper()
		var a answer
		eventually(t, within, what, func() bool {
			for _, who.front = range p.processes {
				if who.front.at.Public == "" {
					continue
				}
				a = who.reconnect(t, unknown, "")
				leaks(t, a)
				if a.status != status || slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(a.body, part) }) {
					return false
				}
			}
			return true
		})
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
	eventually(t, within, "every layer's record", func() bool { return len(p.audited(t, id)) == 5 }) // process, service, holder, order
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
