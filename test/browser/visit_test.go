package browser

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"

	"puente/shared/phone"
)

// offer is what a partner's link leads to.
type offer struct{ campaign, query, partner, product string }

var (
	games = offer{"juegos", "partnerId=52272&serviceId=2000001784&productId=1020&tid=QWERT&tokenEncoded=true", "52272", "1020"}
	music = offer{"musica", "partnerId=60001&serviceId=2000001785&productId=1030&tid=QWERT&tokenEncoded=true", "60001", "1030"}
	lives = offer{"vidas", "partnerId=52272&serviceId=2000001784&productId=1000000001&tid=QWERT&tokenEncoded=true", "52272", "1000000001"}
)

// link is a partner's, with more in its query.
func (d *demo) link(o offer, more ...string) string {
	return d.Public + "/ads/" + o.campaign + "?" + strings.Join(append([]string{o.query}, more...), "&")
}

// byOperator is the way of a phone's page to an offer, over the operator's proxy.
func (d *demo) byOperator(o offer, msisdn string, l labels) string {
	return d.Sandbox + "/mobile/proxy?" + url.Values{"msisdn": {msisdn}, "to": {"/he/" + o.campaign + "?" + o.query + "&lang=" + l.language}}.Encode()
}

// labels are what the tests look for in pages of a language. They stand here once more: that buttons name what
// they do is what is tested.
type labels struct {
	language                                                                    string
	proceed, another, subscribe, subscribeMusic, authorise                      string
	knownProceed, confirm, resend, anew                                         string
	offer, askPIN, confirmation                                                 string
	active, already, consented, processing, declined, noBalance                 string
	ineligible, expired, quota, unknownOffer, badLink                           string
	numberInvalid, numberUnknown, otherOperator, pinWrong, pinWait, unavailable string
	refresh, again                                                              string
}

var (
	spanish = labels{
		language: "es", proceed: "Continuar", another: "Otra compañía", subscribe: "Suscribirme por $990 semanal", subscribeMusic: "Suscribirme por $3.990 mensual",
		authorise: "Autorizar un cobro de $990", knownProceed: "Continuar con este número", confirm: "Sí, suscribirme por $990 semanal", resend: "Enviar otro PIN", anew: "Usar otro número",
		offer: "Tu número de celular", askPIN: "Confirma con tu PIN", confirmation: "Confirma tu suscripción",
		active: "Listo: tu suscripción está activa", already: "Ya tienes esta suscripción", consented: "Listo: autorizaste el cobro", processing: "Procesando…",
		declined: "Tu compañía no autorizó el cobro", noBalance: "Tu saldo no alcanza", ineligible: "Tu línea no puede contratar este servicio",
		expired: "Se acabó el tiempo", quota: "Demasiados intentos", unknownOffer: "Esta oferta no está disponible", badLink: "Este enlace no es correcto",
		numberInvalid: "Revisa el número", numberUnknown: "Número incorrecto", otherOperator: "Este servicio es solo para líneas Entel", pinWrong: "Ese PIN no sirve",
		pinWait: "Todavía no podemos enviarte otro PIN", unavailable: "No pudimos hacerlo en este momento y no se cobró nada", refresh: "Actualizar ahora", again: "Intentar de nuevo",
	}
	english = labels{
		language: "en", proceed: "Continue", another: "Another company", subscribe: "Subscribe for $990 CLP per week", subscribeMusic: "Subscribe for $3,990 CLP per month",
		authorise: "Authorise a charge of $990 CLP", knownProceed: "Continue with this number", confirm: "Yes, subscribe for $990 CLP per week", resend: "Send another PIN", anew: "Use another number",
		offer: "Your mobile number", askPIN: "Confirm with your PIN", confirmation: "Confirm your subscription",
		active: "Done: your subscription is active", already: "You already have this subscription", consented: "Done: you authorised the charge", processing: "Processing…",
		declined: "Your operator did not authorise the charge", noBalance: "Your balance is too low", ineligible: "Your line cannot have this service",
		expired: "Time is up", quota: "Too many attempts", unknownOffer: "This offer is not available", badLink: "This link is not right",
		numberInvalid: "Check the number", numberUnknown: "Wrong number", otherOperator: "This service is only for lines of Entel", pinWrong: "That PIN does not work",
		pinWait: "We cannot send you another PIN yet", unavailable: "We could not do that right now, and nothing was charged", refresh: "Refresh now", again: "Try again",
	}
)

var lines atomic.Int64

// line is a number that nobody had yet, and that behaves as its last four digits say.
func line(behaves string) string { return fmt.Sprintf("5690%03d%s", lines.Add(1), behaves) }

const well = "0000" // a line of which all is well

// national is a number as its owner types it.
func national(msisdn string) string {
	n := strings.TrimPrefix(msisdn, "56")
	return n[:1] + " " + n[1:5] + " " + n[5:]
}

// enter types a number and goes on.
func (w *tab) enter(l labels, msisdn string) {
	w.t.Helper()
	w.fill("msisdn", national(msisdn))
	w.press(l.proceed)
}

// come goes to an offer, and by a number to the page that asks for the PIN.
func (w *tab) come(o offer, l labels, msisdn string, more ...string) {
	w.t.Helper()
	w.visit(w.link(o, append(more, "lang="+l.language)...))
	w.sees(l.offer)
	w.enter(l, msisdn)
	w.sees(l.askPIN)
}

// give types the PIN, and agrees once the page can have been read.
func (w *tab) give(pin, button string) {
	w.t.Helper()
	w.fill("pin", pin)
	w.read()
	w.press(button)
}

// subscribe is the whole visit, to the page of results.
func (w *tab) subscribe(l labels, msisdn string) {
	w.t.Helper()
	w.come(games, l, msisdn)
	w.give(w.pin(msisdn, 1), l.subscribe)
}

var pins = regexp.MustCompile(`\b\d{6}\b`)

// pin is the newest PIN on the phone, once it has had so many.
func (w *tab) pin(msisdn string, so int) string {
	w.t.Helper()
	if w.phone == nil {
		w.phone = w.second()
	}
	w.phone.visit(w.Sandbox + "/mobile?msisdn=" + msisdn) // which loads itself again while one waits
	var got []string
	eventually(w.t, fmt.Sprintf("the phone has %d PINs", so), func() bool {
		got = pins.FindAllString(value[string](w.phone, `location.search.includes("`+msisdn+`") ? [...document.querySelectorAll(".sms")].map(e => e.textContent).join("\n") : ""`), -1)
		return len(got) >= so
	})
	return got[0] // the newest stands first
}

// wrong is another PIN.
func wrong(pin string) string { return pin[:5] + string('0'+(pin[5]-'0'+1)%10) }

// shows is a masked number as pages write it, but for the spaces, which do not break there.
func shows(msisdn string) string {
	m := strings.TrimPrefix(phone.Mask(msisdn), "56")
	return "+56 " + m[:1] + " " + m[1:5] + " " + m[5:]
}
