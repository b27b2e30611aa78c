package idempotency

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/keyring"
	"puente/shared/problem"
)

// newRing is a key ring of one key.
func newRing(t testing.TB) *keyring.Ring {
	ring, err := keyring.New([]keyring.Key{{ID: "test", Secret: config.NewSecret(base64.StdEncoding.EncodeToString(make([]byte, 32)))}}, "test")
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// newStore is the store of one replica; a time stands in for the clock of the database.
func newStore(t testing.TB, db *database.DB, at ...time.Time) *Store {
	s := New(db, newRing(t), Config{}, databasetest.Logger(t), prometheus.NewRegistry())
	if len(at) > 0 {
		s.at = &at[0]
	}
	return s
}

func payment() Claim {
	return Claim{Scope: "tienda|TIENDA|portabilities|create", Key: "c-1", Path: "/v1/payments/1", Body: []byte(`{"amount":100}`), Deadline: time.Now().Add(time.Minute)}
}

var paid = Answer{Status: http.StatusCreated, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte("{\"order\":\"A-1\"}\n")}

func begin(t testing.TB, s *Store, c Claim, want State) Outcome {
	t.Helper()
	out, err := s.Begin(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if out.State != want {
		t.Fatalf("%v, want %v", out.State, want)
	}
	return out
}

func finish(t testing.TB, s *Store, ticket Ticket) {
	t.Helper()
	if err := s.Finish(t.Context(), ticket, paid); err != nil {
		t.Fatal(err)
	}
}

func same(a *Answer, b Answer) bool {
	return a != nil && a.Status == b.Status && bytes.Equal(a.Body, b.Body) && a.Header.Get("Content-Type") == b.Header.Get("Content-Type")
}

// crowd begins c a hundred times at once, on all replicas, and counts what they met.
func crowd(t testing.TB, c Claim, replicas ...*Store) (map[State]int, Ticket) {
	t.Helper()
	met := map[State]int{}
	var ticket Ticket
	var mu sync.Mutex
	var callers sync.WaitGroup
	for i := range 100 {
		callers.Go(func() {
			out, err := replicas[i%len(replicas)].Begin(t.Context(), c)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			met[out.State]++
			if out.State == Started || out.State == Resumed {
				ticket = out.Ticket
			}
			if out.State == Replayed && !same(out.Answer, paid) {
				t.Errorf("replayed %+v, want the first answer", out.Answer)
			}
		})
	}
	callers.Wait()
	return met, ticket
}

func TestOfManyCopiesOneStarts(t *testing.T) {
	db := databasetest.New(t, Migrations)
	one, other := newStore(t, db), newStore(t, db)
	met, ticket := crowd(t, payment(), one, other)
	if met[Started] != 1 || met[Running] != 99 {
		t.Fatalf("%v, want one started and 99 running", met)
	}
	finish(t, one, ticket)
	if met, _ := crowd(t, payment(), one, other); met[Replayed] != 100 {
		t.Errorf("%v, want 100 replayed", met)
	}
	if n := testutil.ToFloat64(one.begins[Replayed]); n != 50 {
		t.Errorf("counted %v replays on one replica, want 50", n)
	}
}

func TestKeyBelongsToItsScopeAndBody(t *testing.T) {
	s := newStore(t, databasetest.New(t, Migrations))
	first := begin(t, s, payment(), Started)

	otherBody, otherPath, otherScope, otherKey, shifted := payment(), payment(), payment(), payment(), payment()
	otherPath.Path = "/v1/payments/2"
	otherBody.Body = []byte(`{"amount":101}`)
	otherScope.Scope = "kiosk|KIOSKOS|portabilities|create"
	otherKey.Key = "c-2"
	shifted.Scope, shifted.Key = payment().Scope+"c", "-1" // the same letters in a row

	begin(t, s, otherBody, Reused)
	begin(t, s, otherPath, Reused)
	for _, c := range []Claim{otherScope, otherKey, shifted} {
		begin(t, s, c, Started)
	}
	finish(t, s, first.Ticket)
	begin(t, s, otherBody, Reused)
	begin(t, s, payment(), Replayed)
	begin(t, s, otherScope, Running)
}

func TestAnswerSurvivesARestart(t *testing.T) {
	server := databasetest.NewServer(t, Migrations)
	s := newStore(t, server.DB)
	finish(t, s, begin(t, s, payment(), Started).Ticket)
	unfinished := payment()
	unfinished.Key = "c-2"
	begin(t, s, unfinished, Started)

	server.Kill()
	server.Start()
	restarted := newStore(t, server.DB)
	if out := begin(t, restarted, payment(), Replayed); !same(out.Answer, paid) {
		t.Errorf("replayed %+v, want %+v", out.Answer, paid)
	}
	begin(t, restarted, unfinished, Running)
}

func TestUnfinishedClaimGoesToOneAfterItsDeadline(t *testing.T) {
	db := databasetest.New(t, Migrations)
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	c := payment() // its deadline is a minute away
	dead := begin(t, newStore(t, db, noon), c, Started)

	early := newStore(t, db, noon.Add(55*time.Second))
	if met, _ := crowd(t, c, early); met[Running] != 100 {
		t.Errorf("before the deadline %v, want 100 running", met)
	}
	late := noon.Add(65 * time.Second)
	met, ticket := crowd(t, c, newStore(t, db, late), newStore(t, db, late))
	if met[Resumed] != 1 || met[Running] != 99 {
		t.Fatalf("after the deadline %v, want one resumed and 99 running", met)
	}
	s := newStore(t, db, late)
	if err := s.Finish(t.Context(), dead.Ticket, Answer{Status: 500}); !errors.Is(err, ErrTaken) {
		t.Errorf("finish by the one taken over: %v, want %v", err, ErrTaken)
	}
	if err := s.Release(t.Context(), dead.Ticket); err != nil { // and takes nothing from the holder
		t.Error(err)
	}
	finish(t, s, ticket)
	begin(t, newStore(t, db, noon.Add(time.Hour)), c, Replayed)
}

// Who is late but was not taken over may still store its answer.
func TestFinishAfterTheDeadline(t *testing.T) {
	db := databasetest.New(t, Migrations)
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	out := begin(t, newStore(t, db, noon), payment(), Started)
	late := newStore(t, db, noon.Add(time.Hour))
	finish(t, late, out.Ticket)
	begin(t, late, payment(), Replayed)
	if err := late.Finish(t.Context(), out.Ticket, Answer{Status: 500}); !errors.Is(err, ErrTaken) {
		t.Errorf("a second answer: %v, want %v", err, ErrTaken)
	}
	if out := begin(t, late, payment(), Replayed); !same(out.Answer, paid) {
		t.Errorf("replayed %+v, want the first answer", out.Answer)
	}
}

func TestReleasedKeyIsFree(t *testing.T) {
	s := newStore(t, databasetest.New(t, Migrations))
	out := begin(t, s, payment(), Started)
	if err := s.Release(t.Context(), out.Ticket); err != nil {
		t.Fatal(err)
	}
	corrected := payment()
	corrected.Body = []byte(`{"amount":101}`)
	begin(t, s, corrected, Started)
	if err := s.Finish(t.Context(), out.Ticket, paid); !errors.Is(err, ErrTaken) {
		t.Errorf("finish after release: %v, want %v", err, ErrTaken)
	}
}

func TestDatabaseAway(t *testing.T) {
	server := databasetest.NewServer(t, Migrations)
	s := newStore(t, server.DB)
	held := begin(t, s, payment(), Started)
	server.Stop()

	other := payment()
	other.Key = "c-2"
	_, err := s.Begin(context.Background(), other)
	for name, err := range map[string]error{
		"begin": err, "finish": s.Finish(context.Background(), held.Ticket, paid),
		"release": s.Release(context.Background(), held.Ticket), "maintain": s.Maintain(context.Background()),
	} {
		if p := problem.Of(err); p == nil || p.Kind != problem.Unavailable || p.RetryAfter == 0 {
			t.Errorf("%s: %v, want unavailable with a time to retry", name, err)
		}
	}
	server.Start()
	begin(t, s, other, Started)
	finish(t, s, held.Ticket)
	begin(t, s, payment(), Replayed)
}

func TestNothingIsStoredInClear(t *testing.T) {
	db := databasetest.New(t, Migrations)
	s := newStore(t, db)
	finish(t, s, begin(t, s, payment(), Started).Ticket)
	var dump []byte
	err := db.QueryRow(t.Context(), "select key || body || token || answer from idempotency.claims join idempotency.answers using (key, day)").Scan(&dump)
	if err != nil {
		t.Fatal(err)
	}
	for _, clear := range [][]byte{[]byte("c-1"), []byte("amount"), []byte("tienda"), []byte("order")} {
		if bytes.Contains(dump, clear) {
			t.Errorf("%q is stored in clear", clear)
		}
	}
}

func TestAnswerOfAnotherKeyIsNotReplayed(t *testing.T) {
	db := databasetest.New(t, Migrations)
	s := newStore(t, db)
	other := payment()
	other.Key = "c-2"
	finish(t, s, begin(t, s, payment(), Started).Ticket)
	finish(t, s, begin(t, s, other, Started).Ticket)
	// Whoever can write to the table gives each the other's answer.
	_, err := db.Exec(t.Context(), `update idempotency.answers a set answer = b.answer from idempotency.answers b where a.key <> b.key`)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.Begin(t.Context(), other); err == nil {
		t.Errorf("%v with %+v, want an error", out.State, out.Answer)
	}
}

func BenchmarkBeginFinish(b *testing.B) {
	s := newStore(b, databasetest.New(b, Migrations))
	if err := s.Maintain(b.Context()); err != nil {
		b.Fatal(err)
	}
	answer := Answer{Status: 200, Header: paid.Header, Body: make([]byte, 1024)}
	deadline := time.Now().Add(time.Hour)
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			out, err := s.Begin(b.Context(), Claim{Scope: "bench", Key: rand.Text(), Path: "/v1/payments/1", Body: answer.Body[:600], Deadline: deadline})
			if err != nil || out.State != Started {
				b.Error(out.State, err)
				return
			}
			if err := s.Finish(b.Context(), out.Ticket, answer); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
