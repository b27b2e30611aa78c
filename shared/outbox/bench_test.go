package outbox_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/httpclient"
	"puente/shared/outbox"
	"puente/shared/webhook"
)

// What another partner's death costs: how late events reach nine partners, beside a tenth that takes connections and
// never answers, or answers as they do. By hand:
//
//	go test ./shared/outbox -run '^$' -bench 'DeadPartner|PendingHeap' -benchtime 1x
func BenchmarkDeadPartner(b *testing.B) {
	const partners, perSecond, lasts = 10, 200, 20 * time.Second
	for name, dead := range map[string]bool{"all alive": false, "one dead": true} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				delays := late(b, partners, perSecond*int(lasts.Seconds()), time.Second/perSecond, dead)
				slices.Sort(delays)
				ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
				b.ReportMetric(ms(delays[len(delays)/2]), "p50-ms")
				b.ReportMetric(ms(delays[len(delays)*99/100]), "p99-ms")
				b.ReportMetric(ms(delays[len(delays)-1]), "max-ms")
				b.ReportMetric(float64(len(delays)), "delivered")
			}
		})
	}
}

// late adds events, one each so often, to partners in turn, and tells how long after its commit began each of the
// others' reached its partner; the last partner is perhaps dead.
func late(b *testing.B, partners, events int, every time.Duration, dead bool) []time.Duration {
	db := databasetest.New(b, outbox.Migrations)
	var mu sync.Mutex
	var delays []time.Duration
	added := map[string]time.Time{}
	expected := events / partners * (partners - 1)
	all, closing := make(chan struct{}), make(chan struct{})
	heard := func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"status":"0"}`)
		if r.URL.Path == "/last" {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if began, ok := added[r.Header.Get(webhook.HeaderID)]; ok {
			delete(added, r.Header.Get(webhook.HeaderID))
			if delays = append(delays, now.Sub(began)); len(delays) == expected {
				close(all)
			}
		}
	}
	urls, hosts := make([]string, partners), make([]string, partners)
	for i := range partners {
		serve := heard
		if dead && i == partners-1 {
			serve = func(http.ResponseWriter, *http.Request) { <-closing }
		}
		s := httptest.NewServer(http.HandlerFunc(serve))
		defer s.Close()
		urls[i], hosts[i] = s.URL, s.Listener.Addr().String()
	}
	urls[partners-1] += "/last"
	defer close(closing)
	send := sender(b, hosts)
	owner := outbox.Owner{Send: func(ctx context.Context, e outbox.Event, _ int) outbox.Result {
		var i int
		_, _ = fmt.Sscan(e.Destination, &i)
		return send.Send(ctx, webhook.Endpoint{URL: urls[i]}, e.ID.String(), e.Payload)
	}}
	box, stop := running(b, db, owner)
	defer stop()
	beat := time.NewTicker(every)
	defer beat.Stop()
	var adding sync.WaitGroup
	for i := range events {
		<-beat.C
		adding.Go(func() {
			id := uuid.New()
			mu.Lock()
			added[id.String()] = time.Now()
			mu.Unlock()
			err := pgx.BeginFunc(context.Background(), db, func(tx pgx.Tx) error {
				return box.Add(context.Background(), tx, outbox.Event{ID: id, Stream: "s", Destination: fmt.Sprint(i % partners), Key: fmt.Sprint(i), Type: "t", Payload: []byte(`{"updateType":2}`)})
			})
			if err != nil {
				b.Error(err)
			}
		})
	}
	adding.Wait()
	select {
	case <-all:
	case <-time.After(2 * time.Minute):
		b.Errorf("%d of %d came", len(delays), expected)
	}
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(delays)
}

func sender(b *testing.B, hosts []string) *webhook.Sender {
	guard, err := httpclient.NewSSRF(true, hosts...)
	if err != nil {
		b.Fatal(err)
	}
	client := httpclient.New("webhooks", webhook.ClientConfig(httpclient.Config{}, 64), httpclient.Deps{Guard: guard})
	b.Cleanup(client.Close)
	return webhook.NewSender(client, guard, true, time.Now)
}

// running is an outbox whose events are delivered, with the defaults of the configuration.
func running(b *testing.B, db *database.DB, owner outbox.Owner) (*outbox.Outbox, func()) {
	box := outbox.New(nil, time.Now)
	d, err := outbox.NewDeliverer(box, "s", outbox.Config{Grace: time.Millisecond}, owner, outbox.Deps{DB: db, Logger: databasetest.Logger(b), Registerer: prometheus.NewRegistry()})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { _ = d.Run(ctx) }) // why ctx ended
	return box, func() { cancel(); work.Wait() }
}

// What waits for a dead partner is the database's, not the process's: its heap after ten seconds of work, with
// nothing that waits and with 200,000 events.
func BenchmarkPendingHeap(b *testing.B) {
	for _, pending := range []int{0, 200_000} {
		b.Run(fmt.Sprint(pending), func(b *testing.B) {
			for b.Loop() {
				db := databasetest.New(b, outbox.Migrations)
				_, err := db.Exec(context.Background(), `insert into outbox.events (id, stream, destination, key, type, payload, sealed, created_at, due_at, correlation, head)
					select gen_random_uuid(), 's', 'dead', n::text, 't', '{"updateType":2}', false, now(), now(), '', true from generate_series(1, $1) n`, pending)
				if err != nil {
					b.Fatal(err)
				}
				attempts := make(chan struct{}, 1_000_000)
				_, stop := running(b, db, outbox.Owner{Send: func(context.Context, outbox.Event, int) outbox.Result {
					attempts <- struct{}{}
					return outbox.Result{Outcome: outbox.Retry, Reason: "network"}
				}})
				most := uint64(0)
				for range 10 {
					<-time.After(time.Second)
					var m runtime.MemStats
					runtime.GC()
					runtime.ReadMemStats(&m)
					most = max(most, m.HeapAlloc)
				}
				stop()
				b.ReportMetric(float64(most)/(1<<20), "heap-MiB")
				b.ReportMetric(float64(len(attempts)), "attempts")
			}
		})
	}
}
