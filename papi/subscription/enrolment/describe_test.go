package enrolment

import (
	"reflect"
	"strings"
	"testing"
	"time"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue/cataloguetest"
	"puente/shared/phone"
	"puente/shared/problem"
)

// register makes the sample's partner have a list, and more, by the members of a JSON object.
func (w *world) register(more string) {
	w.t.Helper()
	w.Apply("partners", "52272", `{"name":"Juegos SpA","country":"CL","environment":"PROD","notify":{},"redirect":{
		"successUrl":"https://juegos.example/gracias","urls":["https://juegos.example/vuelta"]`+more+`}}`)
}

const keyed = `,"keys":[{"id":"k1","secret":"` + cataloguetest.Key32 + `"}]`

func asked(product int64) contract.OfferQuery {
	return contract.OfferQuery{Campaign: campaigns[product], PartnerID: 52272, ServiceID: 2000001784, ProductID: product, Channel: "web"}
}

func TestDescribeOffer(t *testing.T) {
	w := newWorld(t)
	w.register("")
	w.Apply("shortcodes", "8888", `{"country":"CL","contactPhone":"+56 2 2345 6789"}`)
	w.Apply("shortcodes", "7777", `{"country":"CL","optOutWords":["NOMAS","YA"]}`)
	w.Apply("services", "2000001784", `{"partner":"52272","name":"Juegos","shortCodes":["8888","7777"]}`)
	w.Apply("products", "1000000001", `{"service":"2000001784","name":"Semanal","kind":"VAS","type":"SUBSCRIPTION","period":{"unit":"WEEK","count":2},"keyword":"juegos","pricePoints":[{"id":201507,"amount":990},{"id":201600,"amount":1490}]}`)
	w.Apply("campaigns", "juegos", `{"product":"1000000001","pricePoint":201600,"texts":{"headline":"Juegos","headline.en":"Games"},"colours":{"accent":"#000000"}}`)
	w.Apply("campaigns", "canje", `{"product":"1000000003","shortCode":"7777"}`)
	for product, want := range map[int64]contract.Terms{
		weekly: {
			Partner: "Juegos SpA", Service: "Juegos", Product: "Semanal", Amount: 1490, Currency: "CLP", Period: &contract.Period{Unit: contract.UnitWeek, Count: 2},
			Country: phone.Chile, Operator: "Entel", ShortCode: "8888", OptOutWord: "SALIR", Keyword: "JUEGOS", ContactPhone: "+56 2 2345 6789",
			Texts: map[string]string{"headline": "Juegos", "headline.en": "Games"}, Colours: map[string]string{"accent": "#000000"}, SuccessURL: "https://juegos.example/gracias",
		},
		oneShot: {
			Partner: "Juegos SpA", Service: "Juegos", Product: "Canje", OneShot: true, Amount: 500, Currency: "CLP",
			Country: phone.Chile, Operator: "Entel", ShortCode: "7777", OptOutWord: "NOMAS", SuccessURL: "https://juegos.example/gracias",
		},
	} {
		if got, err := w.DescribeOffer(t.Context(), asked(product)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	got, _ := w.DescribeOffer(t.Context(), asked(weekly))
	got.Texts["headline"] = "another" // it is the caller's
	if again, _ := w.DescribeOffer(t.Context(), asked(weekly)); again.Texts["headline"] != "Juegos" {
		t.Error("the catalogue was written to")
	}
}

func TestDescribeWhatIsNotOffered(t *testing.T) {
	w := newWorld(t)
	w.Apply("campaigns", "odd", `{"product":"1000000001","shortCode":"7777"}`)
	for name, test := range map[string]struct {
		change func(*contract.OfferQuery)
		code   string
	}{
		"another partner":    {func(in *contract.OfferQuery) { in.PartnerID = 1 }, contract.CodeOfferUnknown},
		"another service":    {func(in *contract.OfferQuery) { in.ServiceID = 1 }, contract.CodeOfferUnknown},
		"another product":    {func(in *contract.OfferQuery) { in.ProductID = free }, contract.CodeOfferUnknown},
		"no campaign":        {func(in *contract.OfferQuery) { in.Campaign = "nada" }, contract.CodeOfferUnknown},
		"channel":            {func(in *contract.OfferQuery) { in.Channel = "ussd" }, contract.CodeChannelNotAllowed},
		"another short code": {func(in *contract.OfferQuery) { in.Campaign = "odd" }, contract.CodeShortCode},
	} {
		in := asked(weekly)
		test.change(&in)
		_, err := w.DescribeOffer(t.Context(), in)
		if p := problem.Of(err); p == nil || p.Kind != problem.Conflict || p.Code != test.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is on the list is held in package redirect; here it counts that both URLs are held against it.
func TestInvariant15RedirectsStayOnTheList(t *testing.T) {
	w := newWorld(t)
	w.register("")
	for _, test := range []struct{ success, fault, wantSuccess, wantFault string }{
		{"", "", "https://juegos.example/gracias", ""},
		{"https://juegos.example/vuelta/1?a=b", "", "https://juegos.example/vuelta/1?a=b", ""},
		{"HTTPS://juegos.example:443/gracias", "https://juegos.example/vuelta", "https://juegos.example/gracias", "https://juegos.example/vuelta"},
		{"https://otro.example/", "", "!", ""},
		{"", "https://otro.example/", "!", ""},
		{"https://juegos.example/vuelta", "javascript:alert(1)", "!", ""},
		{"http://juegos.example/vuelta", "", "!", ""},
		{" ", "", "!", ""},
	} {
		in := asked(weekly)
		in.SuccessURL, in.ErrorURL = test.success, test.fault
		got, err := w.DescribeOffer(t.Context(), in)
		if test.wantSuccess == "!" {
			if p := problem.Of(err); p == nil || p.Kind != problem.Rejected || p.Code != contract.CodeRedirectNotAllowed || got.SuccessURL != "" {
				t.Errorf("%+v: %+v, %v", test, got, err)
			}
			if p := problem.Of(err); p != nil && strings.Contains(p.Detail, "example") {
				t.Errorf("%+v tells %q", test, p.Detail)
			}
			continue
		}
		if err != nil || got.SuccessURL != test.wantSuccess || got.ErrorURL != test.wantFault {
			t.Errorf("%+v: %q, %q, %v", test, got.SuccessURL, got.ErrorURL, err)
		}
	}
}

func TestInvariant15NumbersGoWhereTheyMay(t *testing.T) {
	for name, test := range map[string]struct {
		more          string
		number, token bool
	}{
		"neither":   {"", false, false},
		"a token":   {keyed, false, true},
		"in clear":  {`,"allowPlainMsisdn":true`, true, false},
		"both ways": {keyed + `,"allowPlainMsisdn":true`, true, true},
	} {
		w := newWorld(t)
		w.register(test.more)
		holds := func(when string, got contract.Enrolment, number, token bool) {
			t.Helper()
			if (got.MSISDN != "") != number || number && got.MSISDN != msisdn || (got.Redirect != "") != token {
				t.Errorf("%s, %s: %+v", name, when, got)
			}
		}
		pending := w.start(weekly, msisdn)
		holds("pending", w.query(pending), false, false)
		holds("confirmed", w.agrees(pending, w.pin()), test.number, test.token)
		bought := w.enriched(oneShot, msisdn)
		holds("consented", w.agrees(bought, ""), test.number, test.token)
		w.pass(flowLife + redirectsFor)
		holds("asked in time", w.query(bought), test.number, test.token)
		w.pass(time.Second)
		holds("asked late", w.query(bought), false, false)
		holds("asked late", w.query(pending), false, false)
	}
}
