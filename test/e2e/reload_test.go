package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// reload: a bad configuration is refused whole and the old one serves on; a good one takes effect
// without a request being lost.
func reload(t *testing.T, p *platform) {
	c := p.caller(t)
	edge := p.edge()
	good, err := os.ReadFile(edge.config)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(edge.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		write(string(good))
		p.reload(t, "ok")
	})
	deny := "policies:\n  deny: [127.0.0.1]\n"
	for name, bad := range map[string]string{
		"a typing error":      strings.Replace(string(good), "policies:\n", deny+"  tokn: {}\n", 1),
		"an unknown policy":   strings.Replace(string(good), "policies:\n", deny+"  modes: {fraud: enforce}\n", 1),
		"an unknown mode":     strings.Replace(string(good), "policies:\n", deny+"  modes: {token: maybe}\n", 1),
		"nobody known":        strings.Replace(string(good), "policies:\n", deny+"  modes: {token: shadow}\n", 1),
		"no value":            strings.Replace(string(good), "policies:\n", deny+"  modes:\n", 1),
		"null":                strings.Replace(string(good), "policies:\n", deny+"  modes: null\n", 1),
		"a wrong type":        strings.Replace(string(good), "policies:\n", "policies:\n  deny: 127.0.0.1/99\n", 1),
		"broken syntax":       strings.Replace(string(good), "policies:\n", deny+"  modes: {\n", 1),
		"half a file":         string(good)[:len(good)/2],
		"nothing":             "",
		"a key twice":         string(good) + "policies: {}\n",
		"a system's new typo": strings.Replace(string(good), "database:", "databse: {}\ndatabase:", 1),
	} {
		write(bad)
		p.reload(t, "refused")
		c.wantNIP(of(t, name), c.nip(t, p.phone()))
	}
	if status, body := edge.get("/readyz"); status != 200 {
		t.Errorf("readyz: %d %s", status, body)
	}
	eventually(t, within, "the log names the unknown key", func() bool {
		return slices.ContainsFunc(edge.log.lines(), func(line []byte) bool {
			return strings.Contains(string(line), "configuration refused") && strings.Contains(string(line), "policies.tokn")
		})
	})

	write(strings.Replace(string(good), "policies:\n", deny, 1)) // without a signal: the file is watched
	eventually(t, within, "a changed file takes effect", func() bool { return c.nip(t, p.phone()).status == 403 })
	wantDenied(t, c.nip(t, p.phone(), "X-Forwarded-For", "192.0.2.1"), 403, "")
	write(string(good))
	eventually(t, within, "the old file is back", func() bool { return c.nip(t, p.phone()).status == 200 })
}

// shadow: a policy in shadow lets pass, and says what it would have refused.
func shadow(t *testing.T, p *platform) {
	c, other := p.caller(t), p.caller(t)
	before := p.edge().metric(t, "policy_shadow_refusals_total", "api", "portabilities", "policy", "origin")
	p.reconfigure(t, "policies:\n", "policies:\n  modes: {origin: shadow}\n")
	a := c.nip(t, p.phone(), "X-System-Name", other.system)
	wantSuccess(t, a, other.system, a.correlation(), nipRequested, "FLUJO", "LTE")
	if after := p.edge().metric(t, "policy_shadow_refusals_total", "api", "portabilities", "policy", "origin"); after != before+1 {
		t.Errorf("counted %v, then %v", before, after)
	}
	found := false
	for _, r := range atEdge(p.audited(t, a.correlation())) {
		for _, d := range r.Decisions {
			found = found || d.Policy == "origin" && d.Verdict == "would_refuse"
		}
	}
	if !found {
		t.Errorf("the audit does not tell: %s", p.auditText(t, a.correlation()))
	}
	if chains := p.run(t, "policies"); !strings.Contains(chains, "origin       shadow") {
		t.Errorf("the chain in force is shown as\n%s", chains)
	}
}
