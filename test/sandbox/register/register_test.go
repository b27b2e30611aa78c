package register

import (
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

type entry struct {
	Number int
	State  string
}

func open(t testing.TB, path string) *Register[entry] {
	t.Helper()
	r, err := New(path, func(e entry) string { return strconv.Itoa(e.Number % 10) }) // several under one key
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func numbered(n int) func(entry) bool { return func(e entry) bool { return e.Number == n } }

// Whatever is filed and changed, a register that opens the journal afterwards holds the same.
func TestJournalHoldsTheRegister(t *testing.T) {
	path := filepath.Join(t.TempDir(), "register.jsonl")
	rapid.Check(t, func(rt *rapid.T) {
		r := open(t, path)
		if err := r.Reset(); err != nil {
			rt.Fatal(err)
		}
		var want []entry
		for range rapid.IntRange(0, 20).Draw(rt, "steps") {
			if len(want) == 0 || rapid.Bool().Draw(rt, "file") {
				e, err := r.File(func(n int) entry { return entry{n, "open"} })
				if err != nil || e.Number != len(want)+1 {
					rt.Fatalf("%+v %v", e, err)
				}
				want = append(want, e)
				continue
			}
			n := rapid.IntRange(1, len(want)).Draw(rt, "number")
			state := rapid.SampledFrom([]string{"open", "closed"}).Draw(rt, "state")
			e, found, err := r.Change(strconv.Itoa(n%10), numbered(n), func(e entry) entry { e.State = state; return e })
			if err != nil || !found {
				rt.Fatalf("%v %v", found, err)
			}
			want[n-1] = e
		}
		for _, again := range []*Register[entry]{r, open(t, path)} {
			if got := again.All(); len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
				rt.Fatalf("got %v, want %v", got, want)
			}
			under := slices.DeleteFunc(slices.Clone(want), func(e entry) bool { return e.Number%10 != 3 })
			if got := again.Under("3"); !slices.Equal(got, under) || again.Len() != len(want) {
				rt.Fatalf("got %v, want %v of %d", got, under, again.Len())
			}
		}
		if _, found, err := r.Change(strconv.Itoa((len(want)+1)%10), numbered(len(want)+1), func(e entry) entry { return e }); found || err != nil {
			rt.Fatalf("changed what is not there: %v", err)
		}
		if _, found := r.Find(numbered(1)); found != (len(want) > 0) {
			rt.Fatal("the first is not found, or found in nothing")
		}
	})
}

// The oldest are forgotten, and the others keep their numbers.
func TestBounded(t *testing.T) {
	r := open(t, "")
	for range limit + 5 {
		if _, err := r.File(func(n int) entry { return entry{Number: n} }); err != nil {
			t.Fatal(err)
		}
	}
	all := r.All()
	if len(all) != limit || all[0].Number != 6 || all[limit-1].Number != limit+5 {
		t.Errorf("%d entries from %d to %d", len(all), all[0].Number, all[len(all)-1].Number)
	}
	if got := r.Under("5"); got[0].Number != 15 || len(got) != limit/10 {
		t.Errorf("%d under a key, the first is %v", len(got), got[0])
	}
	if e, found, err := r.Change("6", numbered(6), func(e entry) entry { e.State = "closed"; return e }); !found || err != nil || r.All()[0] != e {
		t.Errorf("%+v %v %v", e, found, err)
	}
}
