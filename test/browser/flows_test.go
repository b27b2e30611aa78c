package browser

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// atPartner wants the visitor at the partner's, whose key opens what they brought.
func (w *tab) atPartner(o offer, msisdn, scheme string) {
	w.t.Helper()
	w.sees("Socio "+o.partner, "Bienvenido de vuelta", msisdn, o.product, "QWERT", "Descifrado con la clave del socio, "+scheme)
	if text := w.text(); strings.Contains(text, "de dónde venía") {
		w.t.Errorf("the partner learns where its visitor was: %s", text)
	}
}

// sold wants one charge of a line, and its partner told of a subscription and then of that.
func (w *tab) sold(o offer, msisdn string, amount int64) {
	w.t.Helper()
	if got := w.charged(w.t, msisdn); !slices.Equal(got, []int64{amount}) {
		w.t.Errorf("the line was charged %v, want once %d", got, amount)
	}
	eventually(w.t, "the partner is told", func() bool { return len(w.told(w.t, o.partner, msisdn)) >= 2 })
	if got := w.told(w.t, o.partner, msisdn); !slices.Equal(got, []int{0, 2}) {
		w.t.Errorf("the partner was told %v, want of a subscription and then of a charge", got)
	}
}

// Somebody on WiFi types a number, reads the PIN on the phone, and is at the partner's with a token.
func TestByWiFi(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		offer
		labels
		button, price, scheme string
		amount                int64
	}{
		"ecb":         {games, spanish, spanish.subscribe, "$990", "ecb-pkcs5", 990},
		"gcm":         {music, spanish, spanish.subscribeMusic, "$3.990", "gcm", 3990},
		"ecb English": {games, english, english.subscribe, "$990", "ecb-pkcs5", 990},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, msisdn := open(t).visitor(t), line(well)
			w.come(c.offer, c.labels, msisdn)
			w.sees(shows(msisdn), c.price, c.button)
			if strings.Contains(w.at(), msisdn) || strings.Contains(w.at(), msisdn[2:]) {
				t.Errorf("the number stands in %s", w.at())
			}
			w.give(w.pin(msisdn, 1), c.button)
			w.sees(c.active, shows(msisdn))
			w.atPartner(c.offer, msisdn, c.scheme)
			w.sold(c.offer, msisdn, c.amount)
		})
	}
}

// Who typed a number that is not the own one, so that the PIN went to somebody else, begins anew with the right one.
func TestMistypedNumber(t *testing.T) {
	t.Parallel()
	w, mistyped, msisdn := open(t).visitor(t), line(well), line(well)
	w.come(games, spanish, mistyped)
	w.press(spanish.anew)
	w.sees(spanish.offer)
	w.enter(spanish, msisdn)
	w.sees(spanish.askPIN, shows(msisdn))
	w.give(w.pin(msisdn, 1), spanish.subscribe)
	w.sees(spanish.active, shows(msisdn))
	w.atPartner(games, msisdn, "ecb-pkcs5")
	w.sold(games, msisdn, 990)
	w.unsold(mistyped)
}

// Somebody on the operator's network confirms twice, and types nothing.
func TestByTheOperatorsNetwork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		offer
		link, confirm, scheme string
		amount                int64
	}{
		"ecb": {games, "Juegos ilimitados", spanish.confirm, "ecb-pkcs5", 990},
		"gcm": {music, "Música sin fin", "Sí, suscribirme por $3.990 mensual", "gcm", 3990},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, msisdn := open(t).subscriber(t), line(well)
			w.visit(w.Sandbox + "/mobile?msisdn=" + msisdn)
			w.sees(c.link, "Abrir por la red móvil")
			w.visit(value[string](w, `[...document.querySelectorAll("li")].find(e => e.textContent.includes("`+c.link+`")).querySelector("a + a").href`))
			w.sees(shows(msisdn), spanish.knownProceed)
			if value[bool](w, `!!document.querySelector("input:not([type=hidden])")`) {
				t.Error("the page asks for something")
			}
			w.read()
			w.press(spanish.knownProceed)
			w.sees(spanish.confirmation, shows(msisdn), c.confirm)
			w.read()
			w.press(c.confirm)
			w.sees(spanish.active)
			w.atPartner(c.offer, msisdn, c.scheme)
			w.sold(c.offer, msisdn, c.amount)
		})
	}
}

// The whole visit works without scripts: the page of results goes on by itself, too.
func TestWithoutScripts(t *testing.T) {
	t.Parallel()
	w, msisdn := open(t).visitor(t), line(well)
	call(w, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	w.come(games, spanish, msisdn)
	pin := w.pin(msisdn, 1)
	w.expect(http.StatusUnprocessableEntity, http.StatusTooManyRequests)
	w.press(spanish.resend)
	w.sees(spanish.pinWait)
	w.give(wrong(pin), spanish.subscribe)
	w.sees(spanish.pinWrong)
	w.give(pin, spanish.subscribe)
	w.sees(spanish.active)
	w.atPartner(games, msisdn, "ecb-pkcs5")
	w.sold(games, msisdn, 990)
}
