package messaging

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	contract "puente/contracts/papi/subscription"
	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/sql"
	"puente/shared/problem"
	"puente/shared/sms"
)

func (w *world) ask(product int64, text string) (contract.MessageResult, error) {
	w.t.Helper()
	return w.SendMessage(w.t.Context(), Request{Product: w.product(product), MSISDN: w.number, ShortCode: "8888", Text: text, Channel: "WEB"})
}

// converse notes when the line wrote, and when it left; zero: never.
func (w *world) converse(shortCode string, wrote, left time.Time) {
	w.t.Helper()
	moment := func(at time.Time) *time.Time {
		if at.IsZero() {
			return nil
		}
		return &at
	}
	key := sql.ConverseParams{LineID: w.line(w.number), ShortCode: shortCode}
	if _, err := sql.New(w.db).Converse(w.t.Context(), key); err != nil {
		w.t.Fatal(err)
	}
	err := sql.New(w.db).UpdateConversation(w.t.Context(), sql.UpdateConversationParams{
		LineID: key.LineID, ShortCode: shortCode, WroteAt: moment(wrote), LeftAt: moment(left),
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// Invariant 21.
func TestInvariant21NothingIsSentWithoutARight(t *testing.T) {
	const day, hour = 24 * time.Hour, time.Hour
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	w, cases := newWorld(t), 0
	for name, test := range map[string]struct {
		given func(*world)
		right bool
	}{
		"a stranger":                {func(*world) {}, false},
		"a line without anything":   {func(w *world) { w.line(w.number) }, false},
		"ACTIVE":                    {func(w *world) { w.subscribe(1, "ACTIVE", ago(300*day)) }, true},
		"GRACE":                     {func(w *world) { w.subscribe(1, "GRACE", ago(30*day)) }, true},
		"SUSPENDED":                 {func(w *world) { w.subscribe(1, "SUSPENDED", ago(30*day)) }, false},
		"PENDING_CHARGE":            {func(w *world) { w.subscribe(1, "PENDING_CHARGE", ago(hour)) }, false},
		"CANCELLED":                 {func(w *world) { w.subscribe(1, "CANCELLED", ago(hour)) }, false},
		"ACTIVE of another product": {func(w *world) { w.subscribe(2, "ACTIVE", ago(hour)) }, false},
		"bought":                    {func(w *world) { w.buy(1, "SUCCEEDED", ago(23*hour)) }, true},
		"bought long ago":           {func(w *world) { w.buy(1, "SUCCEEDED", ago(day)) }, false},
		"bought, and given back":    {func(w *world) { w.buy(1, "REFUNDED", ago(hour)) }, false},
		"declined":                  {func(w *world) { w.buy(1, "DECLINED", ago(hour)) }, false},
		"bought another product":    {func(w *world) { w.buy(3, "SUCCEEDED", ago(hour)) }, false},
		"wrote":                     {func(w *world) { w.converse("8888", ago(23*hour), time.Time{}) }, true},
		"wrote long ago":            {func(w *world) { w.converse("8888", ago(day), time.Time{}) }, false},
		"wrote elsewhere":           {func(w *world) { w.converse("6666", ago(hour), time.Time{}) }, false},
		"wrote, then left":          {func(w *world) { w.converse("8888", ago(2*hour), ago(hour)) }, false},
		"left, then wrote":          {func(w *world) { w.converse("8888", ago(hour), ago(2*hour)) }, true},
		"bought, then left":         {func(w *world) { w.buy(1, "SUCCEEDED", ago(2*hour)); w.converse("8888", time.Time{}, ago(hour)) }, false},
		"left, then bought":         {func(w *world) { w.buy(1, "SUCCEEDED", ago(hour)); w.converse("8888", time.Time{}, ago(2*hour)) }, true},
		"left, then subscribed":     {func(w *world) { w.subscribe(1, "ACTIVE", ago(hour)); w.converse("8888", time.Time{}, ago(2*hour)) }, true},
		"subscribed, then left":     {func(w *world) { w.subscribe(1, "ACTIVE", ago(2*hour)); w.converse("8888", time.Time{}, ago(hour)) }, false},
		"subscribed, then left another short code of the service": {func(w *world) { w.subscribe(1, "ACTIVE", ago(2*hour)); w.converse("8889", time.Time{}, ago(hour)) }, false},
		"wrote, then left another short code of the service": {func(w *world) {
			w.converse("8888", ago(2*hour), time.Time{})
			w.converse("8889", time.Time{}, ago(hour))
		}, false},
		"left another short code of the service, then subscribed": {func(w *world) { w.subscribe(1, "ACTIVE", ago(hour)); w.converse("8889", time.Time{}, ago(2*hour)) }, true},
		"left, then wrote to another short code of the service": {func(w *world) {
			w.subscribe(1, "ACTIVE", ago(3*hour))
			w.converse("8888", time.Time{}, ago(2*hour))
			w.converse("8889", ago(hour), time.Time{})
		}, false},
		"subscribed, and left another short code": {func(w *world) { w.subscribe(1, "ACTIVE", ago(2*hour)); w.converse("6666", time.Time{}, ago(hour)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			cases++
			w.number = fmt.Sprint(56900000000 + cases)
			test.given(w)
			before, asked := len(w.box.all()), w.directory.asked
			out, err := w.ask(1, "¡Hola!")
			added := w.box.all()[before:]
			if test.right {
				if err != nil || out.Segments != 1 || len(added) != 1 || added[0].ID.String() != out.ID {
					t.Errorf("%+v, %v", out, err)
				}
				if row := w.row(Partner); row.PartnerID != 52272 || row.ProductID != 1 || row.ID.String() != out.ID {
					t.Errorf("%+v", row)
				}
				return
			}
			if e := problem.Of(err); err == nil || e.Kind != problem.Conflict || e.Code != contract.CodeNoRight || len(added) != 0 {
				t.Errorf("%v, %d events", err, len(added))
			}
			if w.directory.asked != asked { // §2: what is refused anyway reaches no backend, and tells nothing of a number
				t.Error("the directory was asked")
			}
		})
	}
}

// Invariant 21, of segments.
func TestInvariant21SegmentsNeverExceedTheLimit(t *testing.T) {
	w := newWorld(t)
	w.subscribe(1, "ACTIVE", noon)
	w.subscribe(2, "ACTIVE", noon)
	for name, test := range map[string]struct {
		product  int64
		text     string
		segments int // 0: it does not fit
	}{
		"one":                                   {1, strings.Repeat("a", 160), 1},
		"two":                                   {1, strings.Repeat("a", 161), 2},
		"three":                                 {1, strings.Repeat("a", 3*153), 3},
		"too long":                              {1, strings.Repeat("a", 3*153+1), 0},
		"of characters that count twice":        {1, strings.Repeat("€", 230), 0},
		"accents and emoji, transliterated":     {1, strings.Repeat("ó😀", 80), 1},
		"an ellipsis is three":                  {1, strings.Repeat("…", 153), 3},
		"nothing":                               {1, "", 0},
		"nothing to read":                       {1, " \n\x01\u0085", 0},
		"unicode, within":                       {2, strings.Repeat("ó", 70), 1},
		"unicode, beyond the product's one":     {2, strings.Repeat("ó", 71), 0},
		"unicode, of pairs":                     {2, strings.Repeat("😀", 35), 1},
		"unicode, of pairs, beyond":             {2, strings.Repeat("😀", 36), 0},
		"a unicode product's text without need": {2, strings.Repeat("n", 160), 1},
	} {
		before := len(w.box.all())
		out, err := w.ask(test.product, test.text)
		if test.segments == 0 {
			if e := problem.Of(err); err == nil || e.Kind != problem.Invalid || len(e.Fields) != 1 || e.Fields[0].Path != "text" || len(w.box.all()) != before {
				t.Errorf("%s: %v", name, err)
			}
		} else if err != nil || out.Segments != test.segments {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		product := rapid.SampledFrom([]int64{1, 2}).Draw(r, "product")
		text := rapid.StringN(0, 500, -1).Draw(r, "text")
		before := len(w.box.all())
		if _, err := w.ask(product, text); err != nil {
			if !errors.Is(err, problem.Invalid) || len(w.box.all()) != before {
				r.Fatal(err)
			}
			return
		}
		m := w.order(w.box.all()[before]).Message
		if got := sms.Encode(m.Text, product == 2); got.Segments > w.product(product).MaxSegments || encodings[got.Encoding] != m.Encoding || got.Text != m.Text {
			r.Fatalf("%+v as %s", got, m.Encoding)
		}
	})
}

func TestALineThatIsNotOursGetsNothing(t *testing.T) {
	w := newWorld(t)
	w.subscribe(1, "ACTIVE", noon)
	for name, test := range map[string]struct {
		line subscriber.Line
		err  error
		kind problem.Kind
		code string
	}{
		"unknown":        {err: problem.NotFound, kind: problem.Invalid, code: contract.CodeMSISDNUnknown},
		"another's":      {line: subscriber.Line{MSISDN: msisdn, State: subscriber.StateActive}, kind: problem.Invalid, code: contract.CodeOtherOperator},
		"directory away": {err: &problem.Error{Kind: problem.Unavailable}, kind: problem.Unavailable},
	} {
		w.directory.line, w.directory.err = test.line, test.err
		_, err := w.ask(1, "Hola")
		if e := problem.Of(err); err == nil || e.Kind != test.kind || e.Code != test.code || len(w.box.all()) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.directory.asked = 0
	if _, err := w.ask(1, ""); err == nil || w.directory.asked != 0 {
		t.Errorf("a text that is refused anyway: %v, %d questions", err, w.directory.asked)
	}
}

// One who leaves while the directory is being asked is not written to, and what waits for him is withdrawn,
// whichever short code of the service he left.
func TestWhoLeavesMeanwhileGetsNothing(t *testing.T) {
	for _, code := range []string{"8888", "8889"} {
		w := newWorld(t)
		w.subscribe(1, "ACTIVE", noon.Add(-time.Hour))
		if _, err := w.ask(1, "Hola"); err != nil {
			t.Fatal(err)
		}
		w.directory.while = func() {
			w.converse(code, time.Time{}, w.clock)
			if err := pgx.BeginFunc(t.Context(), w.db, func(tx pgx.Tx) error { return w.Leave(t.Context(), tx, w.line(w.number), code) }); err != nil {
				t.Fatal(err)
			}
		}
		_, err := w.ask(1, "Hola otra vez")
		if e := problem.Of(err); err == nil || e.Code != contract.CodeNoRight || w.directory.asked != 2 {
			t.Errorf("%s: %v", code, err)
		}
		all := w.box.all()
		if got := w.state(all[0].ID); len(all) != 1 || got != "FAILED OPTED_OUT" {
			t.Errorf("%s: %d events, %s", code, len(all), got)
		}
	}
}

// At night a partner's message waits, but for one that its user has just given cause for; and it does not go
// out in the morning if the user wants nothing more by then.
func TestAPartnersMessageAtNight(t *testing.T) {
	w := newWorld(t)
	w.clock = time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC)
	w.subscribe(1, "ACTIVE", noon.AddDate(0, -1, 0))
	waiting := func() bool {
		t.Helper()
		if _, err := w.ask(1, "Hola"); err != nil {
			t.Fatal(err)
		}
		all := w.box.all()
		return !w.order(all[len(all)-1]).NotBefore.IsZero()
	}
	if !waiting() {
		t.Error("it does not wait")
	}
	w.converse("8888", w.clock.Add(-time.Minute), time.Time{})
	if waiting() {
		t.Error("an answer waits")
	}
	w.clock = w.clock.Add(time.Hour)
	if !waiting() {
		t.Error("an answer after an hour does not wait")
	}
	tx, err := w.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Leave(t.Context(), tx, w.line(w.number), "8888"), tx.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	for _, e := range w.box.all() {
		if got := w.state(e.ID); got != "FAILED OPTED_OUT" {
			t.Errorf("%s", got)
		}
	}
}
