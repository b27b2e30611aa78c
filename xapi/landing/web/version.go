package web

import (
	"fmt"
	"slices"
	"strings"

	"puente/contracts/papi/subscription"
)

// layout is the version of what the pages show, and how, beside texts and terms: whoever changes a template
// or the style in a way that a reader would notice raises it.
const layout = "2"

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

// most is of the text that Shown returns, in bytes.
const most = 6000

// Shown is what a page says of what is agreed to, line by line. A record of a consent keeps it, for the campaign's
// texts, and ours, may be others by the time that somebody asks.
func Shown(p Page) string {
	t, texts := p.terms(), p.texts()
	headline, _ := p.headline()
	description, _ := p.own(subscription.TextDescription)
	small, _ := p.own(subscription.TextTerms)
	lines := []string{headline, description, t.Product, t.Service, sprintf(texts.Provider, t.Partner), p.total(), texts.Renews, p.fallbacks()}
	if t.OneShot {
		lines[6] = texts.OnceOnly
	}
	if p.cancellable() {
		lines = append(lines, p.cancel(texts.CancelBy))
	}
	lines = append(lines, sprintf(texts.Charged, t.Operator), texts.Contact+": "+t.ContactPhone, small, p.termsURL(), p.agree(texts.Subscribe, texts.Authorise))
	shown := strings.Join(slices.DeleteFunc(lines, func(line string) bool { return line == "" }), "\n")
	return strings.ToValidUTF8(shown[:min(len(shown), most)], "")
}
