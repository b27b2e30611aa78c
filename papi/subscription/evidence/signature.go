package evidence

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/catalogue"
	"puente/shared/admin"
	"puente/shared/problem"
)

// signature is what an operator applies to a row: who says what, and why. What it does not name stays.
type signature struct {
	By          string            `json:"by"`
	Reason      string            `json:"reason"`
	Checks      map[string]string `json:"checks"` // state by check: NOK or OK; of a redirect OK Prov, too
	E2E         *string           `json:"e2e"`    // when the end-to-end tests are, or OK: they have passed
	Delivery    *string           `json:"delivery"`
	Integration *string           `json:"integration"`
	Waiver      *bool             `json:"waiver"` // whether the row may go to customers as it is
}

// The most bytes of what people write.
const (
	maxName   = 80
	maxReason = 300
	maxDate   = 20
)

// verdict is a check's state as somebody signs it.
type verdict struct {
	check acceptance.Check
	state acceptance.State
}

// readSignature reads a document, and what it says of checks in their order.
func readSignature(raw json.RawMessage) (s signature, all []verdict, err error) {
	if err := jsonv2.Unmarshal(raw, &s, jsonv2.RejectUnknownMembers(true)); err != nil {
		return s, nil, &problem.Error{Kind: problem.Invalid, Err: err, Fields: []problem.Field{{
			Path: "spec", Rule: `must be {"by", "reason", "checks": {check: state}, "e2e", "delivery", "integration", "waiver": true|false}`,
		}}}
	}
	var fields []problem.Field
	must := func(holds bool, path, rule string) {
		if !holds {
			fields = append(fields, problem.Field{Path: path, Rule: rule})
		}
	}
	text := func(path, value string, most int) {
		must(strings.TrimSpace(value) != "" && len(value) <= most, path, fmt.Sprintf("must have 1 to %d bytes", most))
	}
	text("by", s.By, maxName)
	text("reason", s.Reason, maxReason)
	for path, date := range map[string]*string{"e2e": s.E2E, "delivery": s.Delivery, "integration": s.Integration} {
		must(date == nil || len(*date) <= maxDate, path, fmt.Sprintf("must have at most %d bytes", maxDate))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Checks)) {
		var v verdict
		at := "checks." + name
		if v.check.UnmarshalText([]byte(name)) != nil {
			must(false, at, "is none of the checks: subscription.NotifSub, …")
			continue
		}
		known := v.state.UnmarshalText([]byte(s.Checks[name])) == nil
		redirect := v.check == acceptance.SubscriptionLPRedirect
		must(known && (v.state == acceptance.NOK || v.state == acceptance.OK || v.state == acceptance.OKProv && redirect), at,
			"must be NOK or OK, of subscription.LPRedirect also OK Prov: what a partner proves otherwise is not signed")
		all = append(all, v)
	}
	must(len(s.Checks) > 0 || s.E2E != nil || s.Delivery != nil || s.Integration != nil || s.Waiver != nil, "spec", "must say something of checks, e2e, delivery, integration or waiver")
	if len(fields) > 0 {
		slices.SortStableFunc(fields, func(a, b problem.Field) int { return strings.Compare(a.Path, b.Path) })
		return s, nil, &problem.Error{Kind: problem.Invalid, Fields: fields}
	}
	return s, all, nil
}

// parse reads an id: partner or partner.product, with or without .environment behind, with dots or slashes. The
// environment is empty where the id has none.
func parse(id string) (place, bool) {
	parts := strings.FieldsFunc(id, func(r rune) bool { return r == '.' || r == '/' })
	if len(parts) == 0 || strings.Join(parts, ".") != strings.ReplaceAll(id, "/", ".") {
		return place{}, false
	}
	var p place
	if last := len(parts) - 1; slices.Contains(environments, catalogue.Environment(parts[last])) {
		p.environment, parts = catalogue.Environment(parts[last]), parts[:last]
	}
	if len(parts) == 0 || len(parts) > 2 {
		return place{}, false
	}
	for i, to := range []*int64{&p.partner, &p.product} {
		if i >= len(parts) {
			break
		}
		n, err := strconv.ParseInt(parts[i], 10, 64)
		if err != nil || n < 1 || strconv.FormatInt(n, 10) != parts[i] {
			return place{}, false
		}
		*to = n
	}
	return p, true
}

// locate finds the product of a place, and its environment where the id has none. A partner who is not there
// yet is to begin in STAGING, where the gate looks.
func (d *Desk) locate(p *place) (*catalogue.Product, error) {
	now := d.catalogue.Snapshot()
	if p.product == 0 {
		if p.environment == "" {
			p.environment = catalogue.Staging
			if partner, ok := now.Partner(p.partner); ok {
				p.environment = partner.Environment
			}
		}
		return nil, nil
	}
	product, ok := now.Product(p.product)
	if !ok || product.Partner().ID != p.partner {
		return nil, problem.NotFound
	}
	if p.environment == "" {
		p.environment = product.Partner().Environment
	}
	return product, nil
}

// read reads a document, with the row and the product that it is about.
func (d *Desk) read(id string, raw json.RawMessage) (p place, product *catalogue.Product, s signature, all []verdict, err error) {
	if s, all, err = readSignature(raw); err != nil {
		return p, nil, s, nil, err
	}
	p, ok := parse(id)
	if !ok {
		return p, nil, s, nil, invalid("id", "must be partner or partner.product, and may have .STAGING or .PROD behind")
	}
	if product, err = d.locate(&p); err != nil {
		return p, nil, s, nil, invalid("id", "names no product of the partner")
	}
	for _, v := range all {
		switch at := "checks." + v.check.String(); {
		case product == nil:
			return p, nil, s, nil, invalid(at, "is of a product: the id must name it")
		case !applies(product, v.check):
			return p, nil, s, nil, invalid(at, "does not apply to the product")
		case product.Partner().Environment != p.environment:
			return p, nil, s, nil, invalid(at, "can be signed in the environment where the partner is")
		}
	}
	return p, product, s, all, nil
}

// check reads a document as sign does, and names what it is about.
func (d *Desk) check(id string, raw json.RawMessage) ([]admin.Reference, error) {
	p, _, _, _, err := d.read(id, raw)
	if err != nil {
		return nil, err
	}
	return []admin.Reference{{Kind: "Partner", ID: strconv.FormatInt(p.partner, 10), Path: "id"}}, nil
}

func invalid(path, rule string) error {
	return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: path, Rule: rule}}}
}
