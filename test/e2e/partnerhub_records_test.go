package e2e

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// hubRecords: each request of a partner's has its record, and neither record nor log nor metric has the number in full, a
// token, a secret, a key or a PIN. Of traces TestTraces says so.
func hubRecords(t *testing.T, p *platform) {
	h, msisdn := p.hub.rest, p.hub.line()
	h.subscribed(t, msisdn)
	pin := p.pin(msisdn, 0)
	if pin == "" {
		t.Fatal("no PIN")
	}
	answers := map[string]answer{
		"charge": h.call(t, "charge", h.order(msisdn, nil)), "sendMT": h.call(t, "sendmt", h.message(msisdn, nil)), "subOptOut": h.call(t, "suboptout", h.optOut(msisdn, nil)),
	}
	hidden := append([]string{msisdn, msisdn[2:]}, p.hub.secrets.all()...)
	for _, api := range []string{"charge", "sendmt", "suboptout"} {
		hidden = append(hidden, h.token(t, api))
	}
	for operation, a := range answers {
		records := atEdge(p.audited(t, a.correlation()))
		if len(records) != 1 || records[0].API != "partnerhub" || records[0].Operation != operation || records[0].Client != h.client || records[0].Status != a.status {
			t.Errorf("%s: records %+v", operation, records)
		}
		text := p.auditText(t, a.correlation())
		for _, s := range hidden {
			if strings.Contains(text, s) {
				t.Errorf("%s: the audit tells %q: %s", operation, s, text)
			}
		}
	}
	quoted := regexp.MustCompile(`\b` + pin + ` es tu|"pin":"`) // six digits alone may be anything
	for _, one := range append(slices.Clone(p.processes), p.hub.aside...) {
		status, series := one.get("/metrics")
		if status != http.StatusOK {
			t.Errorf("%s: metrics: %d", one.name, status)
		}
		for _, s := range append(slices.Clone(hidden), pin+" es tu") {
			if strings.Contains(series, s) {
				t.Errorf("%s counts %q", one.name, s)
			}
		}
		for _, line := range one.log.lines() {
			if quoted.Match(line) {
				t.Errorf("%s tells a PIN: %s", one.name, line)
			}
			for _, s := range hidden {
				if strings.Contains(string(line), s) {
					t.Errorf("%s tells %q: %s", one.name, s, line)
				}
			}
		}
	}
}
