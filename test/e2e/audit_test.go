package e2e

import (
	"slices"
	"sync"
)

// witness remembers every answer, so that each can be held against the audit.
type witness struct {
	mu   sync.Mutex
	seen map[string][]int // statuses by correlation
}

func newWitness() *witness { return &witness{seen: map[string][]int{}} }

func (w *witness) saw(a answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if id := a.correlation(); id != "" {
		w.seen[id] = append(w.seen[id], a.status)
	}
}

// answers are the statuses seen, by correlation.
func (w *witness) answers() map[string][]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make(map[string][]int, len(w.seen))
	for id, statuses := range w.seen {
		all[id] = slices.Sorted(slices.Values(statuses))
	}
	return all
}
