package browser

import (
	"net/http"
	"testing"
	"time"
)

// Every screen of a visit, as it is inspected.
func TestScreens(t *testing.T) {
	t.Parallel()
	for _, l := range languages() {
		for name, walk := range map[string]func(*tab, labels){
			"offers": offerScreens, "number": numberScreens, "pin": pinScreens, "known": knownScreens, "refusals": refusalScreens, "results": resultScreens,
		} {
			t.Run(name+" "+l.language, func(t *testing.T) {
				t.Parallel()
				if name == "known" {
					walk(open(t).subscriber(t), l)
				} else {
					walk(open(t).visitor(t), l)
				}
			})
		}
	}
}

func offerScreens(w *tab, l labels) {
	for _, o := range []offer{games, music, lives} {
		w.visit(w.link(o, "lang="+l.language))
		w.sees(l.offer)
		w.inspect("offer-" + o.campaign + "-" + l.language)
	}
	value[bool](w, `document.querySelector("details").open = true`)
	w.inspect("offer-terms-" + l.language)
}

func numberScreens(w *tab, l labels) {
	w.expect(http.StatusUnprocessableEntity)
	w.visit(w.link(games, "lang="+l.language))
	w.sees(l.offer)
	w.fill("msisdn", "123")
	w.press(l.proceed)
	w.sees(l.numberInvalid)
	w.inspect("number-invalid-" + l.language)
	w.enter(l, line("1404"))
	w.sees(l.numberUnknown)
	w.inspect("number-unknown-" + l.language)
	w.choose(l.another)
	w.press(l.proceed)
	w.sees(l.otherOperator)
	w.inspect("number-other-operator-" + l.language)
}

func pinScreens(w *tab, l labels) {
	w.expect(http.StatusUnprocessableEntity)
	msisdn := line(well)
	w.come(games, l, msisdn)
	w.inspect("pin-" + l.language)
	pin := w.pin(msisdn, 1)
	w.give(wrong(pin), l.subscribe)
	w.sees(l.pinWrong)
	w.inspect("pin-wrong-" + l.language)
	w.stay()
	w.give(pin, l.subscribe)
	w.sees(l.active)
	w.halt()
	w.inspect("active-" + l.language)
	w.come(games, l, msisdn)
	w.give(w.pin(msisdn, 2), l.subscribe)
	w.sees(l.already)
	w.inspect("already-" + l.language)
}

func knownScreens(w *tab, l labels) {
	msisdn := line(well)
	w.visit(w.byOperator(games, msisdn, l))
	w.sees(l.knownProceed)
	w.inspect("known-offer-" + l.language)
	w.read()
	w.press(l.knownProceed)
	w.sees(l.confirmation)
	w.inspect("confirmation-" + l.language)
}

func refusalScreens(w *tab, l labels) {
	w.expect(http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests)
	w.visit(w.link(games, "lang="+l.language, "SuccessUrl=https://elsewhere.example/"))
	w.sees(l.badLink)
	w.inspect("bad-link-" + l.language)
	w.visit(w.Public + "/ads/juegos?partnerId=52272&serviceId=2000001784&productId=1030&lang=" + l.language)
	w.sees(l.unknownOffer)
	w.inspect("unknown-offer-" + l.language)
	w.visit(w.link(games, "lang="+l.language))
	w.sees(l.offer)
	w.enter(l, line("1403"))
	w.sees(l.ineligible)
	w.inspect("ineligible-" + l.language)
	msisdn := line(well)
	for range 3 {
		w.come(games, l, msisdn)
	}
	w.visit(w.link(games, "lang="+l.language))
	w.sees(l.offer)
	w.enter(l, msisdn)
	w.sees(l.quota)
	w.inspect("quota-" + l.language)
}

func resultScreens(w *tab, l labels) {
	msisdn := line("1402")
	w.subscribe(l, msisdn)
	w.sees(l.noBalance, l.again)
	w.inspect("no-balance-" + l.language)

	msisdn = line(well)
	w.fetch(w.t, http.MethodPost, "/_sandbox/carrierbilling/lines/"+msisdn, `{"declines":"LIMITE_EXCEDIDO"}`, nil)
	w.subscribe(l, msisdn)
	w.sees(l.declined, l.again)
	w.inspect("declined-" + l.language)

	w.stay()
	msisdn = line(well)
	w.come(lives, l, msisdn)
	w.give(w.pin(msisdn, 1), l.authorise)
	w.sees(l.consented)
	w.halt()
	w.inspect("consented-" + l.language)

	w.subscribe(l, line("1408"))
	w.sees(l.processing, l.refresh)
	w.halt()
	w.inspect("processing-" + l.language)
}

// A visit whose time is over, and what is said while the operator's directory is away. Both are of everybody, so
// nobody else visits meanwhile.
func TestScreensOfTroubledTimes(t *testing.T) {
	for _, l := range languages() {
		t.Run("expired "+l.language, func(t *testing.T) {
			s := open(t)
			w, msisdn := s.visitor(t), line(well)
			w.expect(http.StatusConflict)
			w.come(games, l, msisdn)
			pin := w.pin(msisdn, 1)
			w.fill("pin", pin)
			w.read()
			s.later(t, 11*time.Minute)
			w.press(l.subscribe)
			w.sees(l.expired, l.again)
			w.inspect("expired-" + l.language)
			if got := s.charged(t, msisdn); got != nil {
				t.Errorf("charged %v", got)
			}
		})
		t.Run("directory down "+l.language, func(t *testing.T) {
			s := open(t)
			w, msisdn := s.visitor(t), line(well)
			w.expect(http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout)
			w.visit(s.link(games, "lang="+l.language))
			w.sees(l.offer)
			s.fails(t, `{"system":"subscriber","operation":"line","fault":"status","status":503}`)
			w.enter(l, msisdn)
			w.sees(l.unavailable)
			if typed := value[string](w, `document.querySelector("#msisdn").value`); typed != national(msisdn) {
				t.Errorf("what was typed is %q now", typed)
			}
			w.inspect("unavailable-" + l.language)
		})
	}
}
