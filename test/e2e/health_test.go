package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// health: what operators and their tools see.
func health(t *testing.T, p *platform) {
	for _, one := range p.processes {
		t := of(t, one.name)
		if status, body := one.get("/livez"); status != 200 {
			t.Errorf("livez: %d %s", status, body)
		}
		status, body := one.get("/readyz")
		var ready struct {
			Status string
			Checks map[string]struct{ Status string }
		}
		if err := json.Unmarshal([]byte(body), &ready); err != nil || status != 200 || ready.Status != "pass" {
			t.Errorf("readyz: %d %s", status, body)
		}
		for name, c := range ready.Checks {
			if c.Status != "pass" {
				t.Errorf("%s: %+v", name, c)
			}
		}
		for _, path := range []string{"/debug/pprof/", "/debug/vars", "/", "/v1/salesOrder/portabilities/portabilidades"} {
			if status, body := one.get(path); status != 404 {
				t.Errorf("%s: %d %.100s", path, status, body)
			}
		}
	}
}

// catalogue: every code that the documents have is explained, in the words of the contracts.
func catalogue(t *testing.T, p *platform) {
	for _, one := range p.processes {
		t := of(t, one.name)
		for code, says := range map[string]string{
			"BAD_REQUEST": `"status":400`, "GATEWAY_TIMEOUT": `"acts":"operator"`,
			"INVALID_FIELD":       `[{"code":"INVALID_FIELD","api":"portabilities","status":409,"meaning":"The system behind the API does not accept a field of the request; messageServer names it where it is one of the caller's.","acts":"caller","retry":"with a new correlation"},`,
			"REQUEST_IN_PROGRESS": `"retry":"later"`, "correlation_reused": `"status":422`, "OPERATION_NOT_FOUND": `"retry":"no"`, "NIP_LIMIT": `"status":429`, "INVALID_ENCRYPTION": `"status":400`,
			"ERROR_08": `"api":"reconexion","status":200`, "error_08": `"api":"validatetv","status":200`, "ERROR_30": `"status":429`,
		} {
			if status, body := one.get("/errors/" + code); status != 200 || !strings.Contains(body, says) {
				t.Errorf("%s: %d %s", code, status, body)
			}
		}
		if status, body := one.get("/errors/NO_SUCH_CODE"); status != 404 {
			t.Errorf("an unknown code: %d %s", status, body)
		}
	}
}

// metrics: RED for every layer, and no series that a caller could have made; see also hostileSeries.
func metrics(t *testing.T, p *platform) {
	c := p.caller(t)
	marked := "E2EMARK"
	c.wantNIP(t, c.nip(t, p.phone()))
	c.nip(t, p.phone(), "X-Correlation-ID", marked, "X-Channel", marked)
	c.post(t, "/v1/salesOrder/portabilities/"+marked, "{}")
	c.post(t, "/"+marked, "{}")
	if _, err := c.try(marked, portabilidades, "{}"); err != nil {
		t.Fatal(err)
	}
	for name, labels := range map[string][]string{
		"edge":         {"layer", "xapi", "api", "portabilities", "operation", "createPortability", "status", "200", "outcome", "ok"},
		"client error": {"layer", "xapi", "api", "portabilities", "operation", "createPortability", "status", "404", "outcome", "client"},
		"unmatched":    {"layer", "xapi", "api", "none", "operation", "unmatched", "status", "404"},
	} {
		if n := p.edge().metric(t, "http_server_request_duration_seconds_count", labels...); n < 1 {
			t.Errorf("%s: %v", name, n)
		}
	}
	if n := p.systems().metric(t, "http_server_request_duration_seconds_count", "layer", "sapi", "api", "salesorder", "operation", "submitPortability", "outcome", "ok"); n < 1 {
		t.Errorf("the hop: %v", n)
	}
	if n := p.systems().metric(t, "http_client_request_duration_seconds_count", "target", "botservice"); n < 1 {
		t.Errorf("the way out: %v", n)
	}
	for _, one := range p.processes {
		one.wantSeries(t)
	}
}

// logs: one JSON object a line, and nobody's number, secret or token in it.
func logs(t *testing.T, p *platform) {
	c, phone := p.caller(t), "3199999999"
	c.wantNIP(t, c.nip(t, phone))
	c.post(t, portabilidades, order(phone, nil), "X-Correlation-ID", "line\u2028"+`"}`, "X-System-Name", "a\tb")
	c.post(t, portabilidades, order(phone, members{"nip": "00000"}), "X-Correlation-ID", c.correlation())
	secret := append([]string{phone, c.token}, p.secrets...)
	for _, one := range p.processes {
		lines := one.log.lines()
		for _, line := range lines {
			var said map[string]any
			if err := json.Unmarshal(line, &said); err != nil || said["msg"] == nil || said["level"] == nil || said["time"] == nil {
				t.Errorf("%s: %v: %s", one.name, err, line)
			}
			for _, s := range secret {
				if strings.Contains(string(line), s) {
					t.Errorf("%s: the log holds %q: %s", one.name, s, line)
				}
			}
		}
	}
	id := c.correlation()
	c.nip(t, phone, "X-Correlation-ID", id)
	eventually(t, within, "a line has the correlation", func() bool {
		return slices.ContainsFunc(p.edge().log.lines(), func(line []byte) bool {
			return strings.Contains(string(line), `"correlation_id":"`+id+`"`)
		})
	})
}
