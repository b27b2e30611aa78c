package web

import (
	"fmt"
	"strings"
	"time"

	"puente/contracts/papi/subscription"
	"puente/shared/phone"
)

// sprintf is fmt.Sprintf, of a text that is no constant.
func sprintf(format string, a ...any) string { return fmt.Sprintf(format, a...) }

// codes are what stands in front of a national number.
var codes = map[phone.Country]string{phone.Chile: "+56", phone.Peru: "+51"}

// language is that of the page; one that is not known is Spanish.
func (p Page) language() Language {
	if _, ok := texts[p.Language]; ok {
		return p.Language
	}
	return Spanish
}

func (p Page) texts() *Texts { return texts[p.language()] }

// other is the language of Page.Other.
func (p Page) other() Language {
	if p.language() == Spanish {
		return English
	}
	return Spanish
}

// terms are those of the page, or none at all.
func (p Page) terms() *subscription.Terms {
	if p.Terms == nil {
		return &subscription.Terms{}
	}
	return p.Terms
}

// own is a campaign's own text, and its language where that is not the page's: Spanish is shown to English
// readers where there is nothing else, for what is agreed to must be seen.
func (p Page) own(name string) (text string, foreign Language) {
	all := p.terms().Texts
	if p.language() == English {
		if text = strings.TrimSpace(all[name+".en"]); text != "" {
			return text, ""
		}
		foreign = Spanish
	}
	return strings.TrimSpace(all[name]), foreign
}

// headline is the page's first heading: the campaign's, or the product's name.
func (p Page) headline() (text string, foreign Language) {
	if text, foreign = p.own(subscription.TextHeadline); text != "" {
		return text, foreign
	}
	return p.terms().Product, ""
}

// termsURL is the campaign's link to the terms.
func (p Page) termsURL() string {
	if link, _ := p.own(subscription.TextTermsURL); strings.HasPrefix(link, "https://") {
		return link
	}
	return ""
}

// paragraphs are the lines of a campaign's text.
func paragraphs(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// amount is what is charged: $990.
func (p Page) amount() string { return money(p.language(), p.terms().Amount, p.terms().Currency) }

// price is what is agreed to, as it stands on a button: $990 semanal; $990 of a one-shot product.
func (p Page) price() string {
	if every := p.texts().every(p.terms().Period); every != "" && !p.terms().OneShot {
		return p.amount() + " " + every
	}
	return p.amount()
}

// per stands after the amount: semanal, IVA incluido.
func (p Page) per() string {
	t := p.texts()
	tax := t.TaxCL
	if p.terms().Country == phone.Peru {
		tax = t.TaxPE
	}
	if p.terms().OneShot {
		return t.Once + ", " + tax
	}
	if every := t.every(p.terms().Period); every != "" {
		return every + ", " + tax
	}
	return tax
}

// total is amount and per in one line: $990 semanal, IVA incluido; $990, un solo cobro, IVA incluido.
func (p Page) total() string {
	if p.price() == p.amount() {
		return p.amount() + ", " + p.per()
	}
	return p.amount() + " " + p.per()
}

// agree is how a button names the obligation.
func (p Page) agree(subscribe, authorise string) string {
	if p.terms().OneShot {
		return sprintf(authorise, p.price())
	}
	return sprintf(subscribe, p.price())
}

// cancellable is what goes on until somebody cancels it, by a message.
func (p Page) cancellable() bool {
	t := p.terms()
	return !t.OneShot && t.ShortCode != "" && t.OptOutWord != ""
}

// cancel says how a subscription ends, in one of two texts: Envía SALIR JUEGOS al 8888.
func (p Page) cancel(text string) string {
	t := p.terms()
	return sprintf(text, strings.TrimSpace(t.OptOutWord+" "+t.Keyword), t.ShortCode)
}

// fallbacks says which lower prices may be charged.
func (p Page) fallbacks() string {
	var all []string
	for _, f := range p.terms().Fallbacks {
		amount := money(p.language(), f.Amount, p.terms().Currency)
		if f.Days == 1 {
			all = append(all, sprintf(p.texts().ForDay, amount))
		} else {
			all = append(all, sprintf(p.texts().ForDays, amount, f.Days))
		}
	}
	if all == nil {
		return ""
	}
	return sprintf(p.texts().Fallbacks, strings.Join(all, ", "))
}

// notice is what the page says above its form, and whether that refuses something.
func (p Page) notice() (text string, refusal bool) {
	return p.texts().notice(p.Notice, p.terms().Operator), p.Notice != NoticePINSent
}

// of the number's or the PIN's field, the notice is about what was typed in it.
func (p Page) ofNumber() bool {
	return p.Notice == NoticeNumberInvalid || p.Notice == NoticeNumberUnknown || p.Notice == NoticeOtherOperator
}

func (p Page) ofPIN() bool { return p.Notice == NoticePINWrong }

// title is the document's: what the page is for, and the service.
func (p Page) title(heading string) string {
	if service := p.terms().Service; service != "" && service != heading {
		heading += " – " + service
	}
	if text, refusal := p.notice(); text != "" && refusal {
		return sprintf(p.texts().Error, heading)
	}
	return heading
}

// date writes a day: 3 de diciembre de 2026.
func (p Page) date(t time.Time) string {
	return sprintf(p.texts().Date, t.Day(), p.texts().Month[t.Month()-1], t.Year())
}

// spaced parts a masked number as people read it: +56 9 **** 5678.
func spaced(masked string) string {
	for _, code := range codes {
		if rest, ok := strings.CutPrefix(masked, code[1:]); ok && len(rest) == 9 {
			return code + "\u00a0" + rest[:1] + "\u00a0" + rest[1:5] + "\u00a0" + rest[5:]
		}
	}
	return masked
}

// path is where the page's forms go.
func (p Page) path(step string) string { return "/ads/" + p.Campaign + "/" + step }
