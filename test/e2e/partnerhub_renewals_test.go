package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	numbers "puente/papi/subscription/line"
	"puente/shared/config"
	"puente/shared/keyring"
	"puente/test/sandbox/carrierbilling"
)

// renewals are the settings of campaigns: what a dead process claimed comes back soon.
var renewals = settings{hub: strings.Replace(hubSettings, "renewal: {", "renewal: {lease: 10s, ", 1)}

// What is due at once is renewed at the operator's pace, once each, though the process is killed twice in the
// middle, and takes no more memory for it. The figures are printed, not asserted.
func TestRenewalCampaign(t *testing.T) {
	long(t, "soak-renewals")
	p := begin(t, typed, renewals)
	const due = 100_000
	p.due(t, due)
	began, before := time.Now(), 0
	killed := 0
	eventually(t, 15*time.Minute, "all are renewed", func() bool {
		done := p.sandbox.CarrierBilling.Asked()
		if step := due / 3; killed < 2 && done > step*(killed+1) {
			killed++
			t.Logf("%d charged in %s, %.0f a second; %.0f MB resident", done, time.Since(began).Round(time.Second), rate(done-before, began), p.edge().metric(t, "process_resident_memory_bytes")/1e6)
			p.edge().kill()
			p.edge().start(t)
			before, began = p.sandbox.CarrierBilling.Asked(), time.Now()
		}
		return done >= due && p.renewed(t) == due
	})
	t.Logf("%d charged after the last kill in %s, %.0f a second; %.0f MB resident", due-before, time.Since(began).Round(time.Second), rate(due-before, began),
		p.edge().metric(t, "process_resident_memory_bytes")/1e6)
	p.chargedOnce(t, due)
}

// An operator that takes 50 charges a second gets as many, and nobody's attempts are used up by it.
func TestRenewalPace(t *testing.T) {
	long(t, "soak-renewals")
	p := begin(t, typed, renewals)
	const limit = 50
	p.sandbox.CarrierBilling.Configure(func(s *carrierbilling.Settings) { s.PerSecond = limit })
	const due = 3000
	p.due(t, due)
	began := time.Now()
	eventually(t, 10*time.Minute, "all are renewed", func() bool { return p.sandbox.CarrierBilling.Asked() >= due && p.renewed(t) == due })
	took := time.Since(began)
	all := p.sandbox.CarrierBilling.Charges()
	perSecond := func(from, to int) float64 { return float64(to-from) / all[to].FiledAt.Sub(all[from].FiledAt).Seconds() }
	t.Logf("%d charged in %s; where %d are taken a second, %.1f from the first to the last, %.1f in the half in the middle", due, took.Round(time.Second), limit,
		perSecond(0, len(all)-1), perSecond(len(all)/4, 3*len(all)/4))
	p.chargedOnce(t, due)
}

func rate(n int, since time.Time) float64 { return float64(n) / time.Since(since).Seconds() }

// due stores so many subscriptions whose next charge was due a minute ago, as an import would. Their lines are charged:
// below 3000 the last digits may say otherwise.
func (p *platform) due(t *testing.T, n int) {
	t.Helper()
	ring, err := keyring.New([]keyring.Key{{ID: "e2e", Secret: config.NewSecret(p.key)}}, "e2e")
	if err != nil {
		t.Fatal(err)
	}
	book, h := numbers.NewBook(ring, slog.New(slog.DiscardHandler)), p.hub.rest
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	db, err := pgx.Connect(ctx, p.settings.database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.WithoutCancel(ctx))
	now := time.Now()
	began := now.Add(-7*24*time.Hour - time.Minute)
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"subscription", "lines"}, []string{"key", "msisdn"}, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
			key, sealed := book.Entry(fmt.Sprintf("5692%03d%d", i/7000, 3000+i%7000))
			return []any{key, sealed}, nil
		}))
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "select id from subscription.lines order by id desc limit $1", n)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		consents := make([]uuid.UUID, n)
		for i := range consents {
			consents[i] = uuid.New()
		}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"subscription", "consents"},
			[]string{"id", "line_id", "partner_id", "service_id", "product_id", "pricepoint_id", "amount", "currency", "proof", "given_at", "record"},
			pgx.CopyFromSlice(n, func(i int) ([]any, error) {
				return []any{consents[i], ids[i], h.id, h.service, h.subscription, h.points + 2, hubWeeklyPrice, "CLP", "PIN", began, []byte{}}, nil
			}))
		if err != nil {
			return err
		}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"subscription", "subscriptions"},
			[]string{"line_id", "partner_id", "service_id", "product_id", "pricepoint_id", "consent_id", "campaign", "channel", "short_code", "tid", "user_type", "owner_epoch",
				"state", "created_at", "changed_at", "anchor", "periods", "paid_until", "due_at"},
			pgx.CopyFromSlice(n, func(i int) ([]any, error) {
				paid := began.AddDate(0, 0, 7)
				return []any{ids[i], h.id, h.service, h.subscription, h.points + 2, consents[i], "juegos", "WEB", h.shortCode, "", "02", "",
					"ACTIVE", began, began, began, 1, paid, paid}, nil
			}))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// renewed is how many subscriptions are paid beyond now.
func (p *platform) renewed(t *testing.T) (n int) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), p.settings.database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.WithoutCancel(t.Context()))
	if err := db.QueryRow(t.Context(), "select count(*) from subscription.subscriptions where paid_until > now() and state = 'ACTIVE'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// chargedOnce holds the operator's ledger against what was due.
func (p *platform) chargedOnce(t *testing.T, due int) {
	t.Helper()
	charges := map[string]int64{}
	for _, c := range p.sandbox.CarrierBilling.Charges() {
		if c.Net() == 0 {
			t.Errorf("%s was %s, and %d given back", c.Operation, c.State, len(c.Refunds))
		}
		if charges[c.MSISDN] += c.Amount; charges[c.MSISDN] != hubWeeklyPrice {
			t.Errorf("a line was charged %d", charges[c.MSISDN])
		}
	}
	if len(charges) != due {
		t.Errorf("%d lines were charged, %d were due", len(charges), due)
	}
}
