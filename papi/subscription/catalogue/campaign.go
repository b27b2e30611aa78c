package catalogue

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	contract "puente/contracts/papi/subscription"
	"puente/shared/admin"
	"puente/shared/contrast"
)

// CampaignSpec is document Campaign; its id is the name in the landing page's path.
type CampaignSpec struct {
	Product    string            `json:"product"`
	PricePoint int64             `json:"pricePoint,omitempty"` // default: the product's first
	ShortCode  string            `json:"shortCode,omitempty"`  // default: the service's first
	Status     Status            `json:"status,omitempty"`
	Texts      map[string]string `json:"texts,omitempty"`   // in place of the pages' own, by name: contract.CampaignTexts, of a language with its suffix
	Colours    map[string]string `json:"colours,omitempty"` // contract.CampaignColours, as #rrggbb
}

var (
	campaignName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	colour       = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
)

const maxPageText = 2000 // bytes of a text on a page

// Identify wants the id to be fit for a path.
func (c *CampaignSpec) Identify(id string) error {
	var r rules
	r.must(campaignName.MatchString(id), "id", "must match "+campaignName.String())
	return r.err()
}

// Normalize fills in the defaults.
func (c *CampaignSpec) Normalize() { c.Status = or(c.Status, StatusActive) }

// Validate joins all that is wrong.
func (c *CampaignSpec) Validate() error {
	var r rules
	r.id("product", c.Product)
	r.must(c.PricePoint >= 0 && c.PricePoint <= maxID, "pricePoint", "must be the id of a price point")
	r.must(c.ShortCode == "" || shortCode.MatchString(c.ShortCode), "shortCode", "must have 3 to 6 digits")
	r.status("status", c.Status)
	for _, name := range slices.Sorted(maps.Keys(c.Texts)) {
		r.pageText("texts."+name, name, c.Texts[name])
	}
	c.validateColours(&r)
	return r.err()
}

// pageText wants a text of a known name, for reading. What it holds is text: pages escape it.
func (r *rules) pageText(at, name, text string) {
	bare, language, one := strings.Cut(name, ".")
	r.must(slices.Contains(contract.CampaignTexts, bare) && (!one || slices.Contains(languages, language)), at,
		fmt.Sprintf("must be one of %s, or one of these with .%s", strings.Join(contract.CampaignTexts, ", "), strings.Join(languages, " or .")))
	r.must(text != "" && len(text) <= maxPageText, at, "must have 1 to 2000 bytes")
	r.must(utf8.ValidString(text) && !strings.ContainsFunc(text, hidden), at, "must be text without control characters, but line breaks, and without marks that turn its direction")
	if bare == contract.TextTermsURL {
		u, err := url.Parse(text)
		// In one form only: who reads the page must know where the link leads.
		r.must(err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && !strings.ContainsAny(text, " \n\\\"'<>"), at, "must be an absolute https URL without user")
	}
}

// hidden is what nobody sees but a text means something else by: controls, and what writes right to left over
// what is there (Unicode Technical Report 36 §2.10).
func hidden(r rune) bool {
	return unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r)
}

// pairs are the colours that stand on each other.
var pairs = [][2]string{{contract.ColourOnAccent, contract.ColourAccent}, {contract.ColourText, contract.ColourBackground}}

func (c *CampaignSpec) validateColours(r *rules) {
	for _, name := range slices.Sorted(maps.Keys(c.Colours)) {
		r.must(slices.Contains(contract.CampaignColours, name), "colours."+name, "must be one of "+strings.Join(contract.CampaignColours, ", "))
		r.must(colour.MatchString(c.Colours[name]), "colours."+name, "must be #rrggbb")
	}
	for _, pair := range pairs {
		front, back := or(c.Colours[pair[0]], contract.DefaultColours[pair[0]]), or(c.Colours[pair[1]], contract.DefaultColours[pair[1]])
		if !colour.MatchString(front) || !colour.MatchString(back) {
			continue // it was said
		}
		at := pair[0]
		if c.Colours[at] == "" {
			at = pair[1]
		}
		has := contrast.Ratio(contrast.Parse(front), contrast.Parse(back))
		r.must(has >= contrast.Text, "colours."+at, fmt.Sprintf("must be told apart: %s on %s, which are %s and %s, have a contrast of %.2f to 1, and need 4.5", pair[0], pair[1], front, back, math.Floor(has*100)/100))
	}
}

// References names the product.
func (c *CampaignSpec) References() []admin.Reference {
	return []admin.Reference{{Kind: "Product", ID: c.Product, Path: "product"}}
}
