package e2e

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"puente/test/sandbox/tvplatforms"
)

// normalizations: on every technology a line that drifted in all respects is made right, once, and only
// where it was wrong; a dry run only tells; what the platform refuses stays red and is said.
func normalizations(t *testing.T, p *platform) {
	c := p.caller(t)
	wrong := tvplatforms.Setting{State: ptr("0"), Channels: []string{"HBO", "STAR", "BASICO"}, Services: []string{"TIMESHIFT"}, Devices: boxesThere[:1]}
	red := map[string]string{tvChannels: "Red", tvDevices: "Red", tvSubscriber: "Red"}
	for _, technology := range []string{"FTTH", "HFC", "IPTV"} {
		t, l := of(t, technology), p.newTV(t, technology)
		p.drift(t, l, wrong)
		a, r := c.television(t, validateTVPath, l.phone)
		wantTV(t, a, r, "OK_01", red)

		a, r = c.television(t, normalizeTVPath, l.phone, members{"dryRun": true})
		wantTV(t, a, r, "OK_01", red)
		if check := r.checks[tvChannels]; check.After != nil || !slices.Equal(check.did(), []string{"ADD FOX PLANNED", "REMOVE STAR PLANNED"}) {
			t.Errorf("planned: %s", a.body)
		}
		if made := p.changesOf(l); made != nil {
			t.Errorf("a dry run changed %v", made)
		}

		a, r = c.television(t, normalizeTVPath, l.phone)
		wantTV(t, a, r, "OK_01", nil)
		for name, did := range map[string][]string{
			tvChannels: {"ADD FOX DONE", "REMOVE STAR DONE"}, tvServices: nil, tvDevices: {"ADD 001A2B3C4D5F DONE"}, tvSubscriber: {"SET 1 DONE"},
		} {
			if got := r.checks[name].did(); !slices.Equal(got, did) {
				t.Errorf("%s: did %v, want %v", name, got, did)
			}
		}
		if made := p.changesOf(l); !slices.Equal(made, []string{"ADD 001A2B3C4D5F", "ADD FOX", "REMOVE STAR", "STATE 1"}) {
			t.Errorf("changed %v", made)
		}

		stubborn := p.newTV(t, technology)
		p.drift(t, stubborn, tvplatforms.Setting{Channels: []string{"HBO"}, Devices: []string{}, Refuses: []string{"FOX"}})
		a, r = c.television(t, normalizeTVPath, stubborn.phone)
		wantTV(t, a, r, "OK_01", map[string]string{tvChannels: "Red"})
		if got := r.checks[tvChannels].did(); !slices.Equal(got, []string{"ADD FOX FAILED"}) {
			t.Errorf("refused: %v", got)
		}
	}
}

// normalizedAtOnce: many who normalize one line at once change it once, and each is told that it is right.
func normalizedAtOnce(t *testing.T, p *platform) {
	c, l := p.caller(t), p.newTV(t, "FTTH")
	p.drift(t, l, tvplatforms.Setting{Channels: []string{"STAR"}, Services: []string{}})
	var bodies []string
	for range 12 {
		id := c.correlation()
		bodies = append(bodies, inEnvelope(c.system, id, text(members{"Phone": l.phone})))
	}
	answers := make([]answer, len(bodies))
	var all sync.WaitGroup
	for i, body := range bodies {
		all.Go(func() { answers[i] = c.post(t, normalizeTVPath, body, "X-System-Name", "") })
	}
	all.Wait()
	for _, a := range answers {
		wantTV(t, a, resultOf(t, a), "OK_01", nil)
	}
	if made := p.changesOf(l); !slices.Equal(made, []string{"ADD FOX", "ADD HBO", "ADD TIMESHIFT", "REMOVE STAR"}) {
		t.Errorf("changed %v", made)
	}
}

// televisionCodes: the refusals that a line or a table is the reason of.
func televisionCodes(t *testing.T, p *platform) {
	c := p.caller(t)
	for _, one := range []struct {
		name, code string
		phone      string
	}{
		{"unknown", "ERROR_06", p.phone()},
		{"without account", "ERROR_07", "6012450007"},
		{"no television", "ERROR_20", "3057000407"},
		{"withdrawn", "ERROR_06", "3057000410"},
	} {
		for _, path := range []string{validateTVPath, normalizeTVPath} {
			a, r := c.television(t, path, one.phone)
			wantTV(of(t, fmt.Sprint(one.name, " ", path)), a, r, one.code, nil)
		}
	}
	a, r := c.television(t, validateTVPath, "6012450008") // nothing on either side
	wantTV(t, a, r, "OK_01", nil)
}
