package messaging

import (
	"strings"
	"testing"
	"time"

	"puente/contracts/sapi/smsc"
	"puente/shared/sms"
)

func TestTexts(t *testing.T) {
	w := newWorld(t)
	next := time.Date(2026, 12, 2, 18, 30, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		message Message
		want    string
	}{
		"a PIN": {
			Message{Purpose: PIN, Product: w.product(1), PIN: "4711", Amount: 1990, Until: next},
			"4711 es tu codigo para Juegos Ñandu ($1.990 por semana). Vale hasta las 15:30. No lo compartas."},
		"a PIN whose price is not said": {
			Message{Purpose: PIN, Product: w.product(3), PIN: "0042"},
			"0042 es tu codigo para Tono. No lo compartas."},
		"a subscription that began": {
			Message{Purpose: Welcome, Product: w.product(1), Amount: 1990, Until: next},
			"Te suscribiste a Juegos Ñandu: $1.990 por semana. Proximo cobro: 02-12-2026. Para cancelar envia SALIR JUEGOS al 8888, gratis. Consultas: 600360"},
		"one that is free, of no keyword, with its accents": {
			Message{Purpose: Welcome, Product: w.product(2), Until: next},
			"Te suscribiste a Música: sin costo por ahora. Próximo cobro: 02-12-2026. Para cancelar envía SALIR al 8888, gratis. Consultas: 600360"},
		"a receipt": {
			Message{Purpose: Receipt, Product: w.product(3), Amount: 500},
			"Compraste Tono por $500, con cargo a tu linea. Consultas: 600360"},
		"a renewal": {
			Message{Purpose: Renewed, Product: w.product(1), Amount: 1990, Until: next},
			"Se renovo Juegos Ñandu por $1.990. Proximo cobro: 02-12-2026. Para cancelar envia SALIR JUEGOS al 8888, gratis."},
		"a reminder": {
			Message{Purpose: Reminder, Product: w.product(1), Amount: 1990, Until: next},
			"Juegos Ñandu se renueva el 02-12-2026 por $1.990. Para cancelar envia SALIR JUEGOS al 8888, gratis."},
		"a cancellation": {
			Message{Purpose: Cancelled, Product: w.product(1)},
			"Tu suscripcion a Juegos Ñandu fue cancelada. No se te cobrara mas por ella."},
		"nothing to cancel": {
			Message{Purpose: NoneActive, ShortCode: "8888"},
			"No tienes suscripciones activas en el 8888."},
		"nothing of a product to cancel": {
			Message{Purpose: NoneActive, ShortCode: "8888", Product: w.product(1)},
			"No tienes una suscripcion activa a Juegos Ñandu."},
		"a choice": {
			Message{Purpose: Which, ShortCode: "8888", Keywords: []string{"JUEGOS", "MUSICA"}},
			"Tienes varias suscripciones en el 8888. Para cancelar una envia SALIR y su nombre: JUEGOS, MUSICA. Para cancelar todas envia SALIR TODO."},
		"help": {
			Message{Purpose: Help, ShortCode: "8888"},
			"No entendimos tu mensaje. Para cancelar tus suscripciones envia SALIR TODO al 8888, gratis. Consultas: 600360"},
		"a partner's": {
			Message{Purpose: Partner, Product: w.product(1), Text: "¡Hola mundo! Canción 😀"},
			"¡Hola mundo! Cancion ?"},
		"in English, in soles, by the short code's own word": {
			Message{Purpose: Welcome, Product: w.product(21), Amount: 990, Until: next},
			"You subscribed to News: S/ 9.90 a month. Next charge: 2 Dec 2026. To cancel, send BAJA NEWS to 6666, free of charge."},
		"of no product, in the language of the short code's partners": {
			Message{Purpose: NoneActive, ShortCode: "6666"},
			"You have no active subscriptions on 6666."},
		"a PIN in English": {
			Message{Purpose: PIN, Product: w.product(21), PIN: "4711", Amount: 990, Until: next},
			"4711 is your code for News (S/ 9.90 a month). Valid until 13:30. Do not share it."},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			test.message.LineID, test.message.MSISDN = w.line(msisdn), msisdn
			events := w.send(test.message)
			if len(events) != 1 {
				t.Fatalf("%d events", len(events))
			}
			m := w.order(events[0]).Message
			if m.Text != test.want {
				t.Errorf("%q", m.Text)
			}
			if m.Encoding == smsc.EncodingGSM7 && !sms.Encodable(m.Text) {
				t.Error("it is not of GSM-7")
			}
			if m.To != msisdn || m.ID != events[0].ID.String() || !m.ReportWanted {
				t.Errorf("%+v", m)
			}
		})
	}
}

// Every purpose has a text in every language, of two messages at most with all that can be said.
func TestEveryPurposeHasAText(t *testing.T) {
	full := facts{
		Product: "Juegos del Mundo Premium", PIN: "471147", Price: "$12.990", Every: "cada 12 semanas", Until: "28-12-2026", Clock: "15:30", ShortCode: "888888",
		OptOut: "CANCELAR JUEGOSMUNDO", Word: "CANCELAR", All: "CANCELAR TODO", Keywords: "JUEGOS, MUSICA, DEPORTES, NOTICIAS", Contact: "+56 600 360 3000",
	}
	for language, all := range texts {
		for _, p := range []Purpose{PIN, Welcome, Receipt, Renewed, Reminder, Cancelled, NoneActive, Which, Help} {
			if all[p] == nil {
				t.Errorf("%s: no text for %s", language, p)
				continue
			}
			for _, f := range []facts{full, {}} {
				text, err := write(language, p, f)
				if err != nil || len([]rune(text)) > 2*153 || strings.Contains(text, "<no value>") || strings.Contains(text, "  ") && f.Product != "" {
					t.Errorf("%s: %s: %v, %d characters: %q", language, p, err, len([]rune(text)), text)
				}
			}
		}
		if everys[language] == nil || dates[language] == "" {
			t.Errorf("%s: no words for periods or dates", language)
		}
	}
}

func TestPrice(t *testing.T) {
	w := newWorld(t)
	chile, peru := w.product(1).Country(), w.product(21).Country()
	for minor, want := range map[int64][2]string{
		0: {"$0", "S/ 0.00"}, 5: {"$5", "S/ 0.05"}, 990: {"$990", "S/ 9.90"}, 1990: {"$1.990", "S/ 19.90"},
		123456: {"$123.456", "S/ 1,234.56"}, 1234567: {"$1.234.567", "S/ 12,345.67"}, 100000000: {"$100.000.000", "S/ 1,000,000.00"},
	} {
		if got := [2]string{price(chile, minor), price(peru, minor)}; got != want {
			t.Errorf("%d: %q", minor, got)
		}
	}
}
