package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"puente/contracts/papi/subscription"
	"puente/shared/keyring"
	"puente/test/sandbox/carrierbilling"
	"puente/test/sandbox/smsc"
)

// A week later the demo's subscription is renewed, once; of a month in which nobody was there to renew it one
// period is collected.
func TestTheDemoRenews(t *testing.T) {
	t.Parallel()
	internal, key := unused(t), randomKey()
	dir, notes := beginDemo(t, "--hops=http", "--internal-addr="+internal, "PUENTE_LAYERS_SERVICE_KEY="+key)
	ring, err := keyring.LoadOrCreate(filepath.Join(dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	const msisdn = "56920000000"
	flows := subscription.NewClient(dialer(t, internal, key, ring))
	h := &hubPartner{id: 52272, service: 2000001784, subscription: 1020, keyword: "JUEGOS"}
	flow, err := h.start(flows, msisdn)
	if err != nil {
		t.Fatal(err)
	}
	pin := ""
	eventually(t, within, "the phone has the PIN", func() bool {
		var inbox []smsc.Message
		fetch(t, http.MethodGet, notes.SMS.Inbox+"?to="+msisdn, "", &inbox)
		for _, m := range inbox {
			pin = digits.FindString(m.Text)
		}
		return pin != ""
	})
	if done, err := h.confirm(flows, flow, pin); err != nil || done.State != subscription.EnrolmentActive {
		t.Fatalf("enrolment %+v: %v", done, err)
	}
	told := func(want ...int) {
		t.Helper()
		var contexts []int
		eventually(t, within, fmt.Sprint("the partner is told of charges ", want), func() bool {
			var ledger struct {
				Notifications []struct {
					ID   string
					Body hubNotice
				}
			}
			fetch(t, http.MethodGet, notes.Hub.Told, "", &ledger)
			contexts = nil
			seen := map[string]bool{}
			for _, n := range ledger.Notifications {
				if n.Body.UpdateType == noticeCharged && !seen[n.ID] {
					seen[n.ID], contexts = true, append(contexts, *n.Body.Context)
				}
			}
			return len(contexts) >= len(want)
		})
		var ledger struct{ Charges []carrierbilling.Charge }
		fetch(t, http.MethodGet, notes.Sandbox+"/_sandbox/ledger/carrierbilling", "", &ledger)
		if !slices.Equal(contexts, want) || len(ledger.Charges) != len(want) {
			t.Fatalf("the partner was told %v, and the ledger has %+v", contexts, ledger.Charges)
		}
	}
	told(0)
	for i, offset := range []string{"169h", "1009h"} { // a week; and five weeks after that, when four are missed
		fetch(t, http.MethodPost, notes.Sandbox+"/_sandbox/clock", `{"offset":"`+offset+`"}`, new(any))
		told([]int{0, 1, 1}[:2+i]...)
	}
	fetch(t, http.MethodPost, notes.Sandbox+"/_sandbox/clock", `{"offset":"1010h"}`, new(any)) // nothing is left to collect
	fetch(t, http.MethodPost, notes.Sandbox+"/_sandbox/smsc/mo", `{"from":"`+msisdn+`","to":"8888","text":"SALIR"}`, new(any))
	eventually(t, within, "it has ended", func() bool {
		done, err := queryEnrolment(flows, flow.ID)
		return err == nil && done.State != subscription.EnrolmentActive
	})
	told(0, 1, 1)
}

// A demo that is kept, and started again on other ports, tells its partners there; what an operator made of them stays.
func TestTheDemosPartnersFollowTheSandbox(t *testing.T) {
	t.Parallel()
	dir := demoDirectory(t)
	before, stop := runDemo(t, dir)
	renamed := fmt.Sprintf(`{"kind":"Product","id":"4711","spec":{"service":"2000001784","name":"Otro","kind":"VAS","type":"ONESHOT","oneshotConsent":"partner","notifyChargeUrl":"%s/partner/52272/charges","pricePoints":[{"id":4711,"amount":500}]}}`, before.Sandbox)
	if code, text := says(t, "apply", "--data-dir", dir, "-f", written(t, renamed)); code != 0 {
		t.Fatal(text)
	}
	stop()
	now, _ := runDemo(t, dir)
	for _, resource := range []string{"partners", "products"} {
		code, text := says(t, "admin", "list", resource, "--data-dir", dir)
		if code != 0 || now.Sandbox != before.Sandbox && strings.Contains(text, before.Sandbox) || !strings.Contains(text, now.Sandbox+"/partner/52272/charges") {
			t.Errorf("%d %s: %s", code, resource, text)
		}
	}
}

func queryEnrolment(flows *subscription.Client, id string) (subscription.Enrolment, error) {
	ctx, cancel := visit()
	defer cancel()
	return flows.QueryEnrolment(ctx, subscription.FlowQuery{ID: id})
}

// fetch calls a control of the sandbox's.
func fetch(t testing.TB, method, url, body string, into any) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := operations.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(answer, into); resp.StatusCode != http.StatusOK || err != nil {
		t.Fatalf("%s: %d %s: %v", url, resp.StatusCode, answer, err)
	}
}

// unused is an address of this machine at which nobody listened a moment ago.
func unused(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
