package smsc

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"puente/contracts/sapi/smsc"
	"puente/shared/config"
	"puente/shared/keyring"
	"puente/shared/problem"
)

const secret = "the-secret-of-the-gateway"

// beside makes the callbacks of a system's own tables.
func beside(s *system) *callbacks {
	return newCallbacks(CallbacksConfig{Secret: config.NewSecret(secret), Redelivery: 5 * time.Minute}, s.ring, s.db, slog.New(slog.DiscardHandler))
}

// hand hands over a message of a phone.
func hand(t *testing.T, c *callbacks, m smsc.ReceivedMessage) {
	t.Helper()
	m.Secret = secret
	if _, err := c.Message(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// waiting is what waits, without what differs from run to run.
func waiting(t *testing.T, s *system) []smsc.Item {
	t.Helper()
	in, err := s.Take(t.Context(), smsc.Take{Limit: smsc.MaxItems})
	if err != nil {
		t.Fatal(err)
	}
	for i := range in.Items {
		if age := time.Since(in.Items[i].ReceivedAt); age < -time.Minute || age > time.Hour {
			t.Errorf("received %s ago", age)
		}
		in.Items[i].ID, in.Items[i].ReceivedAt = "", time.Time{}
	}
	return in.Items
}

func same(t *testing.T, got []smsc.Item, want ...smsc.Item) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestMessagesOfPhones(t *testing.T) {
	s, _ := start(t)
	c := beside(s)
	hand(t, c, smsc.ReceivedMessage{From: "+56912345678", To: "2200", Text: "SALIR  JUEGOS", Charset: "UTF-8", Coding: "0", SMSC: "ENTEL", ID: "a", Reference: "ref-1"})
	hand(t, c, smsc.ReceivedMessage{From: "0056912345678", To: "2200", Text: "\x00B\x00A\x00J\x00A\x00\xf1 \xac", Charset: "UTF-16BE", Coding: "2", ID: "b"})
	hand(t, c, smsc.ReceivedMessage{From: "ENTEL", Text: "Canci\xf3n", Charset: "ISO-8859-1"})
	hand(t, c, smsc.ReceivedMessage{})
	same(t, waiting(t, s),
		smsc.Item{Kind: smsc.KindMessage, From: "56912345678", To: "2200", Text: "SALIR  JUEGOS", Reference: "ref-1", SMSC: "ENTEL"},
		smsc.Item{Kind: smsc.KindMessage, From: "56912345678", To: "2200", Text: "BAJAñ€"},
		smsc.Item{Kind: smsc.KindMessage, From: "ENTEL", Text: "Canción"})
}

// The same delivery is stored once: the gateway's repetition by its id for as long as that is kept, the SMS
// center's by its reference for five minutes. What neither names may as well be a second message, and is marked.
func TestRedeliveredMessages(t *testing.T) {
	s, _ := start(t)
	c := beside(s)
	m := smsc.ReceivedMessage{From: "56912345678", To: "2200", Text: "SALIR", ID: "a", Reference: "ref-1"}
	hand(t, c, m)
	hand(t, c, m)
	m.ID = "b"
	hand(t, c, m)
	for _, other := range []smsc.ReceivedMessage{
		{From: m.From, To: m.To, Text: m.Text, ID: "c", Reference: "ref-2"}, {From: m.From, To: m.To, Text: "BAJA", ID: "d", Reference: "ref-1"},
		{From: m.From, To: "2201", Text: m.Text, ID: "e", Reference: "ref-1"}, {From: "56912345679", To: m.To, Text: m.Text, ID: "f", Reference: "ref-1"},
	} {
		hand(t, c, other)
	}
	if n := len(waiting(t, s)); n != 5 {
		t.Fatalf("%d wait", n)
	}
	ack(t, s) // what is done with is known again all the same
	hand(t, c, m)
	same(t, waiting(t, s))
	execute(t, s, `UPDATE smsc.inbound SET received_at = received_at - interval '5 minutes 1 second'`)
	hand(t, c, smsc.ReceivedMessage{From: m.From, To: m.To, Text: m.Text, ID: "a", Reference: "ref-1"}) // still the gateway's first
	hand(t, c, m)                                                                                       // under b: another message
	if n := len(waiting(t, s)); n != 1 {
		t.Fatalf("%d wait", n)
	}
	ack(t, s)
	nameless := smsc.ReceivedMessage{From: m.From, To: m.To, Text: "OTRA"}
	hand(t, c, nameless)
	hand(t, c, nameless)
	if got := waiting(t, s); len(got) != 2 || got[0].Repeated || !got[1].Repeated {
		t.Errorf("%+v", got)
	}
	for outcome, want := range map[string]float64{"stored": 7, "dropped": 4, "repeated": 1} {
		if n := testutil.ToFloat64(c.count.WithLabelValues(kindMessage, outcome)); n != want {
			t.Errorf("%s: %v, want %v", outcome, n, want)
		}
	}
}

// Copies that come at once, in any number of replicas, are one message.
func TestRedeliveredAtOnce(t *testing.T) {
	s, _ := start(t)
	c := beside(s)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			m := smsc.ReceivedMessage{Secret: secret, From: "56912343002", To: "2200", Text: "SALIR", Reference: "ref-1", ID: fmt.Sprint(i)}
			if _, err := c.Message(context.Background(), m); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(waiting(t, s)); n != 1 {
		t.Errorf("%d wait", n)
	}
}

// What was sealed under a key that is not here waits for it, and holds up nobody, however much it is.
func TestWhatDoesNotOpenHoldsUpNobody(t *testing.T) {
	s, _ := start(t)
	var logged strings.Builder
	s.log = slog.New(slog.NewTextHandler(&logged, nil))
	other, err := keyring.LoadOrCreate(t.TempDir() + "/keys.json")
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := beside(s), beside(&system{ring: other, db: s.db})
	for n := range 5 {
		hand(t, theirs, smsc.ReceivedMessage{From: "56912345678", To: "2200", Text: "SALIR", ID: fmt.Sprint("theirs ", n)})
	}
	hand(t, ours, smsc.ReceivedMessage{From: "56912345678", To: "2200", Text: "first", ID: "first"})
	hand(t, theirs, smsc.ReceivedMessage{From: "56912345678", To: "2200", Text: "SALIR", ID: "theirs 5"})
	hand(t, ours, smsc.ReceivedMessage{From: "56912345678", To: "2200", Text: "second", ID: "second"})
	texts := func(limit int64) (all []string) {
		t.Helper()
		in, err := s.Take(t.Context(), smsc.Take{Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range in.Items {
			all = append(all, item.Text)
		}
		return all
	}
	for limit, want := range map[int64][]string{1: {"first"}, 2: {"first", "second"}, 3: {"first", "second"}, 5: {"first", "second"}, smsc.MaxItems: {"first", "second"}} {
		if got := texts(limit); !slices.Equal(got, want) {
			t.Errorf("of %d: %v", limit, got)
		}
	}
	if got := texts(smsc.MaxItems); len(got) != 2 || testutil.ToFloat64(s.shutItems()) != 6 {
		t.Errorf("%v is handed over, %v are left out", got, testutil.ToFloat64(s.shutItems()))
	}
	if n := strings.Count(logged.String(), "level=ERROR"); n < 6 || strings.Contains(logged.String(), "56912345678") || strings.Contains(logged.String(), "SALIR") {
		t.Errorf("%d are logged:\n%s", n, logged.String())
	}
	ack(t, s)
	s.ring = other // its key is put back
	if got := texts(smsc.MaxItems); len(got) != 6 || testutil.ToFloat64(s.shutItems()) != 0 {
		t.Errorf("%v", got)
	}
}

func ack(t *testing.T, s *system) {
	t.Helper()
	in, err := s.Take(t.Context(), smsc.Take{Limit: smsc.MaxItems})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, i := range in.Items {
		ids = append(ids, i.ID)
	}
	if done, err := s.Ack(t.Context(), smsc.Ack{IDs: ids}); err != nil || int(done.Acknowledged) != len(ids) {
		t.Fatalf("%+v %v", done, err)
	}
}

func execute(t *testing.T, s *system, statement string, args ...any) {
	t.Helper()
	if _, err := s.db.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// While the tables are away the gateway is told to come again.
func TestCallbacksWithoutTheTable(t *testing.T) {
	s, _ := start(t)
	c := beside(s)
	execute(t, s, `DROP TABLE smsc.inbound`)
	message := uuid.New()
	if _, err := c.Message(t.Context(), smsc.ReceivedMessage{Secret: secret, From: "56912345678", Text: "x"}); err == nil {
		t.Error("taken, and lost")
	}
	if _, err := c.Report(t.Context(), smsc.ReceivedReport{Message: message.String(), Key: reportKey(s.ring, message), Status: "1"}); err == nil {
		t.Error("taken, and lost")
	}
}

func TestReports(t *testing.T) {
	s, _ := start(t)
	c := beside(s)
	n := 0
	for _, test := range []struct {
		before smsc.State
		status string
		answer string
		after  smsc.State
	}{
		{smsc.StateAccepted, "1", "", smsc.StateDelivered}, {smsc.StateAccepted, "2", "", smsc.StateUndelivered},
		{smsc.StateAccepted, "2", "id:1 sub:001 dlvrd:000 stat:EXPIRED err:000", smsc.StateExpired}, {smsc.StateAccepted, "2", "STAT: rejectd", smsc.StateRejected},
		{smsc.StateAccepted, "2", "stat:WHATEVER", smsc.StateUndelivered}, {smsc.StateAccepted, "34", "", smsc.StateExpired}, {smsc.StateAccepted, "66", "", smsc.StateAccepted},
		{smsc.StateAccepted, "16", "NACK/0x0000000b", smsc.StateRejected}, {smsc.StateAccepted, "8", "ACK/", smsc.StateAccepted},
		{smsc.StateAccepted, "", "", smsc.StateAccepted}, {smsc.StateAccepted, "x", "stat:DELIVRD", smsc.StateAccepted}, {smsc.StateAccepted, "-1", "", smsc.StateAccepted}, {smsc.StateAccepted, "1024", "", smsc.StateAccepted},
		{smsc.StateUnknown, "8", "", smsc.StateAccepted}, {smsc.StateUnknown, "4", "", smsc.StateAccepted}, {smsc.StateUnknown, "1", "", smsc.StateDelivered},
		{smsc.StateSending, "8", "", smsc.StateAccepted}, {smsc.StateUnsent, "2", "", smsc.StateUndelivered},
		{smsc.StateDelivered, "8", "", smsc.StateDelivered}, {smsc.StateDelivered, "2", "", smsc.StateDelivered}, {smsc.StateDelivered, "1", "", smsc.StateDelivered},
		{smsc.StateExpired, "2", "", smsc.StateExpired}, {smsc.StateExpired, "8", "", smsc.StateExpired}, {smsc.StateExpired, "1", "", smsc.StateDelivered},
	} {
		n++
		id, message := fmt.Sprint("r:", n), uuid.New()
		execute(t, s, `INSERT INTO smsc.messages (id, message, content, state, ends_at) VALUES ($1, $2, '', $3, clock_timestamp() + interval '1 minute')`, id, message, test.before)
		for range 2 { // the second tells nothing new
			if _, err := c.Report(t.Context(), smsc.ReceivedReport{Message: message.String(), Key: reportKey(s.ring, message), Status: test.status, Answer: test.answer}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.Query(t.Context(), smsc.MessageQuery{ID: id})
		if err != nil || got.State != test.after || got.MessageID != message.String() {
			t.Errorf("%+v: %+v %v", test, got, err)
		}
		var want []smsc.Item
		if test.after != test.before {
			want = append(want, smsc.Item{Kind: smsc.KindReport, Message: id, MessageID: message.String(), State: test.after})
		}
		items := waiting(t, s)
		if !slices.Equal(items, want) {
			t.Errorf("%+v: %+v", test, items)
		}
		if len(items) > 0 {
			ack(t, s)
		}
	}
	gone := uuid.New() // too old to be kept
	if _, err := c.Report(t.Context(), smsc.ReceivedReport{Message: gone.String(), Key: reportKey(s.ring, gone), Status: "1"}); err != nil || len(waiting(t, s)) != 0 {
		t.Error(err)
	}
}

func TestForgedCallbacks(t *testing.T) {
	s, _ := start(t)
	c := beside(s)
	message, other := uuid.New(), uuid.New()
	execute(t, s, `INSERT INTO smsc.messages (id, message, content, state, ends_at) VALUES ('a', $1, '', 'ACCEPTED', clock_timestamp())`, message)
	for _, key := range []string{"", reportKey(s.ring, other), reportKey(s.ring, message) + "=", strings.ToUpper(reportKey(s.ring, message))} {
		if _, err := c.Report(t.Context(), smsc.ReceivedReport{Message: message.String(), Key: key, Status: "1"}); problem.Of(err).Kind != problem.Forbidden {
			t.Errorf("%q: %v", key, err)
		}
	}
	for _, wrong := range []string{"", secret + "x", secret[1:]} {
		if _, err := c.Message(t.Context(), smsc.ReceivedMessage{Secret: wrong, From: "56912345678", Text: "SALIR"}); problem.Of(err).Kind != problem.Forbidden {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	same(t, waiting(t, s))
	if got, err := s.Query(t.Context(), smsc.MessageQuery{ID: "a"}); err != nil || got.State != smsc.StateAccepted {
		t.Errorf("%+v %v", got, err)
	}
	if n := testutil.ToFloat64(c.count.WithLabelValues(kindReport, "forged")); n != 4 {
		t.Errorf("%v counted", n)
	}
}

func TestDecode(t *testing.T) {
	for _, test := range []struct{ text, charset, coding, want string }{
		{"niño", "UTF-8", "0", "niño"}, {"niño", "", "", "niño"}, {"ni\xf1o", "ISO-8859-1", "0", "niño"}, {"ni\xf1o", "", "0", "niño"}, {"ni\xf1o", "klingon", "", "niño"},
		{"ni\xf1o", "UTF-8", "0", "ni\uFFFDo"}, {"\x00n\x00i\x00\xf1", "UTF-16BE", "2", "niñ"}, {"\x00n\x00i\x00\xf1", "", "2", "niñ"}, {"\x00n\x00i\x00\xf1", "ucs-2", "2", "niñ"},
		{"\x00n\xd8", "UTF-16BE", "2", "n\uFFFD"}, {"\xd8\x3d\x00x", "UTF-16BE", "2", "\uFFFDx"}, {"a\x00b\nc\r", "UTF-8", "0", "a b\nc "}, {"", "", "2", ""},
	} {
		if got := decode(test.text, test.charset, test.coding); got != test.want {
			t.Errorf("%q %s %s: %q, want %q", test.text, test.charset, test.coding, got, test.want)
		}
	}
}

// Whatever comes is stored: there is nobody who could send it better.
func TestAnythingIsStored(t *testing.T) {
	s, _ := start(t)
	c := beside(s)
	rapid.Check(t, func(rt *rapid.T) {
		bytes := rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 40), func(b []byte) string { return string(b) })
		m := smsc.ReceivedMessage{
			Secret: secret, From: "x" + bytes.Draw(rt, "from"), To: bytes.Draw(rt, "to"), Text: bytes.Draw(rt, "text"), ID: bytes.Draw(rt, "id"), Reference: uuid.NewString(),
			Charset: rapid.SampledFrom([]string{"", "UTF-8", "UTF-16BE", "utf-16le", "GSM", "8-BIT", "iso-8859-15", "shift_jis", "utf-32", "replacement", "\xff"}).Draw(rt, "charset"),
			Coding:  rapid.SampledFrom([]string{"", "0", "1", "2", "x"}).Draw(rt, "coding"),
		}
		m.ID += m.Reference
		if _, err := c.Message(context.Background(), m); err != nil {
			rt.Fatal(err)
		}
		items, err := s.Take(context.Background(), smsc.Take{Limit: 2})
		if err != nil || len(items.Items) != 1 || items.Items[0].Reference != m.Reference {
			rt.Fatalf("%+v %v", items, err)
		}
		if _, err := s.Ack(context.Background(), smsc.Ack{IDs: []string{items.Items[0].ID}}); err != nil {
			rt.Fatal(err)
		}
	})
}
