package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"puente/test/sandbox"
	"puente/test/sandbox/botservice"
)

// success: every intent in the flat form, and what BotService did for it.
func success(t *testing.T, p *platform) {
	c, phone := p.caller(t), p.phone()
	nip := botservice.NIPFor(phone, 1)
	for _, step := range []struct {
		path, body, message, property, value string
	}{
		{portabilidades, order(phone, nil), nipRequested, "FLUJO", "LTE"},
		{statusPath, lookup(phone), stateTold, "ESTADO", "NIP_REQUESTED"},
		{portability, order(phone, members{"resend": true, "order": members{"flow": "5G"}}), nipResent, "FLUJO", "5G"},
		{statusPath, lookup(phone), stateTold, "ESTADO", "NIP_RESENT"},
		{portabilidades, order(phone, members{"nip": nip}), portInFiled, "FLUJO", "LTE"},
		{statusPath, text(members{"phone": phone, "numOrder": "MDM-PLTE-022944"}), stateTold, "ESTADO", "PORT_IN_FILED"},
	} {
		id := c.correlation()
		a := c.post(t, step.path, step.body, "X-Correlation-ID", id)
		wantSuccess(t, a, c.system, id, step.message, step.property, step.value)
		for name, form := range map[string]string{
			"X-RateLimit-Limit": `^400$`, "X-RateLimit-Remaining": `^\d+$`, "X-RateLimit-Reset": `^\d+$`,
			"RateLimit-Policy": `^"client";q=100000;w=60, "phone";q=400;w=60$`, "RateLimit": `^"client";r=\d+;t=\d+, "phone";r=\d+;t=\d+$`, "X-Content-Type-Options": `^nosniff$`,
		} {
			if !regexp.MustCompile(form).MatchString(a.header.Get(name)) {
				t.Errorf("%s: %q", name, a.header.Get(name))
			}
		}
	}
	nips, portIns := p.effects(phone)
	if len(nips) != 2 || nips[0].Resend || !nips[1].Resend || len(portIns) != 1 || portIns[0].NIP != nip {
		t.Errorf("BotService did %+v %+v", nips, portIns)
	}

	sample := c.nip(t, "3000000019")
	c.wantNIP(t, sample)
	if nips, _ := p.effects("3000000019"); len(nips) != 1 || nips[0].NIP != "76819" || nips[0].CorrelationID != sample.correlation() {
		t.Errorf("for the document's sample BotService did %+v", nips)
	}
	wantProblem(t, c.status(t, p.phone()), 404, "NOT_FOUND")
}

// effects are what BotService did for a phone.
func (p *platform) effects(phone string) (nips []botservice.NIP, portIns []botservice.PortIn) {
	ledger := p.sandbox.BotService.Effects()
	for _, n := range ledger.NIPs {
		if n.Phone == phone {
			nips = append(nips, n)
		}
	}
	for _, f := range ledger.PortIns {
		if f.Phone == phone {
			portIns = append(portIns, f)
		}
	}
	return nips, portIns
}

// did counts what BotService did under a correlation.
func (p *platform) did(correlation string) (n int) {
	ledger := p.sandbox.BotService.Effects()
	for _, done := range ledger.NIPs {
		if done.CorrelationID == correlation {
			n++
		}
	}
	for _, done := range ledger.PortIns {
		if done.CorrelationID == correlation {
			n++
		}
	}
	return n
}

// received are the requests that BotService got under a correlation.
func (p *platform) received(correlation, operation string) []sandbox.Request {
	return p.sandbox.Requests(sandbox.Filter{System: "botservice", Operation: operation, Correlation: correlation})
}

// envelopes: the flat APIs take the envelope around their body, however its names are written, and
// answer as flat as ever.
func envelopes(t *testing.T, p *platform) {
	c := p.caller(t)
	bare := []string{"X-System-Name", ""}
	for name, write := range map[string]func(system, correlation, body string) string{
		"as published": enveloped,
		"as tabled": func(s, id, body string) string {
			return fmt.Sprintf(`{"wsrequestheader":{"system":{"Name":%q,"CorrelationID":%q}},"wsrequestbody":%s}`, s, id, body)
		},
		"property null": func(s, id, body string) string {
			return fmt.Sprintf(`{"WSREQUESTBODY":%s,"WSREQUESTHEADER":{"SYSTEM":{"NAME":%q,"CORRELATIONID":%q,"PROCESSINGSERVER":"x"},"PROPERTY":null}}`, body, s, id)
		},
		"with more": func(s, id, body string) string {
			return fmt.Sprintf(`{"WSRequestHeader":{"System":{"name":%q,"correlationID":%q,"extra":1},"Property":[],"more":{}},"WSRequestBody":%s,"also":true}`, s, id, body)
		},
	} {
		phone, id := p.phone(), c.correlation()
		a := c.post(t, portabilidades, write(c.system, id, order(phone, nil)), bare...)
		wantSuccess(t, a, c.system, id, nipRequested, "FLUJO", "LTE")
		if nips, _ := p.effects(phone); len(nips) != 1 || nips[0].CorrelationID != id {
			t.Errorf("%s: BotService did %+v", name, nips)
		}
		id = c.correlation()
		wantSuccess(t, c.post(t, statusPath, write(strings.ToLower(c.system), id, lookup(phone)), bare...),
			c.system, id, stateTold, "ESTADO", "NIP_REQUESTED")
	}
	phone, id := p.phone(), c.correlation()
	withAudit := order(phone, members{"Audit": members{"Canal": "WhatsApp", "IP_Address": "192.0.2.7", "extra": "kept"}})
	wantSuccess(t, c.post(t, portabilidades, enveloped(c.system, id, withAudit), bare...), c.system, id, nipRequested, "FLUJO", "LTE")

	for name, headers := range map[string][]string{
		"system":        {"X-System-Name", system(0)},
		"channel":       {"X-System-Name", "", "X-Channel", "web"},
		"correlationID": {"X-System-Name", "", "X-Correlation-ID", "another"},
	} {
		phone := p.phone()
		a := c.post(t, portabilidades, enveloped(c.system, c.correlation(), order(phone, members{"Audit": members{"Canal": "whatsapp"}})), headers...)
		wantProblem(t, a, 400, "BAD_REQUEST", name)
		p.untouched(t, phone)
	}
}

// untouched checks that BotService did nothing for a phone.
func (p *platform) untouched(t testing.TB, phone string) {
	t.Helper()
	if nips, portIns := p.effects(phone); len(nips)+len(portIns) > 0 {
		t.Errorf("BotService did %+v %+v", nips, portIns)
	}
}

// forwarded: what BotService receives is what the channel sent, under its correlation and trace;
// without a correlation one is made.
func forwarded(t *testing.T, p *platform) {
	c := p.caller(t)
	phone := p.phone()
	const trace = "0af7651916cd43dd8448eb211c80319c"
	a := c.post(t, portabilidades, order(phone, members{"date": "2025-05-25T23:59:59.5-05:00", "numOrder": nil, "unknown": "dropped"}),
		"X-System-Name", "", "Traceparent", "00-"+trace+"-b7ad6b7169203331-01")
	made := a.correlation()
	if !regexp.MustCompile(`^` + c.system + `-\d{12}-\d{10}$`).MatchString(made) {
		t.Errorf("made correlation %q", made)
	}
	c.wantNIP(t, a)
	got := p.received(made, "portability")
	if len(got) != 1 {
		t.Fatalf("BotService received %+v", got)
	}
	var sent, want any
	wanted := order(phone, members{"date": "2025-05-25T23:59:59.5-05:00", "numOrder": nil})
	if err := json.Unmarshal([]byte(got[0].Body), &sent); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(wanted), &want); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(sent) != fmt.Sprint(want) {
		t.Errorf("forwarded %s, want %s", got[0].Body, wanted)
	}
	if parent := got[0].Headers.Get("Traceparent"); !strings.HasPrefix(parent, "00-"+trace+"-") || strings.Contains(parent, "b7ad6b7169203331") {
		t.Errorf("traceparent %q", parent)
	}
	if got[0].Headers.Get("Authorization") != "" {
		t.Error("the caller's token went to the third party")
	}
}
