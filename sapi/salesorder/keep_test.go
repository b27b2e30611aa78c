package salesorder

import (
	"testing"
	"time"

	"puente/contracts/sapi/salesorder"
	"puente/shared/telemetry"
	"puente/test/sandbox/fault"
)

// What an inquiry needs of a port-in was kept for ever. It goes once it is of no use; that the port-in
// was filed stays, and one that may be filed again brings along what is needed.
func TestSettledPortInsAreForgottenButNotRepeated(t *testing.T) {
	s, bot := start(t)
	ctx := telemetry.WithCorrelation(t.Context(), "T-1")
	const done, refused, open, recent = "3000000019", "3000000020", "3000000021", "3000000022"
	file := func(phone, nip string) error {
		_, err := s.Submit(ctx, portIn(phone, nip))
		return err
	}
	nip := give(t, s, done)
	if err := file(done, nip); err != nil {
		t.Fatal(err)
	}
	if err := file(refused, "00000"); err == nil { // not the line's NIP
		t.Fatal("filed")
	}
	given := give(t, s, open)
	bot.Fault(t, fault.Fault{System: "botservice", Operation: "portability", Kind: fault.Reset, Times: 1})
	if err := file(open, given); err == nil {
		t.Fatal("its outcome is known")
	}
	exec := func(statement string) {
		if _, err := s.db.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(`UPDATE salesorder.port_ins SET updated_at = now() - interval '401 days'`)
	latest := give(t, s, recent)
	if err := file(recent, latest); err != nil {
		t.Fatal(err)
	}
	kept := func(phone, nip string) (state string, sealed int) {
		id := s.ring.MAC("salesorder.port_in", []byte(phone), []byte("MDM-PLTE-022944"), []byte(nip))
		if err := s.db.QueryRow(ctx, `SELECT state, length(inquiry) FROM salesorder.port_ins WHERE id = $1`, id[:]).Scan(&state, &sealed); err != nil {
			t.Fatal(err)
		}
		return state, sealed
	}
	if err := s.forget(ctx); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		phone, nip, state string
		forgotten         bool
	}{{done, nip, filed, true}, {refused, "00000", rejected, true}, {open, given, unresolved, false}, {recent, latest, filed, false}} {
		if state, sealed := kept(c.phone, c.nip); state != c.state || (sealed == 0) != c.forgotten {
			t.Errorf("%s: %s with %d bytes", c.phone, state, sealed)
		}
	}
	out, err := s.Submit(ctx, portIn(done, nip))
	if err != nil || out.State != salesorder.StatePortInFiled || filedFor(bot, done) != 1 {
		t.Errorf("asked again: %+v %v, filed %d times", out, err, filedFor(bot, done))
	}
	if err := file(refused, "00000"); err == nil {
		t.Fatal("filed")
	}
	if state, sealed := kept(refused, "00000"); state != rejected || sealed == 0 {
		t.Errorf("refused again: %s with %d bytes", state, sealed)
	}
	if s.cfg.PortIn.Keep != 400*24*time.Hour {
		t.Errorf("kept for %s", s.cfg.PortIn.Keep)
	}
}
