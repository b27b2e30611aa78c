package idempotency

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"puente/shared/database/databasetest"
)

// entry is what the model knows of a key.
type entry struct {
	body     string
	holder   int // number of the claim that holds it
	deadline time.Time
	answer   *int // status
}

// Whatever comes in whatever order, within a day: the store does what a map would.
func TestStoreIsAMap(t *testing.T) {
	db := databasetest.New(t, Migrations)
	scope := 0
	rapid.Check(t, func(r *rapid.T) {
		scope++
		now := at(0, 0, 0)
		s := newStore(t, db, now)
		keys := map[string]*entry{}
		var held []struct {
			key    string
			number int
			ticket Ticket
		}
		r.Repeat(map[string]func(*rapid.T){
			"begin": func(r *rapid.T) {
				key := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "key")
				body := rapid.SampledFrom([]string{"x", "y"}).Draw(r, "body")
				life := time.Duration(rapid.IntRange(1, 10).Draw(r, "minutes")) * time.Minute
				out, err := s.Begin(t.Context(), Claim{Scope: string(rune(scope)), Key: key, Body: []byte(body), Deadline: time.Now().Add(life)})
				if err != nil {
					r.Fatal(err)
				}
				want := Started
				e := keys[key]
				switch {
				case e == nil:
				case e.body != body:
					want = Reused
				case e.answer != nil:
					want = Replayed
				case now.Before(e.deadline):
					want = Running
				default:
					want = Resumed
				}
				if out.State != want {
					r.Fatalf("%v, want %v", out.State, want)
				}
				if want == Replayed && out.Answer.Status != *e.answer {
					r.Fatalf("replayed %d, want %d", out.Answer.Status, *e.answer)
				}
				if want == Started || want == Resumed {
					keys[key] = &entry{body: body, holder: len(held), deadline: now.Add(life - time.Second)} // whole minutes: a second of running time does not matter
					held = append(held, struct {
						key    string
						number int
						ticket Ticket
					}{key, len(held), out.Ticket})
				}
			},
			"end": func(r *rapid.T) {
				if len(held) == 0 {
					r.Skip("nothing was claimed yet")
				}
				h := rapid.SampledFrom(held).Draw(r, "claim")
				e := keys[h.key]
				holds := e != nil && e.holder == h.number && e.answer == nil
				if rapid.Bool().Draw(r, "release") {
					if err := s.Release(t.Context(), h.ticket); err != nil {
						r.Fatal(err)
					}
					if holds {
						delete(keys, h.key)
					}
					return
				}
				status := rapid.IntRange(200, 599).Draw(r, "status")
				err := s.Finish(t.Context(), h.ticket, Answer{Status: status})
				if holds != (err == nil) || err != nil && !errors.Is(err, ErrTaken) {
					r.Fatalf("finish: %v, holds: %t", err, holds)
				}
				if holds {
					e.answer = &status
				}
			},
			"wait": func(r *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 15).Draw(r, "minutes")) * time.Minute)
				s.at = &now
			},
		})
	})
}

func TestAnswerReadsBack(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a := Answer{
			Status:  rapid.IntRange(100, 599).Draw(r, "status"),
			Header:  rapid.MapOf(rapid.SampledFrom(kept[:]), rapid.SliceOfN(rapid.String(), 1, 3)).Draw(r, "header"),
			Body:    rapid.SliceOf(rapid.Byte()).Draw(r, "body"),
			Refusal: rapid.String().Draw(r, "refusal"),
		}
		got, err := decodeAnswer(a.encode([]byte("before"))[len("before"):])
		if err != nil || got.Status != a.Status || !bytes.Equal(got.Body, a.Body) || got.Refusal != a.Refusal || !maps.EqualFunc(got.Header, a.Header, slices.Equal) {
			r.Fatalf("%+v, %v, want %+v", got, err, a)
		}
	})
	for _, broken := range []string{"", "{}", "{\nx"} {
		if _, err := decodeAnswer([]byte(broken)); err == nil {
			t.Errorf("%q passes for an answer", broken)
		}
	}
}
