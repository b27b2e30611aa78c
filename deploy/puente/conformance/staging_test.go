package conformance

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"

	"puente/papi/subscription/catalogue"
	"puente/shared/admin"
	"puente/test/sandbox/partner"
)

const sandbox = "http://127.0.0.1:9100"

// A partner goes to the private platform as it is, but for where it is told, what it holds, and what nobody may have.
func TestStagedPartner(t *testing.T) {
	sum := "sha256:" + strings.Repeat("ab", 32)
	public := "whpk_" + strings.Repeat("A", 43) + "="
	spec, keys, err := stagedPartner(admin.Entity{Kind: "Partner", ID: "7", Spec: json.RawMessage(`{
		"name": "Uno", "country": "CL", "environment": "PROD", "pairing": "compat", "tidAsNumber": true,
		"notify": {"subscriptionUrl": "https://uno.example/s", "ackMode": "http", "failedCharges": true, "secrets": ["` + sum + `", "` + public + `"], "chargeSecrets": ["` + sum + `"],
			"bearer": "` + sum + `", "clientCertificate": {"certificate": "` + sum + `", "key": "` + sum + `"}},
		"redirect": {"scheme": "ecb-pkcs5", "timed": false, "keys": [{"id": "a", "secret": "` + sum + `"}], "urls": ["https://uno.example/r", "https://dos.example"]}
	}`)}, sandbox+"/partner/7")
	if err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{"uno.example", "dos.example", "sha256:", "whpk_", "bearer", "clientCertificate", "PROD", "chargeUrl", "successUrl"} {
		if strings.Contains(string(spec), left) {
			t.Errorf("%s is in %s", left, spec)
		}
	}
	var now catalogue.PartnerSpec
	if err := jsonv2.Unmarshal(spec, &now); err != nil {
		t.Fatal(err)
	}
	if now.Environment != catalogue.Staging || now.Pairing != catalogue.Compat || !now.TIDAsNumber || now.Notify.AckMode != catalogue.AckHTTP || !now.Notify.FailedCharges {
		t.Errorf("%+v", now)
	}
	if now.Notify.SubscriptionURL != sandbox+"/partner/7/subscriptions" || !slices.Equal(now.Redirect.URLs, []string{sandbox + "/partner/7/return"}) || timed(now.Redirect) {
		t.Errorf("%+v", now)
	}
	now.Normalize()
	if err := now.Validate(); err != nil {
		t.Error(err)
	}
	if n := now.Notify; len(n.Secrets) != 2 || !strings.HasPrefix(n.Secrets[0].Reveal(), "whsec_") || !strings.HasPrefix(n.Secrets[1].Reveal(), "whsk_") || len(n.ChargeSecrets) != 1 || n.ChargeSecrets[0] == n.Secrets[0] {
		t.Errorf("%v, %v", n.Secrets, n.ChargeSecrets)
	}
	if keys.Scheme != partner.ECBPKCS5 || len(keys.Keys) != 1 || keys.Keys[0].ID != "a" || len(keys.Keys[0].Secret) != 16 {
		t.Errorf("%+v", keys)
	}
}

func TestStagedProduct(t *testing.T) {
	for given, want := range map[string]string{
		`{"status":"suspended","notifyChargeUrl":"https://uno.example/c","pricePoints":[{"id":9007199254740991,"amount":990}]}`: `{"notifyChargeUrl":"http://x/charges","pricePoints":[{"amount":990,"id":9007199254740991}],"status":"active"}`,
		`{"status":"withdrawn","later":[1.50]}`: `{"later":[1.50],"status":"withdrawn"}`,
	} {
		got, err := stagedProduct(admin.Entity{Spec: json.RawMessage(given)}, "http://x")
		if err != nil || string(got) != want {
			t.Errorf("%s became %s, %v", given, got, err)
		}
	}
}
