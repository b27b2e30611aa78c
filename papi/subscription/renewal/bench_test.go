package renewal

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/catalogue"
	"puente/shared/database/databasetest"
)

// BenchmarkRenewal renews 10,000 subscriptions a day, among as many stored as PUENTE_BENCH_STORED lists (10000,
// 100000 unless it says so; 1000000 takes minutes to prepare), with an operator that answers at once. The time must
// not depend on what is stored. PUENTE_BENCH_DUE makes more or fewer due.
func BenchmarkRenewal(b *testing.B) {
	due := 10_000
	if n, err := strconv.Atoi(os.Getenv("PUENTE_BENCH_DUE")); err == nil {
		due = n
	}
	sizes := os.Getenv("PUENTE_BENCH_STORED")
	if sizes == "" {
		sizes = "10000,100000"
	}
	for _, text := range strings.Split(sizes, ",") {
		stored, err := strconv.Atoi(text)
		if err != nil {
			b.Fatalf("PUENTE_BENCH_STORED: %v", err)
		}
		b.Run("stored="+text, func(b *testing.B) { benchmark(b, due, stored) })
	}
}

func benchmark(b *testing.B, due, stored int) {
	db := databasetest.New(b, migrations)
	w := newWorld(b, db, "2026-03-01 10:00:00")
	w.exec(`drop trigger paid on subscription.subscriptions`)
	w.product(100, catalogue.Day, 990)
	w.fill(due, stored-due)
	s := w.scheduler(db, Defaults())
	day := 0
	var spent time.Duration
	for b.Loop() {
		day++
		w.set(at(b, "2026-03-01 12:00:00").AddDate(0, 0, day))
		began := time.Now()
		renewAll(b, s)
		spent += time.Since(began)
		if w.operator.calls != day*due {
			b.Fatalf("%d calls on %d days", w.operator.calls, day)
		}
	}
	b.ReportMetric(float64(day*due)/spent.Seconds(), "charges/s")
}

// renewAll works what is due as the jobs of one process do.
func renewAll(b *testing.B, s *scheduler) {
	var all sync.WaitGroup
	for range s.cfg.Jobs {
		all.Go(func() {
			for more := true; more; {
				var err error
				if more, _, err = s.Run(context.Background()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// fill stores subscriptions that are due each day, and others that are not in years, each with what it was charged.
func (w *world) fill(due, others int) {
	w.t.Helper()
	ctx := context.Background()
	began := at(w.t, "2026-03-01 10:00:00")
	ids := make([]int64, due)
	err := pgx.BeginFunc(ctx, w.db, func(tx pgx.Tx) (err error) {
		for n := range ids {
			if ids[n], err = w.book.Enter(ctx, tx, msisdn(n)); err != nil {
				return err
			}
			w.lines.add(msisdn(n))
		}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"subscription", "consents"},
			[]string{"id", "line_id", "partner_id", "service_id", "product_id", "pricepoint_id", "amount", "currency", "proof", "given_at", "record"},
			pgx.CopyFromSlice(due, func(n int) ([]any, error) {
				return []any{uuid.New(), ids[n], 1, 10, 100, 100, 990, "CLP", "PIN", began, []byte{1}}, nil
			}))
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.exec(fmt.Sprintf(`insert into subscription.lines (key, msisdn) select int8send(n), '' from generate_series(1, %d) n`, others))
	w.exec(`insert into subscription.consents select gen_random_uuid(), id, 1, 10, 100, 100, 990, 'CLP', 'PIN', now(), '' from subscription.lines where msisdn = ''`)
	w.exec(`insert into subscription.subscriptions (line_id, partner_id, service_id, product_id, pricepoint_id, consent_id, campaign, channel, short_code, tid, user_type, owner_epoch, state, created_at, changed_at, anchor, periods, paid_until, due_at)
		select line_id, 1, 10, 100, 100, id, 'c', 'WEB', '8888', '', '02', 'e1', 'ACTIVE', $1, $1, $1::timestamptz, 1, d.at, d.at
		from subscription.consents, lateral (select case when record = '' then timestamptz '2040-01-01' + random() * interval '1 year' else $1::timestamptz + interval '1 day' end as at) d`, began)
	w.exec(`insert into subscription.charges (key, kind, state, subscription_id, line_id, partner_id, service_id, product_id, pricepoint_id, amount, currency, channel, short_code, tid, user_type, consent_id, correlation, created_at, opened_at, attempts)
		select 'old:' || id, 'RENEWAL', 'SUCCEEDED', id, line_id, 1, 10, 100, 100, 990, 'CLP', 'WEB', '8888', '', '02', consent_id, '', $1, $1, 1 from subscription.subscriptions`, began)
	w.exec(`insert into subscription.attempts (charge_id, number, tx_id, state, sent_at, ends_at) select id, 1, key, 'SUCCEEDED', now(), now() from subscription.charges`)
	w.exec(`insert into subscription.spending select line_id, '2026-02', 'CLP', 990 from subscription.charges`)
	w.exec(`vacuum analyze subscription.subscriptions, subscription.charges, subscription.attempts, subscription.lines, subscription.consents, subscription.spending`)
}
