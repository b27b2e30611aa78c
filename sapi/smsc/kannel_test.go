package smsc

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"puente/contracts/sapi/smsc"
	"puente/shared/config"
	"puente/shared/database/databasetest"
	"puente/shared/hop"
	"puente/shared/server"
)

const caller = `
openapi: 3.0.3
info: {title: Caller, version: 1.0.0, x-category: Tests}
x-sla: {deadline: 10s, availability: 99.9}
security: []
paths: {}
`

// serve runs both doors of the API until t ends, and is called as the process layer calls it.
func serve(t *testing.T, sendsms, callbacks, database string) *smsc.Client {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "kannel.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
dataDir: %q
internal: {addr: "127.0.0.1:0"}
ops: {addr: "127.0.0.1:0"}
callbacks: {addr: %q}
drain: {delay: 0s}
log: {format: text, level: warn}
layers: {serviceKey: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}
sapi:
  smsc: {http: {url: "http://%s"}, username: puente, password: the-password}
  smsccallbacks: {secret: %s}
`, dir, callbacks, sendsms, secret), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	var client *smsc.Client
	contract := hop.Contract{Layer: "papi", Name: "caller", Spec: []byte(caller)}
	layers := []server.Layer{
		{Name: "sapi", APIs: []server.API{API, Callbacks}},
		{Name: "papi", APIs: []server.API{{Contract: &contract, Mount: func(env *server.Env) error { client = smsc.NewClient(env); return nil }}}},
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cfg := server.Config{Tree: tree, DatabaseURL: database, Log: t.Output(), Ready: func(server.Addresses) error { close(ready); return nil }}
	go func() { ended <- server.Run(ctx, cfg, layers...) }()
	select {
	case <-ready:
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	case err := <-ended:
		cancel()
		t.Fatal(err)
	}
	return client
}

// With a real gateway: what we send reaches the SMS center as it was written, its reports come back, and what
// phones send while we are away is there when we are back. Nothing is sent that we did not send: our answers
// are none.
func TestKannel(t *testing.T) {
	if !hasKannel(t) {
		return
	}
	callbacks := free(t)
	k := startKannel(t, callbacks)
	k.send(t, "56912345678 2200 text SALIR  JUEGOS")
	k.send(t, "56912345679 2200 ucs2 %00B%00A%00J%00A%00+%00%f1%20%ac") // before we listen

	client := serve(t, k.sendsms, callbacks, databasetest.New(t).Config().ConnString())
	taken := make(map[string]smsc.Item)
	take := func() {
		in, err := client.Take(t.Context(), smsc.Take{Limit: smsc.MaxItems})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range in.Items {
			taken[item.ID] = item
		}
	}
	texts := func(kind smsc.Kind) (all []string) {
		for _, i := range taken {
			if i.Kind == kind && i.State != smsc.StateAccepted { // which is told where the report is quicker than the answer
				all = append(all, strings.TrimSpace(fmt.Sprintln(i.From, i.To, i.Text, i.Message, i.State, i.SMSC)))
			}
		}
		slices.Sort(all)
		return all
	}
	await(t, "what came while we were away", func() bool { take(); return len(texts(smsc.KindMessage)) == 2 })

	for _, m := range []smsc.Message{
		{ID: "pin:1", From: "2200", To: "56912345678", Text: "Su PIN es 4711 & ¿ñ?", Encoding: smsc.EncodingGSM7, Validity: 5, ReportWanted: true},
		{ID: "ok:1", From: "2200", To: "56912345679", Text: "Canción €", Encoding: smsc.EncodingUCS2, ReportWanted: true},
		{ID: "ad:1", From: "ENTEL", To: "56912345678", Text: "Hola", Encoding: smsc.EncodingGSM7},
	} {
		for range 2 { // the second sends nothing
			if out, err := client.Submit(t.Context(), m); err != nil || out.MessageID == "" {
				t.Fatalf("%s: %+v %v", m.ID, out, err)
			}
		}
	}
	k.send(t, "56912345678 2200 text BAJA %00")
	await(t, "reports and a message", func() bool { take(); return len(texts(smsc.KindReport)) == 2 && len(texts(smsc.KindMessage)) == 3 })
	if got, want := texts(smsc.KindMessage), []string{"56912345678 2200 BAJA %00   FAKE", "56912345678 2200 SALIR  JUEGOS   FAKE", "56912345679 2200 BAJA ñ€   FAKE"}; !slices.Equal(got, want) {
		t.Errorf("messages %q, want %q", got, want)
	}
	if got, want := texts(smsc.KindReport), []string{"ok:1 DELIVERED", "pin:1 DELIVERED"}; !slices.Equal(got, want) {
		t.Errorf("reports %q, want %q", got, want)
	}
	for id, want := range map[string]smsc.State{"pin:1": smsc.StateDelivered, "ok:1": smsc.StateDelivered, "ad:1": smsc.StateAccepted} {
		if got, err := client.Query(t.Context(), smsc.MessageQuery{ID: id}); err != nil || got.State != want {
			t.Errorf("%s: %+v %v", id, got, err)
		}
	}
	var got []string
	for range 3 {
		select {
		case message := <-k.got:
			got = append(got, message)
		case <-time.After(10 * time.Second):
			t.Fatalf("phones got %q", got)
		}
	}
	select {
	case more := <-k.got:
		t.Errorf("sent, and not by us: %q", more)
	default: // what was answered to callbacks would have come before the reports
	}
	slices.Sort(got)
	if want := []string{"2200 56912345678 text Su PIN es 4711 & ¿ñ?", "2200 56912345679 ucs-2 %00C%00a%00n%00c%00i%00%F3%00n%00++%AC", "ENTEL 56912345678 text Hola"}; !slices.Equal(got, want) {
		t.Errorf("phones got %q, want %q", got, want)
	}
	var ids []string
	for id := range taken {
		ids = append(ids, id)
	}
	if done, err := client.Acknowledge(t.Context(), smsc.Ack{IDs: ids}); err != nil || int(done.Acknowledged) != len(ids) {
		t.Errorf("%+v %v", done, err)
	}
}
