package webhook

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/database/databasetest"
	"puente/shared/outbox"
)

// TestAPartnerInTrouble sends one event through the outbox to a partner that fails in all ways, and
// then takes it: one id, and a signature of each attempt's own time (promise 21).
func TestAPartnerInTrouble(t *testing.T) {
	db := databasetest.New(t, outbox.Migrations)
	key := secret(t, 24, 'k')
	var mu sync.Mutex
	var ids, signatures []string
	troubles := []func(http.ResponseWriter, *http.Request){
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
		},
		func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"status":"-1"}`) },
		func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
		func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"status":"0"}`) },
	}
	s, address := partner(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if err := Verify(r.Header, time.Unix(int64(1_700_000_000+len(ids)), 0), body, key); err != nil || r.URL.Path != "/hook" {
			t.Errorf("%s: %v", r.URL, err)
		}
		ids, signatures = append(ids, r.Header.Get(HeaderID)), append(signatures, r.Header.Get(HeaderSignature))
		troubles[min(len(ids), len(troubles))-1](w, r)
	})
	s.now = func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Unix(int64(1_700_000_000+len(ids)), 0) }

	o := outbox.New(nil, time.Now)
	event := outbox.Event{Stream: "hub", Destination: "partner/1", Key: "k", Type: "t", Payload: []byte(message)}
	if err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error { return o.Add(t.Context(), tx, event) }); err != nil {
		t.Fatal(err)
	}
	done := make(chan outbox.Attempt, 1)
	owner := outbox.Owner{
		Send: func(ctx context.Context, e outbox.Event, _ int) outbox.Result {
			return s.Send(ctx, Endpoint{URL: address + "/hook", Secrets: []Secret{key}}, e.ID.String(), e.Payload)
		},
		Delivered: func(_ context.Context, _ pgx.Tx, _ outbox.Event, a outbox.Attempt) error { done <- a; return nil },
	}
	steps := make([]time.Duration, 10)
	cfg := outbox.Config{Schedule: steps, Poll: 5 * time.Millisecond}
	cfg.Breaker.Consecutive, cfg.Breaker.MinCalls = 100, 100
	d, err := outbox.NewDeliverer(o, "hub", cfg, owner, outbox.Deps{DB: db, Logger: databasetest.Logger(t), Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run(ctx) }) // why ctx ended
	defer running.Wait()
	defer cancel()
	if a := <-done; a.Number != len(troubles) || a.Status != 200 {
		t.Fatalf("%+v", a)
	}
	mu.Lock()
	defer mu.Unlock()
	different := map[string]bool{}
	for i, id := range ids {
		different[signatures[i]] = true
		if id != ids[0] {
			t.Errorf("id %s after %s", id, ids[0])
		}
	}
	if len(ids) != len(troubles) || len(different) != len(ids) {
		t.Fatalf("%d calls with %d signatures", len(ids), len(different))
	}
}
