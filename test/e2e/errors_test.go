package e2e

import (
	"strings"
	"testing"
	"time"
)

// fields: a body that breaks the contract is refused with the field and the rule, and BotService
// never hears of it.
func fields(t *testing.T, p *platform) {
	c := p.caller(t)
	for name, change := range map[string]struct {
		change members
		says   string
	}{
		"no date":            {members{"date": nil}, "date is required"},
		"no nip":             {members{"nip": nil}, "nip is required"},
		"no operator":        {members{"operator": nil}, "operator is required"},
		"no operatorCode":    {members{"operatorCode": nil}, "operatorCode is required"},
		"no planType":        {members{"planType": nil}, "planType is required"},
		"no phone":           {members{"phone": nil}, "phone is required"},
		"no resend":          {members{"resend": nil}, "resend is required"},
		"no extendedMonth":   {members{"extendedMonth": nil}, "extendedMonth is required"},
		"no order":           {members{"order": nil}, "order is required"},
		"no flow":            {members{"order": members{}}, "order.flow is required"},
		"date":               {members{"date": "25/05/2025"}, "date "},
		"month 13":           {members{"date": "2025-13-25T00:00:00"}, "date "},
		"nip":                {members{"nip": "12a45"}, "nip "},
		"operator":           {members{"operator": ""}, "operator "},
		"operatorCode":       {members{"operatorCode": "36"}, "operatorCode "},
		"planType number":    {members{"planType": 2}, "planType "},
		"phone short":        {members{"phone": "300000001"}, "phone "},
		"phone fixed":        {members{"phone": "6000000019"}, "phone "},
		"phone wide digits":  {members{"phone": "３000000019"}, "phone "},
		"phone newline":      {members{"phone": "3000000019\n"}, "phone "},
		"resend text":        {members{"resend": "false"}, "resend "},
		"flow empty":         {members{"order": members{"flow": ""}}, "order.flow "},
		"order list":         {members{"order": []string{"LTE"}}, "order "},
		"nip and resend":     {members{"nip": "12345", "resend": true}, "resend "},
		"two things at once": {members{"phone": nil, "operatorCode": "x"}, "operatorCode "},
	} {
		phone := p.phone()
		body := order(phone, change.change)
		for form, body := range map[string]string{"flat": body, "enveloped": enveloped(c.system, "", body)} {
			id := c.correlation()
			if form == "enveloped" {
				body = enveloped(c.system, id, order(phone, change.change))
			}
			a := c.post(t, portabilidades, body, "X-Correlation-ID", id)
			t := of(t, name, form)
			got := wantProblem(t, a, 400, "BAD_REQUEST", change.says)
			if strings.Contains(a.body, phone) || got.origins() != "bot-xapi-services" {
				t.Errorf("%s, %s: %s", name, form, a.body)
			}
			if sent := p.received(id, ""); len(sent) != 0 {
				t.Errorf("%s: BotService received %+v", name, sent)
			}
		}
	}
	for name, header := range map[string]string{
		"system unknown to the header": `{"System":{"correlationID":"x"}}`,
		"no System":                    `{"Property":[]}`,
		"no correlationID":             `{"System":{"name":"` + c.system + `"}}`,
		"null System":                  `{"System":null}`,
		"list":                         `[]`,
		"Property object":              `{"System":{"name":"` + c.system + `","correlationID":"x"},"Property":{}}`,
		"name twice":                   `{"System":{"name":"` + c.system + `","Name":"` + c.system + `","correlationID":"x"}}`,
	} {
		phone := p.phone()
		a := c.post(t, portabilidades, `{"WSRequestHeader":`+header+`,"WSRequestBody":`+order(phone, nil)+`}`, "X-System-Name", "")
		t := of(t, name)
		wantProblem(t, a, 400, "BAD_REQUEST", "WSRequestHeader")
		p.untouched(t, phone)
	}
	wantProblem(t, c.post(t, portabilidades, `{"WSRequestHeader":{}}`), 400, "BAD_REQUEST", "WSRequestBody")
}

// answerWithin is the promise of the contract: x-sla.
const answerWithin = 5 * time.Second

// botService: what BotService does wrong is told in the documented form, without its own words, in
// time, and is never sent twice.
func botService(t *testing.T, p *platform) {
	for _, row := range []struct {
		name, phone string
		status      int
		code        string
		done        int // NIPs that BotService made
		says        string
	}{
		{"refuses a field", "3000000409", 409, "INVALID_FIELD", 0, "(incident "},
		{"500", "3000000500", 500, "INTERNAL_SERVER_ERROR", 0, "(incident "},
		{"garbage", "3000000502", 500, "INTERNAL_SERVER_ERROR", 0, "(incident "},
		{"503", "3000000503", 500, "INTERNAL_SERVER_ERROR", 0, "(incident "},
		{"hangs", "3000000504", 504, "GATEWAY_TIMEOUT", 0, "(incident "},
		{"late", "3000000505", 200, "", 1, ""},
		{"drips", "3000000506", 504, "GATEWAY_TIMEOUT", 1, "(incident "},
		{"reset", "3000000507", 500, "INTERNAL_SERVER_ERROR", 1, "(incident "},
		{"hangs after it acted", "3000000508", 504, "GATEWAY_TIMEOUT", 1, "(incident "},
		{"gzip bomb", "3000000509", 500, "INTERNAL_SERVER_ERROR", 0, "(incident "},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := p.caller(t)
			a := c.nip(t, row.phone)
			if row.status == 200 {
				c.wantNIP(t, a)
			} else if got := wantProblem(t, a, row.status, row.code, row.says); got.origins() != "bot-xapi-services>bot-sapi-services>botservice" {
				t.Errorf("cause %v", got.Cause)
			}
			if a.took >= answerWithin {
				t.Errorf("took %s", a.took)
			}
			if sent := p.received(a.correlation(), "portability"); len(sent) != 1 {
				t.Errorf("sent %d times", len(sent))
			}
			if did := p.did(a.correlation()); did != row.done {
				t.Errorf("BotService did %d things", did)
			}
		})
	}
	t.Run("another NIP than the current", func(t *testing.T) {
		t.Parallel()
		c, phone := p.caller(t), p.phone()
		c.wantNIP(t, c.nip(t, phone))
		a := c.post(t, portabilidades, order(phone, members{"nip": "00000"}), "X-Correlation-ID", c.correlation())
		wantProblem(t, a, 409, "INVALID_FIELD", "(incident ")
		if _, portIns := p.effects(phone); len(portIns) > 0 {
			t.Errorf("filed %+v", portIns)
		}
	})
}

// paths: what no operation answers.
func paths(t *testing.T, p *platform) {
	c := p.caller(t)
	wantProblem(t, c.post(t, "/v1/salesOrder/portabilities/cancel", order(p.phone(), nil)), 404, "OPERATION_NOT_FOUND")
	wantProblem(t, c.post(t, "/v1/salesOrder/portabilities/Portabilidades", order(p.phone(), nil)), 404, "OPERATION_NOT_FOUND")
	wantProblem(t, c.post(t, portabilidades+"/more", order(p.phone(), nil)), 404, "NOT_FOUND")
	wantProblem(t, c.post(t, portabilidades+"/", order(p.phone(), nil)), 404, "NOT_FOUND")
	for _, method := range []string{"GET", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"} {
		a, err := c.try(method, portabilidades, "")
		if err != nil {
			t.Fatal(err)
		}
		t := of(t, method)
		wantProblem(t, a, 405, "METHOD_NOT_ALLOWED")
		if allow := a.header.Get("Allow"); allow != "POST" {
			t.Errorf("%s: Allow %q", method, allow)
		}
	}
	for _, path := range []string{"/", "/metrics", "/admin/v1", "/livez", "/bot/salesOrder/encrypted/v1", "/oauth2/v1/verifications", "/v2/salesOrder"} {
		a := c.post(t, path, "{}")
		if a.status != 404 || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		leaks(t, a)
	}
	for media, body := range map[string]string{"": order(p.phone(), nil), "text/plain": order(p.phone(), nil), "application/xml": "<a/>", "application/jsonp": "{}"} {
		wantProblem(t, c.post(t, portabilidades, body, "Content-Type", media), 415, "UNSUPPORTED_MEDIA_TYPE")
	}
	c.wantNIP(t, c.nip(t, p.phone(), "Content-Type", "application/json; charset=utf-8"))
	for _, coding := range []string{"gzip", "deflate", "br", "identity, gzip"} {
		wantProblem(t, c.post(t, portabilidades, order(p.phone(), nil), "Content-Encoding", coding), 415, "UNSUPPORTED_MEDIA_TYPE")
	}
}
