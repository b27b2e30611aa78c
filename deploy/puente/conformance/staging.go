package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"

	"puente/papi/subscription/catalogue"
	"puente/shared/admin"
	"puente/test/sandbox/partner"
)

// stock gives the private platform the documents of the products, in place of the demo's own catalogue: a keyword that
// one has there would be taken. The sandbox's partners get the keys of their tokens.
func (p *platform) stock(ctx context.Context, products []*product) error {
	if err := p.clear(ctx); err != nil {
		return err
	}
	given := map[string]json.RawMessage{} // by kind and id: products share what they belong to
	var all []admin.Entity
	for _, product := range products {
		if product.campaign == "" { // its users must come somehow
			product.campaign = "conformance-" + product.id
			spec, _ := json.Marshal(catalogue.CampaignSpec{Product: product.id}) // of texts and numbers: cannot fail
			all = append(all, admin.Entity{Kind: "Campaign", ID: product.campaign, Spec: spec})
		}
		for _, e := range product.entities {
			if _, ok := given[e.Kind+" "+e.ID]; ok {
				continue
			}
			var err error
			switch e.Kind {
			case "Partner":
				var keys partner.Keys
				if e.Spec, keys, err = stagedPartner(e, p.endpoint(e.ID)); err == nil {
					err = p.control(ctx, http.MethodPost, "/_sandbox/partner/"+e.ID+"/keys", keys, nil)
				}
			case "Product":
				e.Spec, err = stagedProduct(e, p.endpoint(product.partner.id))
			}
			if err != nil {
				return fmt.Errorf("%s %s: %w", e.Kind, e.ID, err)
			}
			given[e.Kind+" "+e.ID] = e.Spec
			all = append(all, e)
		}
		staged, err := assembled(given["Product "+product.id], given["Partner "+product.partner.id])
		if err != nil {
			return err
		}
		product.staged = staged
	}
	documents, err := json.Marshal(all)
	if err == nil {
		_, err = p.admin.Apply(ctx, documents)
	}
	return err
}

// clear removes the demo's own catalogue.
func (p *platform) clear(ctx context.Context) error {
	for _, resource := range []string{"campaigns", "products", "services", "shortcodes", "partnerclients", "partners"} { // what refers to another goes first
		there, err := p.admin.List(ctx, resource)
		if err != nil {
			return err
		}
		for _, text := range there {
			var e admin.Entity
			if err := json.Unmarshal(text, &e); err != nil {
				return err
			}
			if err := p.admin.Delete(ctx, resource, e.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// assembled is a product as the private platform has it, as far as it says where its partner is told and by which
// secrets.
func assembled(product, partner []byte) (*catalogue.Product, error) {
	to := &catalogue.Product{Service: &catalogue.Service{Partner: &catalogue.Partner{}}}
	if err := jsonv2.Unmarshal(product, &to.ProductSpec); err != nil {
		return nil, err
	}
	return to, jsonv2.Unmarshal(partner, &to.Service.Partner.PartnerSpec)
}

// endpoint is where the sandbox plays a partner.
func (p *platform) endpoint(partner string) string { return p.notes.Sandbox + "/partner/" + partner }

// stagedProduct is a product that tells the sandbox what it would tell elsewhere. One that is suspended is tried as if
// it were not: what is added to a partner in production waits so for the matrix (specification §14).
func stagedProduct(e admin.Entity, endpoint string) (json.RawMessage, error) {
	spec, err := members(e.Spec)
	if err != nil {
		return nil, err
	}
	repoint(spec, "notifySubscriptionUrl", endpoint+"/subscriptions")
	repoint(spec, "notifyChargeUrl", endpoint+"/charges")
	renew(spec, "notifySecrets", "notifyChargeSecrets")
	if spec["status"] == string(catalogue.StatusSuspended) {
		spec["status"] = catalogue.StatusActive
	}
	return json.Marshal(spec)
}

// stagedPartner is a partner in STAGING whose endpoints and pages are the sandbox's, with secrets and keys of its own in
// place of those that nobody can read back. What the sandbox does not ask for, a bearer token and a certificate of the
// hub's, is left out.
func stagedPartner(e admin.Entity, endpoint string) (json.RawMessage, partner.Keys, error) {
	var keys partner.Keys
	spec, err := members(e.Spec)
	if err != nil {
		return nil, keys, err
	}
	spec["environment"] = catalogue.Staging
	if notify, ok := spec["notify"].(map[string]any); ok {
		repoint(notify, "subscriptionUrl", endpoint+"/subscriptions")
		repoint(notify, "chargeUrl", endpoint+"/charges")
		renew(notify, "secrets", "chargeSecrets")
		delete(notify, "bearer")
		delete(notify, "clientCertificate")
	}
	if redirect, ok := spec["redirect"].(map[string]any); ok {
		repoint(redirect, "successUrl", endpoint+"/return")
		repoint(redirect, "errorUrl", endpoint+"/return")
		if urls, ok := redirect["urls"].([]any); ok && len(urls) > 0 {
			redirect["urls"] = []string{endpoint + "/return"}
		}
		redirect["allowHttpRedirect"] = true // the sandbox has no TLS
		keys.Scheme = partner.Scheme(fmt.Sprint(redirect["scheme"]))
		if known, ok := redirect["keys"].([]any); ok {
			redirect["keys"], keys.Keys = freshKeys(known, keys.Scheme)
		}
	}
	text, err := json.Marshal(spec)
	return text, keys, err
}

// renew puts fresh secrets in place of those that are known by their fingerprints, as many and each of its kind: which
// is asymmetric, its public half says.
func renew(spec map[string]any, names ...string) {
	for _, name := range names {
		known, _ := spec[name].([]any)
		for i, fingerprint := range known {
			prefix := "whsec_"
			if strings.HasPrefix(fmt.Sprint(fingerprint), "whpk_") {
				prefix = "whsk_"
			}
			known[i] = prefix + base64.StdEncoding.EncodeToString(random(32))
		}
	}
}

// freshKeys are as many as there are, under their ids. The scheme gcm wants 32 bytes; of the others the shortest is
// what integrated partners have (specification §8).
func freshKeys(keys []any, scheme partner.Scheme) (documents []map[string]any, all []partner.Key) {
	size := 16
	if scheme == partner.GCM {
		size = 32
	}
	for _, k := range keys {
		known, _ := k.(map[string]any)
		key := partner.Key{ID: fmt.Sprint(known["id"]), Secret: random(size)}
		documents = append(documents, map[string]any{"id": key.ID, "secret": base64.StdEncoding.EncodeToString(key.Secret)})
		all = append(all, key)
	}
	return documents, all
}

func random(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b) // never fails
	return b
}

// repoint sets a URL to another, where there is one.
func repoint(spec map[string]any, name, to string) {
	if was, ok := spec[name].(string); ok && was != "" {
		spec[name] = to
	}
}

// members reads a document so that what is not looked at stays as it was written.
func members(text []byte) (map[string]any, error) {
	var spec map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err := d.Decode(&spec)
	return spec, err
}
