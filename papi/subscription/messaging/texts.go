package messaging

import (
	"fmt"
	"strings"
	"text/template"

	"puente/papi/subscription/catalogue"
)

// facts are what texts are made of. Each is written out in the reader's language; what is empty is not known.
type facts struct {
	Product   string
	PIN       string
	Price     string // $990
	Free      bool   // of a product: it costs nothing now
	Every     string // por semana
	Until     string // a date: of the next charge
	Clock     string // a time of day: of the PIN's end
	ShortCode string
	OptOut    string // SALIR JUEGOS, or SALIR alone
	Word      string // SALIR
	All       string // SALIR TODO
	Keywords  string // JUEGOS, MUSICA
	Contact   string
}

// texts are the hub's own, by language and purpose. They fit into one or two messages of GSM-7 with names of
// usual length; accents are left to package sms.
var texts = map[string]map[Purpose]*template.Template{
	"es": parse(map[Purpose]string{
		PIN: `{{.PIN}} es tu código para {{.Product}}{{if .Price}} ({{.Price}}{{if .Every}} {{.Every}}{{end}}){{end}}.` +
			`{{if .Clock}} Vale hasta las {{.Clock}}.{{end}} No lo compartas.`,
		Welcome: `Te suscribiste a {{.Product}}: {{if .Free}}sin costo por ahora{{else}}{{.Price}} {{.Every}}{{end}}.` +
			`{{if .Until}} Próximo cobro: {{.Until}}.{{end}} Para cancelar envía {{.OptOut}} al {{.ShortCode}}, gratis.{{if .Contact}} Consultas: {{.Contact}}{{end}}`,
		Receipt: `Compraste {{.Product}} por {{.Price}}, con cargo a tu línea.{{if .Contact}} Consultas: {{.Contact}}{{end}}`,
		Renewed: `Se renovó {{.Product}} por {{.Price}}.{{if .Until}} Próximo cobro: {{.Until}}.{{end}} Para cancelar envía {{.OptOut}} al {{.ShortCode}}, gratis.`,
		Reminder: `{{.Product}} se renueva{{if .Until}} el {{.Until}}{{end}}{{if .Price}} por {{.Price}}{{end}}.` +
			` Para cancelar envía {{.OptOut}} al {{.ShortCode}}, gratis.`,
		Cancelled:  `Tu suscripción a {{.Product}} fue cancelada. No se te cobrará más por ella.`,
		NoneActive: `{{if .Product}}No tienes una suscripción activa a {{.Product}}{{else}}No tienes suscripciones activas en el {{.ShortCode}}{{end}}.`,
		Which:      `Tienes varias suscripciones en el {{.ShortCode}}. Para cancelar una envía {{.Word}} y su nombre: {{.Keywords}}. Para cancelar todas envía {{.All}}.`,
		Help:       `No entendimos tu mensaje. Para cancelar tus suscripciones envía {{.All}} al {{.ShortCode}}, gratis.{{if .Contact}} Consultas: {{.Contact}}{{end}}`,
	}),
	"en": parse(map[Purpose]string{
		PIN: `{{.PIN}} is your code for {{.Product}}{{if .Price}} ({{.Price}}{{if .Every}} {{.Every}}{{end}}){{end}}.` +
			`{{if .Clock}} Valid until {{.Clock}}.{{end}} Do not share it.`,
		Welcome: `You subscribed to {{.Product}}: {{if .Free}}free for now{{else}}{{.Price}} {{.Every}}{{end}}.` +
			`{{if .Until}} Next charge: {{.Until}}.{{end}} To cancel, send {{.OptOut}} to {{.ShortCode}}, free of charge.{{if .Contact}} Questions: {{.Contact}}{{end}}`,
		Receipt: `You bought {{.Product}} for {{.Price}}, charged to your line.{{if .Contact}} Questions: {{.Contact}}{{end}}`,
		Renewed: `{{.Product}} was renewed for {{.Price}}.{{if .Until}} Next charge: {{.Until}}.{{end}} To cancel, send {{.OptOut}} to {{.ShortCode}}, free of charge.`,
		Reminder: `{{.Product}} will be renewed{{if .Until}} on {{.Until}}{{end}}{{if .Price}} for {{.Price}}{{end}}.` +
			` To cancel, send {{.OptOut}} to {{.ShortCode}}, free of charge.`,
		Cancelled:  `Your subscription to {{.Product}} was cancelled. You will not be charged for it any more.`,
		NoneActive: `You have no active subscription{{if .Product}} to {{.Product}}{{else}}s on {{.ShortCode}}{{end}}.`,
		Which:      `You have several subscriptions on {{.ShortCode}}. To cancel one, send {{.Word}} and its name: {{.Keywords}}. To cancel all, send {{.All}}.`,
		Help:       `We did not understand your message. To cancel your subscriptions, send {{.All}} to {{.ShortCode}}, free of charge.{{if .Contact}} Questions: {{.Contact}}{{end}}`,
	}),
}

func parse(all map[Purpose]string) map[Purpose]*template.Template {
	parsed := make(map[Purpose]*template.Template, len(all))
	for purpose, text := range all {
		parsed[purpose] = template.Must(template.New(string(purpose)).Parse(text))
	}
	return parsed
}

// everys are how often a price is paid, for one unit and for several.
var everys = map[string]map[string][2]string{
	"es": {catalogue.Day: {"por día", "cada %d días"}, catalogue.Week: {"por semana", "cada %d semanas"}, catalogue.Month: {"por mes", "cada %d meses"}},
	"en": {catalogue.Day: {"a day", "every %d days"}, catalogue.Week: {"a week", "every %d weeks"}, catalogue.Month: {"a month", "every %d months"}},
}

var dates = map[string]string{"es": "02-01-2006", "en": "2 Jan 2006"}

func every(language string, p *catalogue.Period) string {
	if p == nil {
		return ""
	}
	words := everys[language][p.Unit]
	if p.Count == 1 {
		return words[0]
	}
	return fmt.Sprintf(words[1], p.Count)
}

// secretDigits stand for a PIN's in what is kept.
const secretDigits = "****"

// text is what a message says, and what is kept of that.
func (m *Message) text(code *catalogue.ShortCode, language string) (said, kept string, err error) {
	if m.Purpose == Partner {
		return m.Text, m.Text, nil
	}
	if m.Purpose == Help && code.HelpText != "" {
		return code.HelpText, code.HelpText, nil
	}
	f := m.facts(code, language)
	if said, err = write(language, m.Purpose, f); err != nil || m.Purpose != PIN {
		return said, said, err
	}
	f.PIN = secretDigits
	kept, err = write(language, m.Purpose, f)
	return said, kept, err
}

func write(language string, purpose Purpose, f facts) (string, error) {
	t := texts[language][purpose]
	if t == nil {
		return "", fmt.Errorf("no text for purpose %q in %q", purpose, language)
	}
	var text strings.Builder
	err := t.Execute(&text, f)
	return text.String(), err
}

func (m *Message) facts(code *catalogue.ShortCode, language string) facts {
	word := code.OptOutWord()
	f := facts{
		PIN: m.PIN, ShortCode: code.Code, Word: word, OptOut: word, All: word + " " + code.AllWord,
		Keywords: strings.Join(m.Keywords, ", "), Contact: code.ContactPhone,
	}
	zone := code.Country.Zone
	if p := m.Product; p != nil {
		zone = p.Country().Zone
		f.Product, f.Every, f.Free = p.Name, every(language, p.Period), m.Amount == 0
		if m.Amount > 0 {
			f.Price = price(p.Country(), m.Amount)
		}
		if p.Keyword != "" {
			f.OptOut = word + " " + p.Keyword
		}
	}
	if !m.Until.IsZero() {
		f.Until, f.Clock = m.Until.In(zone).Format(dates[language]), m.Until.In(zone).Format(clockLayout)
	}
	return f
}

const clockLayout = "15:04"
