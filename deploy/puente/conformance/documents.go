package conformance

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	jsonv2 "github.com/go-json-experiment/json"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/evidence"
	"puente/shared/admin"
)

// product is what is tried: a product with all that it needs to be sold.
type product struct {
	id       string
	spec     catalogue.ProductSpec
	service  named[catalogue.ServiceSpec]
	partner  named[catalogue.PartnerSpec]
	campaign string               // by which its users come; empty: it has none
	point    catalogue.PricePoint // what it costs there
	row      acceptance.Row       // of the matrix: which checks apply
	entities []admin.Entity       // all of that, as it was read

	staged *catalogue.Product // as the private platform has it
}

// named is a document of another kind that a product needs.
type named[T any] struct {
	id   string
	spec T
}

// read reads a product from the platform where it is. Which checks apply to it, that platform's matrix says: there is
// one rule for it.
func read(ctx context.Context, from *admin.Client, id string) (*product, error) {
	p := &product{id: id}
	if err := p.take(ctx, from, "products", id, &p.spec); err != nil {
		return nil, err
	}
	p.service.id = p.spec.Service
	if err := p.take(ctx, from, "services", p.service.id, &p.service.spec); err != nil {
		return nil, err
	}
	p.partner.id = p.service.spec.Partner
	if err := p.take(ctx, from, "partners", p.partner.id, &p.partner.spec); err != nil {
		return nil, err
	}
	for _, code := range p.service.spec.ShortCodes {
		if err := p.take(ctx, from, "shortcodes", code, new(catalogue.ShortCodeSpec)); err != nil {
			return nil, err
		}
	}
	if err := p.takeCampaigns(ctx, from); err != nil {
		return nil, err
	}
	row, err := matrixRow(ctx, from, p)
	p.row = row
	if err != nil {
		return nil, err
	}
	return p, p.possible()
}

// possible wants a product to be one that a run can try: what it cannot says nothing of the product, and is not signed.
func (p *product) possible() error {
	pages := p.spec.Type == catalogue.Subscription || p.spec.OneShotConsent != "partner"
	if pages && len(p.spec.Channels) > 0 && !slices.Contains(p.spec.Channels, web) {
		return errors.New("it is not sold through WEB, where a run has its line agree")
	}
	if charged := p.row.Cells[acceptance.SubscriptionNotifCobro].State != acceptance.NotApplicable; charged && p.point.Amount == 0 {
		return errors.New("it is charged, but not by the campaign that a run comes by: its price there is 0, or none that is active")
	}
	return nil
}

// take reads one document.
func (p *product) take(ctx context.Context, from *admin.Client, resource, id string, spec any) error {
	text, err := from.Get(ctx, resource, id)
	if err != nil {
		return err
	}
	var e admin.Entity
	if err := jsonv2.Unmarshal(text, &e); err != nil {
		return fmt.Errorf("%s %s: %w", resource, id, err)
	}
	if err := jsonv2.Unmarshal(e.Spec, spec); err != nil {
		return fmt.Errorf("%s %s: %w", resource, id, err)
	}
	p.entities = append(p.entities, e)
	return nil
}

// takeCampaigns reads those of the product. Its users come by the first that is active.
func (p *product) takeCampaigns(ctx context.Context, from *admin.Client) error {
	all, err := from.List(ctx, "campaigns")
	if err != nil {
		return err
	}
	var chosen catalogue.CampaignSpec
	for _, text := range all {
		var e admin.Entity
		var spec catalogue.CampaignSpec
		if err := jsonv2.Unmarshal(text, &e); err != nil {
			return fmt.Errorf("campaigns: %w", err)
		}
		if err := jsonv2.Unmarshal(e.Spec, &spec); err != nil {
			return fmt.Errorf("campaigns %s: %w", e.ID, err)
		}
		if spec.Product != p.id {
			continue
		}
		p.entities = append(p.entities, e)
		if p.campaign == "" || chosen.Status != catalogue.StatusActive && spec.Status == catalogue.StatusActive {
			p.campaign, chosen = e.ID, spec
		}
	}
	for _, point := range p.spec.PricePoints {
		if point.Status == catalogue.StatusActive && cmp.Or(chosen.PricePoint, point.ID) == point.ID && p.point.ID == 0 {
			p.point = point
		}
	}
	return nil
}

// matrixRow is a product's row in the matrix of a platform.
func matrixRow(ctx context.Context, from *admin.Client, p *product) (acceptance.Row, error) {
	text, err := from.Get(ctx, "acceptances", p.partner.id+"."+p.id)
	if err != nil {
		return acceptance.Row{}, err
	}
	var row evidence.Row
	if err := json.Unmarshal(text, &row); err != nil {
		return acceptance.Row{}, fmt.Errorf("acceptances: %w", err)
	}
	return row.Row, nil
}

// same reports whether nothing of a product was changed between two readings.
func (p *product) same(as *product) bool {
	return slices.EqualFunc(p.entities, as.entities, func(a, b admin.Entity) bool {
		return a.Kind == b.Kind && a.ID == b.ID && bytes.Equal(a.Spec, b.Spec)
	})
}

// shortCode is the one that messages about the product come from.
func (p *product) shortCode() string { return p.service.spec.ShortCodes[0] } // a service has one at least

// channel is the one by which the partner says that its user came.
func (p *product) channel() string {
	if len(p.spec.Channels) == 0 || slices.Contains(p.spec.Channels, web) {
		return web
	}
	return p.spec.Channels[0]
}

// web is the channel of landing pages.
const web = "WEB"

// number is an id as partners write it.
func number(id string) int64 {
	n, _ := strconv.ParseInt(id, 10, 64) // ids of the catalogue are numbers
	return n
}
