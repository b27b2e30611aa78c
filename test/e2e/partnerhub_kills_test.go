package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/shared/database/databasetest"
	"puente/test/sandbox/carrierbilling"
)

// However often and whenever a process is killed under all that the hub does: what was begun comes to its end by
// itself, and then money, messages and notifications agree with the operator's ledger (specification §12).
// The long form kills the process and the system layer of three processes, too.
func TestPartnerHubKills(t *testing.T) {
	t.Parallel()
	t.Run("one process", func(t *testing.T) { partnerHubKills(t, overHTTP, 0, campaign(4, 160)) })
	if soaking {
		t.Run("papi", func(t *testing.T) { partnerHubKills(t, split, 1, 70) })
		t.Run("sapi", func(t *testing.T) { partnerHubKills(t, split, 0, 70) })
	}
}

func partnerHubKills(t *testing.T, s shape, at, kills int) {
	p := begin(t, s, settings{more: "jobs: {lease: 1s}\n", database: asProgram(t, databasetest.New(t).Config().ConnString())})
	killing, db := p.processes[at], p.connect(t)
	stop := make(chan struct{})
	var load sync.WaitGroup
	all := make([]*hubLoad, campaign(6, 8))
	for i := range all {
		h := p.hub.rest
		if i%2 == 1 {
			h = p.hub.compat
		}
		for _, api := range []string{"charge", "suboptout"} {
			h.token(t, api)
		}
		l := &hubLoad{t: t, h: h, name: fmt.Sprintf("load-%d", i), flows: p.flows(t), stop: stop}
		all[i] = l
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					l.step()
				}
			}
		})
	}
	load.Go(func() { p.calendar(t, stop) })
	end := sync.OnceFunc(func() { close(stop); load.Wait() })
	t.Cleanup(end)
	for i := range kills {
		awaited := []string{"DEMANDA", "SUSCRIPCION", "DEMANDA", "RENOVACION"}[i%4] // renewals begin seconds after the process
		filed := len(p.sandbox.CarrierBilling.Charges())
		eventually(t, within, "a line is charged for "+awaited, func() bool {
			return slices.ContainsFunc(p.sandbox.CarrierBilling.Charges()[filed:], func(c carrierbilling.Charge) bool { return c.Context == awaited })
		})
		<-time.After(time.Duration(1+rand.IntN(60)) * 5 * time.Millisecond) // at any moment of whatever is being done
		killing.kill()
		if !soaking {
			p.unlease(t, db)
		}
		killing.start(t)
	}
	end()

	began := time.Now()
	var open string
	late := time.After(hubSettlesWithin)
	for open = p.hubOpen(t, db); open != ""; open = p.hubOpen(t, db) {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-late:
			t.Fatalf("not settled after %s: %s", hubSettlesWithin, open)
		}
	}
	settled := time.Since(began)
	var asking sync.WaitGroup
	for _, l := range all {
		asking.Go(l.again)
	}
	asking.Wait()
	eventually(t, within, "what was asked again is settled, too", func() bool { return p.hubOpen(t, db) == "" })
	books := p.hubBooks(t, db)
	books.check(t)
	p.reconciled(t)
	for _, l := range all {
		l.check(books)
	}
	p.verify(t)
	t.Logf("%d kills; %s; all settled after %s", kills, books, settled.Round(time.Millisecond))
}

// hubSettlesWithin is for how long a dead process holds the subscriptions that it had claimed to renew, and what
// an attempt may take until "not there" is believed of it, with some time for a busy machine.
const hubSettlesWithin = 2*time.Minute + 60*time.Second

// program is how the program's connections are told from the test's own.
const program = "e2e"

// asProgram is the URL of a database for the program.
func asProgram(t testing.TB, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("application_name", program)
	u.RawQuery = q.Encode()
	return u.String()
}

// unlease lets the time be over of all that a dead process had claimed: the short form does not wait for that.
func (p *platform) unlease(t testing.TB, db *pgx.Conn) {
	t.Helper()
	if _, err := db.Exec(t.Context(), `update subscription.subscriptions set leased_until = clock_timestamp() where leased_until > clock_timestamp()`); err != nil {
		t.Fatal(err)
	}
}

// hubOpen tells what is not at its end yet; empty: all is.
func (p *platform) hubOpen(t testing.TB, db *pgx.Conn) string {
	t.Helper()
	for what, query := range map[string]string{
		"charges": `select kind || ' ' || state from subscription.charges where state in ('SENT', 'UNKNOWN', 'REFUNDING')`,
		"subscriptions": `select concat_ws(' ', id, state, due_at, 'leased until', leased_until, tries, 'charges', (select string_agg(state, ',' order by c.id) from subscription.charges c where subscription_id = s.id))
			from subscription.subscriptions s where state = 'PENDING_CHARGE' or due_at <= now() or state in ('ACTIVE', 'GRACE', 'SUSPENDED') and due_at is null`,
		"outbox events": `select type from outbox.events where state = 'pending'`,
		"inbound items": `select kind from smsc.inbound where acknowledged_at is null`,
	} {
		var n int
		var such string
		if err := db.QueryRow(t.Context(), `select count(*), coalesce(min(that), '') from (`+query+`) as open (that)`).Scan(&n, &such); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if n > 0 {
			return fmt.Sprintf("%d %s, such as %s", n, what, such)
		}
	}
	return ""
}

// calendar makes periods end, now and then.
func (p *platform) calendar(t *testing.T, stop <-chan struct{}) {
	db, err := pgx.Connect(context.Background(), p.settings.database)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = db.Close(context.Background()) }()
	for {
		select {
		case <-stop:
			return
		case <-time.After(200 * time.Millisecond):
		}
		if _, err := db.Exec(context.Background(), ageing+` and random() < 0.05`); err != nil {
			t.Error(err)
			return
		}
	}
}

// reconciled wants the hub's own comparison to find no difference.
func (p *platform) reconciled(t testing.TB) {
	t.Helper()
	var days struct {
		Items []struct {
			Day string `json:"day"`
		} `json:"items"`
	}
	status, body := p.admin(t, p.processLayer(), http.MethodGet, "/admin/v1/reconciliations", "")
	if err := json.Unmarshal([]byte(body), &days); err != nil || status != http.StatusOK || len(days.Items) == 0 {
		t.Fatalf("reconciliations: %d %s", status, body)
	}
	for _, one := range days.Items {
		var day struct {
			Products []struct {
				Charged, Refunded, RefundedByOperator, Notified, Undelivered, Unresolved int64
			}
			Differences []json.RawMessage
		}
		status, body := p.admin(t, p.processLayer(), http.MethodGet, "/admin/v1/reconciliations/"+one.Day, "")
		if err := json.Unmarshal([]byte(body), &day); err != nil || status != http.StatusOK || len(day.Products) == 0 || len(day.Differences) > 0 {
			t.Errorf("reconciliation of %s: %d %s", one.Day, status, body)
		}
		for _, m := range day.Products {
			if m.Charged-m.Refunded != m.Notified || m.Undelivered != 0 || m.Unresolved != 0 || m.RefundedByOperator != 0 {
				t.Errorf("reconciliation of %s: %+v", one.Day, m)
			}
		}
	}
}
