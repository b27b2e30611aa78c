package web

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"puente/contracts/papi/subscription"
	"puente/shared/phone"
)

var verb = regexp.MustCompile(`%(?:\[\d\])?[a-z]`)

// Both languages have every text, with the same verbs.
func TestTexts(t *testing.T) {
	var compare func(name string, es, en reflect.Value)
	compare = func(name string, es, en reflect.Value) {
		switch es.Kind() {
		case reflect.Struct:
			for i := range es.NumField() {
				compare(name+"."+es.Type().Field(i).Name, es.Field(i), en.Field(i))
			}
		case reflect.Array:
			for i := range es.Len() {
				compare(name, es.Index(i), en.Index(i))
			}
		case reflect.String:
			if strings.TrimSpace(es.String()) == "" || strings.TrimSpace(en.String()) == "" {
				t.Errorf("%s is empty", name)
			}
			a, b := verb.FindAllString(es.String(), -1), verb.FindAllString(en.String(), -1)
			slices.Sort(a)
			slices.Sort(b)
			if !slices.Equal(a, b) {
				t.Errorf("%s: verbs %q and %q", name, a, b)
			}
		default:
			t.Errorf("%s is a %s", name, es.Kind())
		}
	}
	compare("Texts", reflect.ValueOf(spanish), reflect.ValueOf(english))
}

func TestPrice(t *testing.T) {
	const nbsp = "\u00a0"
	week := func(n int) *subscription.Period { return &subscription.Period{Unit: subscription.UnitWeek, Count: n} }
	for _, test := range []struct {
		terms  subscription.Terms
		es, en string // amount, period and tax
	}{
		{subscription.Terms{Amount: 990, Currency: "CLP", Period: week(1)}, "$990 semanal, IVA incluido", "$990" + nbsp + "CLP per week, VAT included"},
		{subscription.Terms{Amount: 1990, Currency: "CLP", Period: week(2)}, "$1.990 cada 2 semanas, IVA incluido", "$1,990" + nbsp + "CLP every 2 weeks, VAT included"},
		{subscription.Terms{Amount: 990, Currency: "PEN", Period: week(1), Country: phone.Peru}, "S/" + nbsp + "9.90 semanal, IGV incluido", "S/" + nbsp + "9.90" + nbsp + "PEN per week, VAT included"},
		{subscription.Terms{Amount: 5, Currency: "PEN", OneShot: true, Country: phone.Peru}, "S/" + nbsp + "0.05 un solo cobro, IGV incluido", "S/" + nbsp + "0.05" + nbsp + "PEN one single charge, VAT included"},
		{subscription.Terms{Amount: 123456789, Currency: "EUR"}, "EUR" + nbsp + "1.234.567,89 IVA incluido", "EUR" + nbsp + "1,234,567.89 VAT included"},
		{subscription.Terms{Amount: 0, Currency: "CLP", Period: &subscription.Period{Unit: subscription.UnitDay, Count: 1}}, "$0 diario, IVA incluido", "$0" + nbsp + "CLP per day, VAT included"},
		{subscription.Terms{Amount: 100, Currency: "CLP", Period: &subscription.Period{Unit: subscription.UnitMonth, Count: 3}}, "$100 cada 3 meses, IVA incluido", "$100" + nbsp + "CLP every 3 months, VAT included"},
	} {
		for l, want := range map[Language]string{Spanish: test.es, English: test.en} {
			p := Page{Language: l, Terms: &test.terms}
			if got := p.amount() + " " + p.per(); got != want {
				t.Errorf("%q, not %q", got, want)
			}
		}
	}
}

// A version, and what is kept of a page, change with what is read, and with nothing else.
func TestTextsVersion(t *testing.T) {
	base := TextsVersion(Page{Language: Spanish, Terms: weekly(), Campaign: "juegos"})
	shown := Shown(Page{Language: Spanish, Terms: weekly(), Campaign: "juegos"})
	for _, want := range []string{"IVA incluido", "SALIR", "8888"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q lacks %s", shown, want)
		}
	}
	if !regexp.MustCompile(`^es-[0-9a-f]{16}$`).MatchString(base) {
		t.Fatal(base)
	}
	for _, test := range []struct {
		name   string
		change func(*Page)
		same   bool
	}{
		{"nothing", func(*Page) {}, true},
		{"notice, link and campaign", func(p *Page) { p.Notice, p.Other, p.Campaign = NoticePINWrong, "/x", "otra" }, true},
		{"colours", func(p *Page) { p.Terms.Colours = map[string]string{"accent": "#000000"} }, true},
		{"addresses", func(p *Page) { p.Terms.SuccessURL, p.Terms.ErrorURL = "https://a", "https://b" }, true},
		{"text of the other language", func(p *Page) { p.Terms.Texts["terms.en"] = "Adults only." }, true},
		{"language", func(p *Page) { p.Language = English }, false},
		{"headline", func(p *Page) { p.Terms.Texts["headline"] = "Otro" }, false},
		{"terms", func(p *Page) { p.Terms.Texts["terms"] = "Otros" }, false},
		{"link to terms", func(p *Page) { p.Terms.Texts["termsUrl"] = "https://otro.example" }, false},
		{"amount", func(p *Page) { p.Terms.Amount++ }, false},
		{"currency", func(p *Page) { p.Terms.Currency = "PEN" }, false},
		{"period", func(p *Page) { p.Terms.Period.Count = 2 }, false},
		{"kind", func(p *Page) { p.Terms.OneShot = true }, false},
		{"lower price", func(p *Page) { p.Terms.Fallbacks[0].Days = 2 }, false},
		{"partner", func(p *Page) { p.Terms.Partner = "Otro" }, false},
		{"product", func(p *Page) { p.Terms.Product = "Otro" }, false},
		{"short code", func(p *Page) { p.Terms.ShortCode = "9999" }, false},
		{"nothing is known", func(p *Page) { p.Terms = nil }, false},
	} {
		p := Page{Language: Spanish, Terms: weekly(), Campaign: "juegos"}
		test.change(&p)
		if got := TextsVersion(p); (got == base) != test.same {
			t.Errorf("%s: %s after %s", test.name, got, base)
		}
		if (Shown(p) == shown) != test.same {
			t.Errorf("%s: shown is %q", test.name, Shown(p))
		}
	}
}
