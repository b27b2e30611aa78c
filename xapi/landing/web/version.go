package web

import (
	"fmt"

	"puente/contracts/papi/subscription"
)

// layout is the version of what the pages show, and how, beside texts and terms: whoever changes a template
// or the style in a way that a reader would notice raises it.
const layout = "1"

// TextsVersion names what a page says, which a record of a consent keeps: its language, and a hash over the
// layout, the language's texts and what the campaign shows. Colours and addresses are not part of it.
func TextsVersion(p Page) string {
	t := p.terms()
	shown := []any{layout, *p.texts(), t.Partner, t.Service, t.Product, t.OneShot, t.Country, t.Operator,
		t.ShortCode, t.OptOutWord, t.Keyword, t.ContactPhone, p.amount(), p.per(), p.fallbacks()}
	for _, name := range subscription.CampaignTexts {
		text, _ := p.own(name)
		shown = append(shown, text)
	}
	return string(p.language()) + "-" + hash(fmt.Appendf(nil, "%q", shown))
}
