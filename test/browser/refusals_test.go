package browser

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Whose line it is not, and who may not have it, is not charged, and stays on pages of ours.
func TestLinesThatMayNotHaveIt(t *testing.T) {
	t.Parallel()
	for behaves, says := range map[string]string{"1404": spanish.numberUnknown, "1405": spanish.numberUnknown, "1403": spanish.ineligible} {
		t.Run(behaves, func(t *testing.T) {
			t.Parallel()
			w, msisdn := open(t).visitor(t), line(behaves)
			w.expect(http.StatusUnprocessableEntity, http.StatusConflict)
			w.visit(w.link(games))
			w.sees(spanish.offer)
			w.enter(spanish, msisdn)
			w.sees(says)
			w.unsold(msisdn)
		})
	}
}

// unsold wants no charge of a line, nor a word of it to the partner.
func (w *tab) unsold(msisdn string) {
	w.t.Helper()
	if got := w.charged(w.t, msisdn); got != nil {
		w.t.Errorf("the line was charged %v", got)
	}
	if got := w.told(w.t, "52272", msisdn); got != nil {
		w.t.Errorf("the partner was told %v", got)
	}
}

// Who has no balance goes back to the partner without a subscription, or tries again.
func TestNoBalance(t *testing.T) {
	t.Parallel()
	w, msisdn := open(t).visitor(t), line("1402")
	w.subscribe(spanish, msisdn)
	w.sees(spanish.noBalance, spanish.again)
	w.unsold(msisdn)
	w.press("Volver a Juegos")
	w.sees("Socio 52272", "La suscripción no se hizo", "-1")
	w.unsold(msisdn)
}

// The operator charges and never says so: the visitor waits on a page that goes on by itself.
func TestTheOperatorHangs(t *testing.T) {
	t.Parallel()
	w, msisdn := open(t).visitor(t), line("1408")
	w.subscribe(spanish, msisdn)
	w.sees(spanish.processing, spanish.refresh)
	w.sees(spanish.active)
	w.atPartner(games, msisdn, "ecb-pkcs5")
	w.sold(games, msisdn, 990)
}

// After three wrong PINs the right one says the same as they did.
func TestThreeWrongPINs(t *testing.T) {
	t.Parallel()
	w, msisdn := open(t).visitor(t), line(well)
	w.expect(http.StatusUnprocessableEntity)
	w.come(games, spanish, msisdn)
	pin := w.pin(msisdn, 1)
	for _, typed := range []string{wrong(pin), wrong(pin), wrong(pin), pin} {
		w.give(typed, spanish.subscribe)
		w.sees(spanish.pinWrong)
		w.focuses("pin")
	}
	w.unsold(msisdn)
}

// Who has it already is sent to the partner, with a token and without a charge.
func TestSubscribedAlready(t *testing.T) {
	t.Parallel()
	w, msisdn := open(t).visitor(t), line(well)
	w.subscribe(spanish, msisdn)
	w.sees(spanish.active)
	w.atPartner(games, msisdn, "ecb-pkcs5")
	w.come(games, spanish, msisdn)
	w.give(w.pin(msisdn, 2), spanish.subscribe)
	w.atPartner(games, msisdn, "ecb-pkcs5")
	w.sold(games, msisdn, 990)
}

// Links that lead elsewhere, or nowhere, stay with us.
func TestBadLinks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more, says string
	}{
		"another site":      {"SuccessUrl=https://elsewhere.example/", spanish.badLink},
		"script":            {"SuccessUrl=javascript:alert(1)", spanish.badLink},
		"user information":  {"ErrorUrl=https://52272@elsewhere.example/", spanish.badLink},
		"markup in the tid": {"TID=%3Cscript%3Edocument.title%3D1%3C/script%3E", spanish.badLink},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t).visitor(t)
			w.expect(http.StatusBadRequest)
			link := w.link(games, c.more)
			if name == "markup in the tid" {
				link = strings.Replace(w.link(games, c.more), "tid=QWERT&", "", 1)
			}
			w.visit(link)
			w.sees(c.says)
			if at := w.at(); !strings.HasPrefix(at, w.Public+"/ads/juegos?") {
				t.Errorf("the visitor is at %s", at)
			}
			if leads := value[int](w, `document.querySelectorAll("main a, meta[http-equiv=refresh], main script").length`); leads > 0 {
				t.Errorf("the page leads on: %s", value[string](w, `document.documentElement.outerHTML`))
			}
		})
	}
}

// A phone that gets no messages: the page says what to do, and nothing is charged.
func TestUndeliverable(t *testing.T) {
	t.Parallel()
	w, msisdn := open(t).visitor(t), line("3000")
	w.come(games, spanish, msisdn)
	w.sees("¿No te llegó?", "Enviar otro PIN en")
	if !value[bool](w, `document.querySelector("button.plain").disabled`) {
		t.Error("another may be asked for at once")
	}
	w.unsold(msisdn)
}

// Going back after success and pressing again ends where it ended before.
func TestBackAfterSuccess(t *testing.T) {
	t.Parallel()
	w, msisdn := open(t).visitor(t), line(well)
	w.subscribe(spanish, msisdn)
	w.sees(spanish.active)
	w.atPartner(games, msisdn, "ecb-pkcs5")
	pin := w.pin(msisdn, 1)
	w.back("/result?")
	w.sees(spanish.active)
	w.atPartner(games, msisdn, "ecb-pkcs5")
	w.back("/pin?")
	w.sees(spanish.askPIN)
	w.give(pin, spanish.subscribe)
	w.sees(spanish.active)
	w.atPartner(games, msisdn, "ecb-pkcs5")
	w.sold(games, msisdn, 990)
}

// Of two windows the one that came last counts; the other says that the visit went on elsewhere.
func TestTwoWindows(t *testing.T) {
	t.Parallel()
	first, msisdn := open(t).visitor(t), line(well)
	first.expect(http.StatusConflict)
	first.come(games, spanish, msisdn)
	second := first.second()
	second.come(games, spanish, msisdn)
	old := first.pin(msisdn, 2)
	first.give(old, spanish.subscribe)
	first.sees(spanish.expired)
	second.give(old, spanish.subscribe)
	second.sees(spanish.active)
	second.atPartner(games, msisdn, "ecb-pkcs5")
	second.sold(games, msisdn, 990)
}

// The same form sent three times at once, and once more by the button, is one subscription and one charge.
func TestFormSentAgain(t *testing.T) {
	t.Parallel()
	w, msisdn := open(t).visitor(t), line(well)
	w.come(games, spanish, msisdn)
	w.fill("pin", w.pin(msisdn, 1))
	w.read()
	sent := w.promise(`(async () => {
		const form = document.querySelector("form"), send = () => fetch(form.action, {method: "POST", body: new URLSearchParams(new FormData(form))});
		const answers = await Promise.all([send(), send(), send()]);
		return answers.map(a => a.status + " " + new URL(a.url).pathname).join(", ");
	})()`)
	if want := strings.Repeat("200 /ads/juegos/result, ", 3); sent+", " != want {
		t.Errorf("the forms were answered %s", sent)
	}
	w.press(spanish.subscribe)
	w.sees(spanish.active)
	w.atPartner(games, msisdn, "ecb-pkcs5")
	w.sold(games, msisdn, 990)
}

// The wait for another PIN is counted by the clock that the PIN was dated by.
func TestTheWaitForAnotherPINFollowsTheClock(t *testing.T) {
	s := open(t)
	s.later(t, time.Hour)
	w := s.visitor(t)
	w.come(games, spanish, line(well))
	w.sees("Enviar otro PIN en")
	left, err := strconv.Atoi(value[string](w, `document.querySelector("button.plain").textContent.match(/\d+/)[0]`))
	if err != nil || left < 1 || left > 60 {
		t.Errorf("another PIN may be asked for in %d s: %v", left, err)
	}
}
