package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"puente/shared/telemetry"
	"puente/test/sandbox/inventory"
	"puente/test/sandbox/oauthprovider"
)

// reconexionSample: the document's sample request has the document's sample answer.
func reconexionSample(t *testing.T, p *platform) {
	c := p.caller(t)
	l := line{"SR-50452171", "CC", "1026578508"}
	id := "MIETB-31072025-131528403"
	body := fmt.Sprintf(`{
  "WSRequestHeader": {"System": {"name": %q, "correlationID": %q, "processingServer": null}, "Property": []},
  "WSRequestBody": {
    "Audit": {"Canal": "WEB", "Id_Device": null, "SO": "Windows", "IP_Address": null, "WhatsApp_Phone_Number": null},
    "Document_Number": "1026578508", "Document_Type": "CC", "Phone": "SR-50452171"
  }
}`, c.system, id)
	first := c.post(t, reconexionPath, body, "X-System-Name", "")
	c.wantReconnected(t, first, id, p.onlyOrder(t, l))
	if filed := p.ordersOf(l)[0]; filed.Type != "VOLUNTARIA_LTE" || filed.CorrelationID != id || filed.DocumentNumber != "" {
		t.Errorf("ordered %+v", filed)
	}
	tabled := strings.NewReplacer(`"name"`, `"Name"`, `"correlationID"`, `"CorrelationID"`, "processingServer", "ProcessingServer", `"Phone"`, `"phone"`).Replace(body)
	replayed(t, first, c.post(t, reconexionPath, tabled, "X-System-Name", ""))
	if got := p.asked(id); !slices.Equal(got, []string{"inventory.service", "inventory.holder", "orders.create"}) {
		t.Errorf("the systems were asked %v", got)
	}
}

// reconexionStrategies: each reason and technology has its order.
func reconexionStrategies(t *testing.T, p *platform) {
	c := p.caller(t)
	for _, one := range []struct{ reason, technology, kind string }{
		{"MORA", "LTE", "PAGO"}, {"MORA", "HFC", "PAGO"}, {"MORA", "IPTV", "PAGO"},
		{"VOLUNTARIA", "LTE", "VOLUNTARIA_LTE"}, {"ROBO", "LTE", "VOLUNTARIA_LTE"}, {"PERDIDA", "LTE", "VOLUNTARIA_LTE"},
		{"VOLUNTARIA", "FTTH", "VOLUNTARIA"}, {"ROBO", "HFC", "VOLUNTARIA"}, {"PERDIDA", "COBRE", "VOLUNTARIA"},
	} {
		l := p.newLine(t, one.reason, technology(one.technology))
		a := c.reconnect(t, l, "")
		t := of(t, one.reason, one.technology)
		c.wantReconnected(t, a, a.correlation(), p.onlyOrder(t, l))
		filed := p.ordersOf(l)[0]
		if filed.Type != one.kind || (filed.DocumentNumber == l.document) != (one.kind == "VOLUNTARIA") {
			t.Errorf("ordered %+v", filed)
		}
	}
}

// reconexionCodes: every refusal of the document's rules, whatever the line is in, and nothing done.
func reconexionCodes(t *testing.T, p *platform) {
	c := p.caller(t)
	const wrong = "1020304050"
	masked := telemetry.MaskDocument(wrong)
	unknown := line{p.phone(), "CC", wrong}
	withdrawn := p.newLine(t, "MORA", func(l *inventory.Change) { l.Suspension, l.State = nil, ptr(inventory.Withdrawn) })
	running := p.newLine(t, "MORA", active)
	for _, one := range []struct {
		name, code string
		line       line
		document   string
	}{
		{"unknown", "ERROR_06", unknown, wrong},
		{"the document's sample", "ERROR_06", line{"3057000428", "CC", wrong}, wrong},
		{"withdrawn", "ERROR_06", withdrawn, withdrawn.document},
		{"withdrawn, another's", "ERROR_06", withdrawn, wrong},
		{"active", "ERROR_07", running, running.document},
		{"active, another's", "ERROR_08", running, wrong},
		{"suspended, another's", "ERROR_08", p.newLine(t, "ROBO"), wrong},
		{"in debt, another's", "ERROR_08", p.newLine(t, "MORA", owes), wrong},
		{"for fraud, another's", "ERROR_08", p.newLine(t, "FRAUDE"), wrong},
		{"for fraud", "ERROR_09", p.newLine(t, "FRAUDE"), ""},
		{"by law", "ERROR_09", p.newLine(t, "LEGAL"), ""},
		{"for a reason that nobody knows", "ERROR_09", p.newLine(t, "LUNES"), ""},
		{"television at will", "ERROR_09", p.newLine(t, "VOLUNTARIA", technology("IPTV")), ""},
	} {
		t := of(t, one.name)
		asked := one.line
		if one.document != "" {
			asked.document = one.document
		}
		id := c.correlation()
		a := c.reconnect(t, asked, id)
		c.wantCode(t, a, c.system, id, one.code, "{phone}", asked.phone, "{document}", masked)
		if one.code == "ERROR_08" && strings.Contains(a.body, one.line.document) {
			t.Errorf("tells the holder: %s", a.body)
		}
		noted := func() bool {
			return slices.ContainsFunc(p.audited(t, id), func(r record) bool {
				return r.Kind == "security" && strings.HasPrefix(r.Detail, "ownership refused")
			})
		}
		if one.code == "ERROR_08" { // in a record of the process's own, which the edge sees a moment later
			eventually(t, within, "security hears of it", noted)
		} else if noted() {
			t.Error("security hears of it")
		}
		p.nothing(t, one.line)
	}
	another := p.newLine(t, "ROBO")
	another.documentType = "CE" // the number alone is not the document
	id := c.correlation()
	c.wantCode(t, c.reconnect(t, another, id), c.system, id, "ERROR_08", "{phone}", another.phone, "{document}", telemetry.MaskDocument(another.document))
	p.nothing(t, another)
}

// reconexionInvalid: what breaks the contract is ERROR_04, with the caller echoed where he could be
// read, and no system is asked.
func reconexionInvalid(t *testing.T, p *platform) {
	c := p.caller(t)
	l := p.newLine(t, "ROBO")
	for name, change := range map[string]members{
		"no document": {"Document_Number": nil}, "empty document": {"Document_Number": ""}, "no type": {"Document_Type": nil}, "unknown type": {"Document_Type": "XX"},
		"no phone": {"Phone": nil}, "empty phone": {"Phone": ""}, "a phone that is none": {"Phone": "12345"}, "path": {"Phone": "../titular"},
		"number": {"Document_Number": 1026578508}, "address": {"Audit": members{"IP_Address": "300.1.1.1"}},
	} {
		t, id := of(t, name), c.correlation()
		c.wantCode(t, c.post(t, reconexionPath, inEnvelope(c.system, id, l.body(change))), c.system, id, "ERROR_04")
		if got := p.asked(id); len(got) > 0 {
			t.Errorf("the systems were asked %v", got)
		}
	}
	for name, body := range map[string]string{"null": "null", "empty": "", "no JSON": "{", "list": "[]", "flat": l.body(), "twice": `{"WSRequestBody":{},"wsrequestbody":{}}`} {
		a := c.post(t, reconexionPath, body, "X-System-Name", "")
		if r := replyOf(t, a); a.status != 200 || r.code != "ERROR_04" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		leaks(t, a)
	}
	p.nothing(t, l)
}

// reconexionOrigins: a system that is not the caller's is ERROR_02; a channel that is switched off is
// ERROR_03, and the other channel goes on. A token without the scope never comes so far.
func reconexionOrigins(t *testing.T, p *platform) {
	c, other, l := p.caller(t), p.caller(t), p.newLine(t, "ROBO")
	for _, foreign := range []string{other.system, "NADIE"} {
		id := c.correlation()
		c.wantCode(t, c.post(t, reconexionPath, inEnvelope(foreign, id, l.body()), "X-System-Name", ""), foreign, id, "ERROR_02")
	}
	id := c.correlation()
	c.wantCode(t, c.post(t, reconexionPath, inEnvelope(c.system, id, l.body(members{"Audit": members{"Canal": "kiosk"}}))), c.system, id, "ERROR_02")
	p.nothing(t, l)

	p.apply(t, document("Switch", "reconexion-"+c.id, fmt.Sprintf(`{api: reconexion, system: %s, channel: whatsapp, off: true, reason: e2e, retryAfter: 2m}`, c.system)))
	id = c.correlation()
	off := c.post(t, reconexionPath, inEnvelope(c.system, id, l.body(members{"Audit": members{"Canal": "WhatsApp"}})))
	c.wantCode(t, off, c.system, id, "ERROR_03")
	if off.header.Get("Retry-After") != "120" {
		t.Errorf("Retry-After %q", off.header.Get("Retry-After"))
	}
	p.nothing(t, l)
	id = c.correlation()
	c.wantReconnected(t, c.reconnect(t, l, id), id, p.onlyOrder(t, l))

	poor := p.token(t, oauthprovider.Grant{ClientID: "unentitled"})
	wantProblem(t, c.reconnect(t, l, "", "Authorization", "Bearer "+poor), 403, "FORBIDDEN")
	wantProblem(t, c.reconnect(t, l, "", "Authorization", ""), 401, "UNAUTHORIZED")
}

// reconexionPQR: where no order is possible there is a PQR; where there can be none either, nothing is
// half done, and when the register is repaired there is exactly one.
func reconexionPQR(t *testing.T, p *platform) {
	c := p.caller(t)
	debt, refused := p.newLine(t, "MORA", owes), p.newLine(t, "ROBO", refusesOrders)
	for name, l := range map[string]line{"debt": debt, "refused": refused} {
		t := of(t, name)
		first := c.reconnect(t, l, "")
		want := p.onlyPQR(t, l)
		c.wantReconnected(t, first, first.correlation(), want)
		if (want.cun == "") != (name == "debt") {
			t.Errorf("CUN %q", want.cun)
		}
		again := c.reconnect(t, l, "")
		c.wantReconnected(t, again, again.correlation(), p.onlyPQR(t, l))
	}
	if debts, refusals := p.casesOf(debt)[0], p.casesOf(refused)[0]; debts.Reason != "DEUDA_PENDIENTE" || refusals.Reason != "ORDEN_NO_POSIBLE" {
		t.Errorf("filed %+v %+v", debts, refusals)
	}

	for name, l := range map[string]line{"debt": p.newLine(t, "MORA", owes, failsPQR), "refused": p.newLine(t, "ROBO", refusesOrders, failsPQR)} {
		t := of(t, name, "and no register")
		id := c.correlation()
		c.wantCode(t, c.reconnect(t, l, id), c.system, id, "ERROR_10")
		p.nothing(t, l)
		p.set(t, inventory.Change{Connection: l.phone, FailsPQR: ptr(false)})
		a := c.insist(t, l)
		c.wantReconnected(t, a, a.correlation(), p.onlyPQR(t, l))
		told := c.insistUnder(t, l, func() string { return id }) // the first correlation is free again, or settled
		c.wantReconnected(t, told, id, p.onlyPQR(t, l))
	}
}

// insist asks for the line under new correlations until it is reconnected, through technical failures
// and nothing else.
func (c *caller) insist(t testing.TB, l line) answer {
	t.Helper()
	return c.insistUnder(t, l, c.correlation)
}

func (c *caller) insistUnder(t testing.TB, l line, correlation func() string) (a answer) {
	t.Helper()
	eventually(t, within, "the line is reconnected", func() bool {
		a = c.reconnect(t, l, correlation(), patient...)
		r := replyOf(t, a)
		if r.code != "OK_01" && r.code != "ERROR_10" && r.code != "ERROR_05" {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return r.code == "OK_01"
	})
	return a
}

// reconexionDocuments: punctuation and leading zeros of a document do not count, on either side.
func reconexionDocuments(t *testing.T, p *platform) {
	c := p.caller(t)
	company := p.newLine(t, "MORA", func(l *inventory.Change) {
		l.Holder = &inventory.Holder{DocumentType: "NIT", DocumentNumber: "900.123.456-7"}
	})
	person := p.newLine(t, "VOLUNTARIA", technology("COBRE"), func(l *inventory.Change) {
		l.Holder = &inventory.Holder{DocumentType: "CC", DocumentNumber: "0012345678"}
	})
	for _, one := range []line{
		{company.phone, "NIT", "9001234567"}, {company.phone, "NIT", "0900123456-7"}, {company.phone, "NIT", "900.123.456-7"},
		{person.phone, "CC", "12.345.678"}, {person.phone, "CC", "12345678"}, {person.phone, "CC", "000012 345 678"},
	} {
		t := of(t, one)
		a := c.reconnect(t, one, "")
		c.wantReconnected(t, a, a.correlation(), p.onlyOrder(t, one))
	}
	for _, one := range []line{{company.phone, "NIT", "900123456"}, {person.phone, "CC", "123456780"}, {person.phone, "CC", "0"}} {
		if r := replyOf(t, c.reconnect(t, one, "")); r.code != "ERROR_08" {
			t.Errorf("%v: %v", one, r)
		}
	}
}
