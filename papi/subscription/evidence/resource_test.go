package evidence_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/evidence"
	"puente/shared/problem"
)

func (w *world) subscribers(product int64, states ...string) {
	w.t.Helper()
	for _, state := range states {
		_, err := w.DB.Exec(w.t.Context(), `WITH l AS (INSERT INTO subscription.lines (key, msisdn) VALUES (gen_random_uuid()::text::bytea, '') RETURNING id),
			c AS (INSERT INTO subscription.consents SELECT gen_random_uuid(), l.id, 52272, 2000001784, $1, 1, 1, 'CLP', 'PIN', now(), '' FROM l RETURNING id, line_id)
			INSERT INTO subscription.subscriptions (line_id, partner_id, service_id, product_id, pricepoint_id, consent_id, campaign, channel, short_code, tid, user_type,
				owner_epoch, state, created_at, changed_at, anchor, paid_until, cancelled_at)
			SELECT line_id, 52272, 2000001784, $1, 1, id, '', 'WEB', '8888', '', '02', '', $2, now(), now(), now(), now(), CASE WHEN $2 = 'CANCELLED' THEN now() END FROM c`, product, state)
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// The matrix as a list, a partner's, the totals and a file.
func TestMatrix(t *testing.T) {
	w := newWorld(t)
	w.Apply("partners", "60000", `{"name":"=Otro","country":"CL","environment":"PROD","notify":{},"redirect":{"scheme":"ecb-pkcs5","allowHttpRedirect":true,"allowPlainMsisdn":true,
		"keys":[{"id":"k1","secret":"MDEyMzQ1Njc4OWFiY2RlZg=="}]}}`)
	w.Apply("services", "2000001785", `{"partner":"60000","name":"Música","shortCodes":["8888"]}`)
	w.Apply("products", "77", `{"service":"2000001785","name":"Canciones","kind":"VAS","type":"ONESHOT","oneshotConsent":"partner","pricePoints":[{"id":1,"amount":500}]}`)
	w.subscribers(weekly, "ACTIVE", "ACTIVE", "GRACE", "SUSPENDED", "CANCELLED")
	w.subscribers(free, "ACTIVE")
	w.proved(weekly, 0, 1, 2, 3, 5, 6, 7)
	w.proved(oneShot, acceptance.SubscriptionOneshot)

	list, err := w.List(t.Context(), "acceptances")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, one := range list {
		r := one.(acceptance.Row)
		var states []string
		for _, c := range r.Cells {
			states = append(states, c.State.String())
		}
		got = append(got, strings.Join(append(states, r.ID, string(r.Status), strings.Join(r.Warnings, "+")), ","))
	}
	want := []string{
		"OK Prov,OK Prov,OK Prov,OK Prov,n.a.,OK Prov,OK Prov,OK Prov,52272.1000000001.STAGING,IN_PROGRESS,",
		"NOK,n.a.,NOK,NOK,n.a.,n.a.,n.a.,NOK,52272.1000000002.STAGING,PLANNED,",
		"n.a.,n.a.,n.a.,NOK,OK Prov,n.a.,n.a.,n.a.,52272.1000000003.STAGING,IN_PROGRESS,",
		"n.a.,n.a.,n.a.,n.a.,NOK,n.a.,n.a.,n.a.,60000.77.PROD,DELIVERED,ecb-pkcs5+http redirect+plain MSISDN+unsigned webhooks",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}

	one, err := w.Get(t.Context(), "acceptances", "52272")
	if err != nil {
		t.Fatal(err)
	}
	p := one.(evidence.Partner)
	if len(p.Rows) != 3 || p.Row.Products != 3 || p.Row.Subscriptions != 4 || p.Row.Cells[0].State != acceptance.NOK || p.Row.Cells[1].State != acceptance.OKProv {
		t.Errorf("%+v", p.Row)
	}
	all, err := w.Get(t.Context(), "acceptances", "totals")
	if err != nil {
		t.Fatal(err)
	}
	if m := all.(evidence.Matrix); len(m.Rows) != 2 || m.Totals != (acceptance.Totals{Products: 4, Subscriptions: 4}) || m.Rows[1].Name != "=Otro" || *m.Rows[0].SharePercent != 100 || *m.Rows[1].SharePercent != 0 || m.Source != "hub" {
		t.Errorf("%+v", m)
	}
	for _, id := range []string{"60000.1000000001", "52272.77", "61000", "52272.1000000001.PROD", "nothing"} {
		if _, err := w.Get(t.Context(), "acceptances", id); !errors.Is(err, problem.NotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}

	var file bytes.Buffer
	if err := w.Resource().Exports["csv"].Write(t.Context(), &file); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&file).ReadAll()
	if err != nil || len(lines) != 6 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	at := func(line int, column string) string { return lines[line][slices.Index(lines[0], column)] }
	for _, c := range []struct {
		line         int
		column, want string
	}{
		{1, "seedPercent", "88"}, {1, "applicablePercent", "100"}, {1, "subscriptions", "3"}, {1, "sharePercent", "75"}, {4, "name", "'=Otro / Canciones"},
		{4, "warnings", "ecb-pkcs5; http redirect; plain MSISDN; unsigned webhooks"}, {5, "name", "TOTAL"}, {5, "products", "4"}, {5, "subscriptions", "4"}, {5, "warnings", ""},
	} {
		if got := at(c.line, c.column); got != c.want {
			t.Errorf("line %d, %s: %q, want %q", c.line, c.column, got, c.want)
		}
	}
	file.Reset()
	if err := w.Resource().Exports["json"].Write(t.Context(), &file); err != nil || !json.Valid(file.Bytes()) || !strings.Contains(file.String(), `"applicablePercent":100`) {
		t.Errorf("%s, %v", file.String(), err)
	}
}

// A part of the matrix is what a reader names: a partner, an environment, a status, or several of them.
func TestFilteredExport(t *testing.T) {
	w := newWorld(t)
	w.mustSign("52272.1000000002", `{"by":"Ana","reason":"r","e2e":"OK"}`)
	for of, want := range map[string]int{
		"52272": 3, "60000": 0, "STAGING": 3, "PROD": 0, "PLANNED": 2, "IN_PROGRESS": 1, "52272,IN_PROGRESS": 1, "STAGING,PLANNED": 2, "PROD,PLANNED": 0,
		"planned": -1, "STAGING,PROD": -1, "52272,60000": -1, "": -1, "52272,": -1, "0": -1,
	} {
		var file bytes.Buffer
		err := w.Resource().Exports["csv"].WriteOf(t.Context(), of, &file)
		if want < 0 {
			if !errors.Is(err, problem.Invalid) || problem.Of(err).Fields[0].Path != "of" {
				t.Errorf("%q: %v", of, err)
			}
			continue
		}
		if got := strings.Count(file.String(), "\r\n") - 2; err != nil || got != want { // header and totals
			t.Errorf("%q: %d rows, want %d, %v", of, got, want, err)
		}
	}
}

// Evidence holds for as long as it is configured to.
func TestValidity(t *testing.T) {
	w := newWorld(t)
	w.Desk = evidence.NewDesk(evidence.Config{Validity: 48 * time.Hour}, w.DB, w.Store, func() time.Time { return w.at })
	w.proved(weekly, acceptance.SubscriptionNotifSub)
	for pass, want := range map[time.Duration]string{0: "OK Prov", 48*time.Hour + time.Second: "NOK"} {
		w.pass(pass)
		got, err := w.Desk.Resource().Get(t.Context(), row)
		if err != nil || got.(evidence.Row).Row.Cells[acceptance.SubscriptionNotifSub].State.String() != want {
			t.Errorf("after %s: %+v, %v", pass, got.(evidence.Row).Row.Cells[0], err)
		}
		w.pass(-pass)
	}
	for _, c := range []struct {
		evidence.Config
		good bool
	}{{evidence.Defaults(), true}, {evidence.Config{Validity: time.Hour}, false}, {evidence.Config{}, false}} {
		if err := c.Validate(); (err == nil) != c.good {
			t.Errorf("%+v: %v", c.Config, err)
		}
	}
}

// The seed's table stands beside the matrix, and is not of it.
func TestSeed(t *testing.T) {
	w := newWorld(t)
	one, err := w.Get(t.Context(), "acceptances", "seed")
	if err != nil {
		t.Fatal(err)
	}
	if m := one.(evidence.Matrix); m.Source != "seed" || len(m.Rows) != 13 || m.Totals != (acceptance.Totals{Products: 145, Subscriptions: 776_331}) {
		t.Errorf("%+v", m.Totals)
	}
	var file bytes.Buffer
	if err := w.Resource().Exports["seed-csv"].Write(t.Context(), &file); err != nil || strings.Count(file.String(), "\r\n") != 15 {
		t.Errorf("%s, %v", file.String(), err)
	}
	if _, err := w.sign("seed", `{"by":"Ana","reason":"r","e2e":"OK"}`); !errors.Is(err, problem.Invalid) {
		t.Errorf("it was changed: %v", err)
	}
	if list, err := w.List(t.Context(), "acceptances"); err != nil || len(list) != 3 {
		t.Errorf("%d rows, %v", len(list), err)
	}
}
