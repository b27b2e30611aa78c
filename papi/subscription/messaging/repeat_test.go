package messaging

import (
	"errors"
	"sync"
	"testing"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/repeat"
	"puente/shared/problem"
)

// A message that comes again under its key is sent once, also by requests at once, and answered likewise; what was
// refused may come again, and another message under the key is refused.
func TestMessageUnderAKey(t *testing.T) {
	w := newWorld(t)
	ask := func(text string) (contract.MessageResult, error) {
		return w.SendMessage(t.Context(), Request{
			Product: w.product(1), MSISDN: w.number, ShortCode: "8888", Text: text, Channel: "WEB",
			Name: &repeat.Name{PartnerID: 1, Key: []byte("key"), Fingerprint: []byte(text)},
		})
	}
	if _, err := ask("Hola"); !errors.Is(err, problem.Conflict) {
		t.Fatalf("without a right: %v", err)
	}
	w.subscribe(1, "ACTIVE", noon)
	var all sync.WaitGroup
	var mu sync.Mutex
	ids, replayed := map[string]bool{}, 0
	for range 8 {
		all.Go(func() {
			out, err := ask("Hola")
			mu.Lock()
			defer mu.Unlock()
			if err != nil || out.Segments != 1 {
				t.Errorf("%+v, %v", out, err)
			}
			if ids[out.ID] = true; out.Replayed {
				replayed++
			}
		})
	}
	all.Wait()
	var sent int
	if err := w.db.QueryRow(t.Context(), "SELECT count(*) FROM subscription.messages").Scan(&sent); err != nil || sent != 1 || len(ids) != 1 || replayed != 7 {
		t.Errorf("%d sent under %d ids, %d repetitions, %v", sent, len(ids), replayed, err)
	}
	if _, err := ask("Chao"); !errors.Is(err, problem.Rejected) || problem.Of(err).Code != contract.CodeKeyReused {
		t.Errorf("another message: %v", err)
	}
}
