package k8s

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// outside is who is no pod of the release.
const outside = "outside"

// flows are the ways that the policies leave open, "from to port"; a port of the outside is its number.
func (r rendered) flows() []string {
	pods := r.pods()
	found := map[string]bool{}
	for _, from := range append(slices.Sorted(maps.Keys(pods)), outside) {
		for _, to := range append(slices.Sorted(maps.Keys(pods)), outside) {
			if from == to && from == outside {
				continue
			}
			out, in := r.open(pods[from], pods[to], "egress", "to"), r.open(pods[to], pods[from], "ingress", "from")
			switch {
			case from == outside:
				out = in
			case to == outside:
				in = out
			}
			for port := range out {
				if in[port] {
					found[from+" "+to+" "+port] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// open are the ports that the policies of pod leave open, in a direction, towards another; a pod that is nil is the outside.
func (r rendered) open(pod, other object, direction, peers string) map[string]bool {
	ports := map[string]bool{}
	for _, policy := range r.all("NetworkPolicy") {
		if pod == nil || !matches(policy.object("spec.podSelector.matchLabels"), pod.object("metadata.labels")) {
			continue
		}
		for _, rule := range policy.object("spec").list(direction) {
			if listed := rule.list(peers); len(listed) > 0 && !slices.ContainsFunc(listed, func(p object) bool { return reaches(p, other) }) {
				continue
			}
			for _, port := range rule.list("ports") {
				ports[fmt.Sprint(port["port"])] = true
			}
		}
	}
	return ports
}

// reaches reports whether a peer is pod. Peers of other namespaces and addresses are the outside.
func reaches(peer, pod object) bool {
	if peer["namespaceSelector"] != nil || peer["ipBlock"] != nil {
		return pod == nil
	}
	return pod != nil && matches(peer.object("podSelector.matchLabels"), pod.object("metadata.labels"))
}

// A layer reaches those below it and what is its own, and nothing else reaches it. Every pod is under the policy that
// forbids all.
func TestNetworkPolicies(t *testing.T) {
	full := sets(t)["full"]
	want := `migrate outside 53
migrate outside 5432
outside papi ops
outside sapi callbacks
outside sapi ops
outside xapi ops
outside xapi plain
outside xapi public
papi outside 4318
papi outside 443
papi outside 53
papi outside 5432
papi sapi internal
sapi outside 13013
sapi outside 4318
sapi outside 443
sapi outside 53
sapi outside 5432
sapi outside 6380
xapi outside 4318
xapi outside 53
xapi outside 5432
xapi outside 6380
xapi papi internal
xapi sapi internal`
	if got := strings.Join(full.flows(), "\n"); got != want {
		t.Errorf("the policies leave open:\n%s", got)
	}
	deny := full.all("NetworkPolicy")["puente-default-deny"]
	for component, pod := range full.pods() {
		if !matches(deny.object("spec.podSelector.matchLabels"), pod.object("metadata.labels")) {
			t.Errorf("%s is under no policy that forbids all", component)
		}
	}
	if got := fmt.Sprint(deny.at("spec.policyTypes")); got != "[Ingress Egress]" || deny.at("spec.ingress") != nil || deny.at("spec.egress") != nil {
		t.Errorf("what forbids all: %v", deny.at("spec"))
	}
}
