package inbound

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/messaging"
)

// F3, by what is written where by whom with what.
func TestWhatPeopleWrite(t *testing.T) {
	w, cases := newWorld(t), 0
	for name, test := range map[string]struct {
		has      []int64
		code     string
		text     string
		states   string
		notices  int
		messages string
	}{
		"a product":                    {[]int64{1, 2, 3}, "8888", "SALIR JUEGOS", "1:CANCELLED 2:ACTIVE 3:ACTIVE", 1, "cancelled"},
		"its keyword first":            {[]int64{1, 2}, "8888", "juegos salir", "1:CANCELLED 2:ACTIVE", 1, "cancelled"},
		"accents and punctuation":      {[]int64{1, 2}, "8888", "¡Cancelár, MÚSICA!", "1:ACTIVE 2:CANCELLED", 1, "cancelled"},
		"emoji":                        {[]int64{1}, "8888", "😡 salir 😡 juegos 🎮", "1:CANCELLED", 1, "cancelled"},
		"two products":                 {[]int64{1, 2, 3}, "8888", "salir juegos y musica", "1:CANCELLED 2:CANCELLED 3:ACTIVE", 2, "cancelled cancelled"},
		"a bare word":                  {[]int64{1, 2, 3}, "8888", "baja", "1:CANCELLED 2:CANCELLED 3:CANCELLED", 3, "cancelled cancelled cancelled"},
		"all":                          {[]int64{1, 2, 11}, "8888", "SALIR TODO", "1:CANCELLED 2:CANCELLED 11:ACTIVE", 2, "cancelled cancelled"},
		"all, beside a product":        {[]int64{1, 2}, "8888", "salir juegos todo", "1:CANCELLED 2:CANCELLED", 2, "cancelled cancelled"},
		"a product that is not had":    {[]int64{2}, "8888", "salir juegos", "2:ACTIVE", 0, "none_active"},
		"of another short code":        {[]int64{11}, "8888", "salir noticias", "11:ACTIVE", 0, "none_active"},
		"nothing had":                  {nil, "8888", "SALIR", "", 0, "none_active"},
		"not understood":               {[]int64{1}, "8888", "no quiero salir hoy", "1:ACTIVE", 0, "help"},
		"empty":                        {[]int64{1}, "8888", "", "1:ACTIVE", 0, "help"},
		"a bare word where it asks":    {[]int64{11, 12}, "7777", "SALIR", "11:ACTIVE 12:ACTIVE", 0, "which"},
		"a wrong name where it asks":   {[]int64{11, 12}, "7777", "SALIR NOTICIA", "11:ACTIVE 12:ACTIVE", 0, "which"},
		"all where it asks":            {[]int64{11, 12}, "7777", "SALIR TODO", "11:CANCELLED 12:CANCELLED", 2, "cancelled cancelled"},
		"one where it asks":            {[]int64{11, 12}, "7777", "SALIR DEPORTES", "11:ACTIVE 12:CANCELLED", 1, "cancelled"},
		"a bare word without a choice": {[]int64{12}, "7777", "SALIR", "12:CANCELLED", 1, "cancelled"},
		"nothing had where it asks":    {[]int64{1}, "7777", "SALIR", "1:ACTIVE", 0, "none_active"},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			cases++
			w.number = fmt.Sprint(56900000000 + cases)
			w.subscribe(lifecycle.Active, test.has...)
			w.write(test.code, test.text)
			if got := w.states(); got != test.states {
				t.Errorf("states: %s", got)
			}
			if got := strings.TrimSpace(strings.Repeat("subscription.ended ", test.notices)); w.notices() != got {
				t.Errorf("notices: %s", w.notices())
			}
			if got := strings.ReplaceAll(w.messages(), "message.", ""); got != test.messages {
				t.Errorf("messages: %s", got)
			}
		})
	}
	w.t, w.number = t, "56911222333"
	w.subscribe(lifecycle.Active, 11, 12)
	w.write("7777", "SALIR")
	if got := w.said(); got != "Tienes varias suscripciones en el 7777. Para cancelar una envia SALIR y su nombre: DEPORTES, NOTICIAS. Para cancelar todas envia SALIR TODO." {
		t.Error(got)
	}
	w.write("7777", "?")
	if got := w.said(); got != "Escribe SALIR." {
		t.Error(got)
	}
}

// A cancellation ends each state that is open, and says to the partner what the specification has.
func TestEveryOpenSubscriptionEnds(t *testing.T) {
	w, cases := newWorld(t), 0
	for state, notices := range map[string]string{
		lifecycle.Active: "subscription.ended", lifecycle.Grace: "subscription.ended", lifecycle.Suspended: "subscription.ended", lifecycle.PendingCharge: "",
	} {
		cases++
		w.number = fmt.Sprint(56900000000 + cases)
		w.subscribe(state, 1)
		w.write("8888", "SALIR")
		if got := w.states(); got != "1:CANCELLED" || w.notices() != notices || w.messages() != "message.cancelled" {
			t.Errorf("%s: %s, %s, %s", state, got, w.notices(), w.messages())
		}
		var reason, cause, channel string
		err := w.db.QueryRow(t.Context(), `SELECT cancel_reason, cancel_cause, cancel_channel FROM subscription.subscriptions WHERE line_id = $1`, w.line()).Scan(&reason, &cause, &channel)
		if err != nil || reason != "MO" || cause != "OPTOUT_MO" || channel != "SMS" {
			t.Errorf("%s: %s %s %s, %v", state, reason, cause, channel, err)
		}
	}
	var payload []byte
	if err := w.db.QueryRow(t.Context(), `SELECT payload FROM subscription.recorded WHERE type = 'subscription.ended' LIMIT 1`).Scan(&payload); err != nil {
		t.Fatal(err)
	}
	if text := string(payload); !strings.Contains(text, `"cancelReason":"MO"`) || !strings.Contains(text, `"entryChannel":"SMS"`) || !strings.Contains(text, `"updateType":1`) {
		t.Error(text)
	}
}

// A message that waited, for whatever reason, does not end what began after it was received, and lets partners
// write from when it was. A demo's clock makes none older than it is.
func TestAMessageCountsFromWhenItWasReceived(t *testing.T) {
	for _, demo := range []time.Duration{0, 400 * 24 * time.Hour} {
		w := newWorld(t)
		w.demo = demo
		w.subscribe(lifecycle.Active, 1)
		wait := w.text("8888", "SALIR")
		greeting := w.text("8888", "hola")
		w.clock = w.clock.Add(time.Hour)
		w.subscribe(lifecycle.Active, 2)
		w.center.add(wait, greeting)
		w.work()
		if got := w.states(); got != "1:CANCELLED 2:ACTIVE" {
			t.Errorf("%s: %s", demo, got)
		}
		var left, wrote time.Time
		if err := w.db.QueryRow(t.Context(), `SELECT left_at, wrote_at FROM subscription.conversations WHERE line_id = $1`, w.line()).Scan(&left, &wrote); err != nil {
			t.Fatal(err)
		}
		if want := noon.Add(skew); !left.Equal(want) || !wrote.Equal(want) {
			t.Errorf("%s: left at %s, wrote at %s", demo, left, wrote)
		}
		early := w.text("8888", "SALIR") // by a clock that is a little behind: it ends what its user has
		early.ReceivedAt = early.ReceivedAt.Add(-skew)
		w.center.add(early)
		w.work()
		late := w.text("8888", "SALIR") // by a clock that is ahead
		late.ReceivedAt = late.ReceivedAt.Add(time.Minute)
		w.center.add(late)
		w.work()
		if got := w.states(); got != "1:CANCELLED 2:CANCELLED" {
			t.Errorf("%s: %s", demo, got)
		}
		if err := w.db.QueryRow(t.Context(), `SELECT left_at FROM subscription.conversations WHERE line_id = $1`, w.line()).Scan(&left); err != nil || !left.Equal(w.clock) {
			t.Errorf("%s: left at %s, %v", demo, left, err)
		}
	}
}

func TestHelpComesOnceInAWhile(t *testing.T) {
	w := newWorld(t)
	w.write("8888", "hola")
	w.clock = noon.Add(9*time.Minute + 59*time.Second)
	w.write("8888", "hola?")
	if got := w.messages(); got != "message.help" {
		t.Error(got)
	}
	w.write("7777", "hola") // another short code is another conversation
	w.clock = noon.Add(10 * time.Minute)
	w.write("8888", "hola??")
	if got := w.messages(); got != "message.help message.help message.help" {
		t.Error(got)
	}
	if got := []int{w.counted("message", resultHelped), w.counted("message", resultIgnored)}; got[0] != 3 || got[1] != 1 {
		t.Error(got)
	}
}

// What a line writes gives a right to answer it, unless it asks for an end; that it wants nothing more takes
// the right away.
func TestConversations(t *testing.T) {
	w := newWorld(t)
	w.directory.up = true
	product, _ := w.catalogue.Snapshot().Product(1)
	may := func() bool {
		t.Helper()
		_, err := w.sender.SendMessage(t.Context(), messaging.Request{Product: product, MSISDN: w.number, ShortCode: "8888", Text: "Hola"})
		if err != nil && !strings.Contains(err.Error(), "NO_RIGHT_TO_MESSAGE") {
			t.Fatal(err)
		}
		return err == nil
	}
	for _, step := range []struct {
		text string
		may  bool
	}{
		{"SALIR JUEGOS", false}, {"hola", true}, {"SALIR JUEGOS", true}, {"SALIR TODO", false}, {"SALIR JUEGOS", false}, {"hola", true}, {"BAJA", false}, {"TODO", true},
	} {
		w.clock = w.clock.Add(time.Minute)
		if w.write("8888", step.text); may() != step.may {
			t.Errorf("after %q: %v", step.text, !step.may)
		}
	}
	w.write("7777", "SALIR TODO")
	if !may() {
		t.Error("who left one short code left another, too")
	}
}

// What was written is kept, sealed, as what it was understood to be.
func TestWhatWasWrittenIsKept(t *testing.T) {
	w := newWorld(t)
	w.write("8888", "SALIR MÚSICA 🎵")
	var sealed []byte
	var id [16]byte
	var purpose, state string
	var product, partner int64
	err := w.db.QueryRow(t.Context(), `SELECT id, purpose, state, product_id, partner_id, text FROM subscription.messages WHERE direction = 'MO'`).Scan(&id, &purpose, &state, &product, &partner, &sealed)
	if err != nil || purpose != "CANCEL" || state != "RECEIVED" || product != 2 || partner != 52272 || strings.Contains(string(sealed), "SALIR") {
		t.Errorf("%s %s %d %d, %v", purpose, state, product, partner, err)
	}
	if text, err := w.sender.Open(id, sealed); err != nil || text != "SALIR MÚSICA 🎵" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestNumbersAsGatewaysWriteThem(t *testing.T) {
	w := newWorld(t)
	w.subscribe(lifecycle.Active, 1)
	for _, from := range []string{"+56912345678", "0056912345678", "912345678"} {
		item := w.text("8888", "SALIR JUEGOS")
		item.From = from
		w.center.add(item)
		w.work()
	}
	if got := w.states(); got != "1:CANCELLED" || w.messages() != "message.cancelled message.none_active message.none_active" {
		t.Errorf("%s, %s", got, w.messages())
	}
	w.number = "56911111" // breaks the plan; a partner in STAGING has it
	w.subscribe(lifecycle.Active, 1)
	w.write("8888", "SALIR JUEGOS")
	if got := w.states(); got != "1:CANCELLED" {
		t.Errorf("of the sandbox: %s", got)
	}
}
